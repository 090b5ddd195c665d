"""What every input may lead to: figures, or an error of one line. Nothing else."""

from __future__ import annotations

import contextlib
import io
import math
import signal
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import numpy as np
import pytest

from detector.cli import main
from eval import Dataset, EvaluationError, evaluate, read_dataset, read_detections
from eval.checking import check
from eval.datasets import Truths
from eval.detections import DetectionTable
from eval.evaluate import PROTOCOLS
from eval.formats import coco_json, number_lines
from eval.formats.compiled.json_numbers import NULS
from eval.formats.results import coco as results_json

T = TypeVar("T")
UNDEMANDING = ("coco", "voc", "voc2007")  # the other protocols need fields that many files lack
TARGETS = ("coco", "yolo", "voc", "csv", "label-studio")
SECONDS = 20  # of one input; the slowest takes less than one
MEMORY_TIMES, MEMORY_MORE = 10, 96 << 20  # times the size of the files, and bytes besides
STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class Refused(str):
    """The message of an EvaluationError."""


class HangError(BaseException):
    """An input took too long; no reader catches this."""


@contextlib.contextmanager
def within_bounds(size: int) -> Iterator[None]:
    """Fail on hangs, on warnings, and on memory over a multiple of the size of the files."""

    def stop(*_: Any) -> None:
        raise HangError(f"takes longer than {SECONDS} seconds")

    before = signal.signal(signal.SIGPROF, stop), signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)  # of the processor, which others may use as well
    signal.alarm(SECONDS * 20)
    resident = _memory(reset=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)
        signal.signal(signal.SIGPROF, before[0])
        signal.signal(signal.SIGALRM, before[1])
    more = _memory(reset=False) - resident
    assert more <= MEMORY_TIMES * size + MEMORY_MORE, f"{more} bytes of memory for {size} in files"


def _memory(*, reset: bool) -> int:
    """The largest resident memory in bytes since the last reset; 0 where Linux does not tell."""
    try:
        if reset:
            RESET.write_text("5")
        line = next(line for line in STATUS.read_text().splitlines() if "VmHWM" in line)
        return int(line.split()[1]) << 10
    except (OSError, StopIteration):
        return 0


def outcome(call: Callable[[], T], names: tuple[str, ...]) -> T | Refused:
    """The result, or the message of the error, which is one line and names a file."""
    try:
        return call()
    except EvaluationError as error:
        message = str(error)
    assert len(message.splitlines()) == 1, f"not one line: {message!r}"
    assert len(message) < 1500, f"{len(message)} characters: {message!r}"
    assert any(name in message for name in (*names, ".xml", ".txt")), f"names no file: {message!r}"
    return Refused(message)


def judge(random: Random, truth: Any, results: Any, names: tuple[str, ...], folder: Path) -> str:
    """Read, evaluate, and sometimes check, convert and report; returns "read" or "refused".

    `truth` and `results` are paths or objects.
    """
    dataset = outcome(lambda: read_dataset(truth), names)
    is_path = isinstance(truth, Path)
    if is_path:
        _both_paths(truth, dataset)
        if not str(dataset).endswith("pass it as --detections and the ground truth as --data"):
            _linter_agrees(lambda: check(truth), dataset, names)
    if isinstance(dataset, Refused):
        if is_path and random.random() < 0.05:
            command(["evaluate", "--data", truth, "--detections", results], 1)
        return "refused"
    table = outcome(lambda: read_detections(results, dataset), names)
    if isinstance(results, Path):
        _both_result_paths(results, dataset, table)
        _linter_agrees(lambda: check(results, dataset), table, names)
    if is_path:
        _commands(random, truth, results, folder, refused=isinstance(table, Refused))
    if isinstance(table, Refused):
        return "refused"
    protocol = random.choice(list(PROTOCOLS))
    report = outcome(lambda: evaluate(table, dataset, protocol), ("ground truth", *names))
    if isinstance(report, Refused):
        assert protocol not in UNDEMANDING, report
        return "read"
    figures = [report.map, *report.stats.values(), *report.per_class.values()]
    assert all(math.isnan(one) or 0 <= one <= 1 + 1e-9 for one in figures), figures
    assert all("\n" not in note for note in report.notes), report.notes
    report.table()
    return "read"


def _linter_agrees(call: Callable[[], Any], read: Any, names: tuple[str, ...]) -> None:
    """`check` has errors if and only if reading fails."""
    findings = outcome(call, names)
    if isinstance(findings, Refused):
        assert isinstance(read, Refused), f"read, but the linter refuses: {findings}"
        return
    errors = [str(one) for one in findings if one.severity == "error"]
    if not isinstance(read, Refused) and "not valid UTF-8" in "".join(errors):
        return  # see _lacks_utf8
    assert bool(errors) == isinstance(read, Refused), f"read: {read!r}; linter: {errors}"


def _both_paths(path: Path, read: Dataset | Refused) -> None:
    """Compiled code and plain code read the same ground truth, or both refuse it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coco_json, "_read_quickly", lambda *_: None)
        patch.setattr(number_lines, "read_lines", plain_lines)
        plain = outcome(lambda: read_dataset(path), ("",))
    if not isinstance(read, Refused) and _lacks_utf8(path, plain):
        return
    if isinstance(read, Refused) or isinstance(plain, Refused):
        # Python has digits where the compiled code has a float.
        kinds = [str(one).partition(" is ")[0] for one in (read, plain)]
        assert kinds[0] == kinds[1], f"compiled: {read!r}; plain: {plain!r}"
        return
    assert (read.images, read.class_names, read.notes) == (
        plain.images, plain.class_names, plain.notes,
    )  # fmt: skip
    assert read.category_ids == plain.category_ids
    assert same(read.starts, plain.starts)
    assert same(read.excluded, plain.excluded)
    one, other = read.all_truths, plain.all_truths
    for field in Truths.__dataclass_fields__:
        assert same(getattr(one, field), getattr(other, field)), field


def _both_result_paths(path: Path, dataset: Dataset, read: DetectionTable | Refused) -> None:
    """The same for results."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(results_json, "_read_quickly", lambda *_: None)
        patch.setattr(number_lines, "read_lines", plain_lines)
        plain = outcome(lambda: read_detections(path, dataset), ("",))
    if not isinstance(read, Refused) and _lacks_utf8(path, plain):
        return
    if isinstance(read, Refused) or isinstance(plain, Refused):
        # Python has digits where the compiled code has a float.
        kinds = [str(one).partition(" is ")[0] for one in (read, plain)]
        assert kinds[0] == kinds[1], f"compiled: {read!r}; plain: {plain!r}"
        return
    assert read.notes == plain.notes
    for field in ("images", "labels", "boxes", "scores"):
        assert same(getattr(read, field), getattr(plain, field)), field


def _lacks_utf8(path: Path, plain: Any) -> bool:
    """Compiled code passes over fields that nobody reads, which need not be UTF-8 then."""
    files = path.rglob("*.json") if path.is_dir() else [path]
    try:
        for file in files if isinstance(plain, Refused) else ():
            file.read_bytes().decode()
    except UnicodeDecodeError:
        return True
    return False


def plain_lines(text: np.ndarray, *others: Any) -> bool:
    """A stand-in for the compiled reader of number lines: every line is left to Python."""
    place, content = others[4], text.tobytes()
    end = len(content) - NULS
    at, line = int(place[0]), int(place[1])
    while at < end:
        stop = content.find(b"\n", at)
        stop = end if stop < 0 else stop
        if content[at:stop].strip():
            place[0], place[1] = at, line
            return True
        at, line = stop + 1, line + 1
    return False


def same(one: Any, other: Any) -> bool:
    """Equal values of equal types; NaN equals NaN."""
    if not isinstance(one, np.ndarray):
        return bool(one == other)
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    if one.dtype == object:  # ids of annotations, of any type
        pairs = zip(one.ravel(), other.ravel(), strict=True)
        return all(a == b or (a != a and b != b) for a, b in pairs)
    return bool(np.array_equal(one, other, equal_nan=one.dtype.kind == "f"))


def _commands(random: Random, truth: Path, results: Any, folder: Path, *, refused: bool) -> None:
    """Some inputs go through the command line as well."""
    chance, out = random.random(), folder / "out"
    words: list[Any] = ["evaluate", "--data", truth, "--detections", results]
    if chance < 0.02:
        command([*words, "--report", out, "--protocol", random.choice(UNDEMANDING)], int(refused))
    elif chance < 0.05:
        command([*words, "--protocol", random.choice(UNDEMANDING)], int(refused))
    elif chance < 0.25:
        target = random.choice(TARGETS)
        if command(["convert", truth, "--to", target, "-o", out, "--no-images"]) == 0:
            _read_again(out, target)
    elif chance < 0.35:
        target = random.choice(("coco", "yolo", "csv", "label-studio"))
        words = ["convert", truth, "--detections", results, "--to", target, "-o", out]
        code = command([*words, "--no-images"])
        assert code or not refused, f"exit code {code}"
    elif chance < 0.4:
        command(["check", results, "--data", truth], int(refused))


def _read_again(folder: Path, target: str) -> None:
    """What was converted to COCO or VOC can be read."""
    if target == "coco":
        for path in folder.rglob("*.json"):
            read_dataset(path)
    elif target == "voc" and any(folder.rglob("*.xml")):
        read_dataset(folder, split=next((folder / "ImageSets/Main").glob("*.txt")).stem)


def command(words: list[Any], code: int | None = None) -> int:
    """Run `detect` in this process; its messages are lines without a traceback."""
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        done = main([str(word) for word in words])
    message = errors.getvalue()
    assert "Traceback" not in message, message
    assert "Warning" not in message, message
    assert done in ((0, 1, 2) if code is None else (code, 2)), f"exit code {done}: {message}"
    return done
