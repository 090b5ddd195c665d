"""Faults on standard error, progress in a terminal and in a log file, and streams that are closed.

Results are neither lost in silence nor misdirected if a standard stream is closed or full.
"""

from __future__ import annotations

import ast
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from detector import console
from detector.console import LINE_EVERY, notify_failure, track
from tests.detector.command import save

PACKAGE = Path(__file__).parents[2] / "detector"
CLOSED, FULL = ">&-", ">/dev/full"
needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")


def shown(
    monkeypatch: pytest.MonkeyPatch,
    seconds_each: float,
    total: int,
    done: int = 0,
    kept: int = 0,
    **options: Any,
) -> str:
    """The progress of the items after `done`; each takes `seconds_each`, the `kept` first none."""
    now = [1000.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    out = io.StringIO()
    items = iter(range(done, total))
    for item in track(items, "detecting", total, done, Console(file=out, **options)):
        now[0] += seconds_each if item >= done + kept else 0
    return out.getvalue()


def test_a_log_file_gets_a_line_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, seconds_each=LINE_EVERY / 2, total=5).splitlines()
    assert lines == ["detecting 2/5, 0:01:30 left", "detecting 4/5, 0:00:30 left"]


def test_short_work_writes_nothing_into_a_log_file(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, seconds_each=LINE_EVERY / 8, total=7) == ""


def test_a_continued_run_estimates_from_its_own_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    first, *_ = shown(monkeypatch, seconds_each=LINE_EVERY, total=100, done=90).splitlines()
    assert first == "detecting 91/100, 0:09:00 left"


def test_results_that_were_kept_soon_leave_the_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, LINE_EVERY, total=100, kept=90).splitlines()
    assert lines[2] == "detecting 93/100, 0:07:00 left"


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    bar = shown(monkeypatch, seconds_each=1, total=3, force_terminal=True, width=100)
    assert "detecting" in bar and "3/3" in bar and "━" in bar


def test_one_item_needs_no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, 2 * LINE_EVERY, total=9, done=8) == ""
    assert shown(monkeypatch, 2 * LINE_EVERY, total=1, force_terminal=True) == ""


@pytest.mark.parametrize(
    ("message", "line"),
    [("a.jpg: empty", "detect: a.jpg: empty\n"), ("empty", "detect: a.jpg: empty\n")],
)
def test_a_failure_names_its_picture_once(
    message: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    notify_failure("a.jpg", ValueError(message))
    assert capsys.readouterr().err == line


@pytest.fixture
def folder(tmp_path: Path, small_dataset: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a data set truth.json and results.json."""
    truth = json.loads(small_dataset.read_text())
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    rows = [{**row, "score": 0.5} for row in truth["annotations"]]
    (tmp_path / "results.json").write_text(json.dumps(rows))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    return tmp_path


def shell(words: str, redirection: str) -> subprocess.CompletedProcess[str]:
    """`detect` run by a shell; both streams are captured where they are not redirected."""
    command = f'"{sys.executable}" -m detector.cli {words} {redirection}'
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    return subprocess.run(command, shell=True, capture_output=True, text=True, env=environment)


@pytest.mark.parametrize(
    ("redirection", "reason"),
    [
        (CLOSED, "Bad file descriptor"),
        pytest.param(FULL, "No space left on device", marks=needs_full),
    ],
)
@pytest.mark.parametrize(
    "words",
    [
        "--help",
        "cache",
        "check truth.json",
        "check truth.json --json -",
        "convert truth.json --to coco --no-images -o out",
        "evaluate --data truth.json --detections results.json",
    ],
)
def test_results_that_cannot_be_printed_are_a_failure(
    words: str, redirection: str, reason: str, folder: Path
) -> None:
    run = shell(words, redirection)
    message = f"detect: standard output: cannot be written ({reason}); "
    assert run.returncode == 1 and run.stdout == ""
    assert run.stderr.splitlines()[-1].startswith(message)
    assert run.stderr.count("standard output") == 1 and "Traceback" not in run.stderr


def test_messages_of_a_closed_standard_error_do_not_get_into_the_results(folder: Path) -> None:
    words = "evaluate --data truth.json --detections results.json --save saved.json"
    with_messages, without = shell(words, ""), shell(words, "2>&-")
    assert "detections: saved.json" in with_messages.stderr
    assert without.returncode == 0 and without.stdout == with_messages.stdout
    assert json.loads((folder / "saved.json").read_text())  # and not in files either


@pytest.mark.parametrize(
    "redirection",
    ["2>&-", pytest.param("2>/dev/full", marks=needs_full), ">&- 2>&- <&-"],
)
def test_an_exit_code_needs_no_stream(redirection: str, folder: Path) -> None:
    run = shell("trian", redirection)
    assert (run.returncode, run.stdout, run.stderr) == (2, "", "")


def test_a_name_that_the_terminal_cannot_print_is_escaped(folder: Path) -> None:
    (folder / "猫.json").write_bytes((folder / "truth.json").read_bytes())
    run = shell("check 猫.json", "")
    assert "猫.json: 6 images" in run.stdout
    os.environ["PYTHONIOENCODING"] = "ascii"
    try:
        escaped = shell("check 猫.json", "")
    finally:
        del os.environ["PYTHONIOENCODING"]
    assert escaped.returncode == 0 and "\\u732b.json: 6 images" in escaped.stdout


def test_only_show_writes_results() -> None:
    """It alone reports that they could not be written."""
    places = {
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in PACKAGE.rglob("*.py")
        if path.name != "console.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if writes_on_standard_output(node)
    }
    assert places == set()


def writes_on_standard_output(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        return ast.unparse(node) == "sys.stdout"
    if not (isinstance(node, ast.Call) and ast.unparse(node.func) == "print"):
        return False
    return "file" not in keywords(node)


def keywords(call: ast.Call) -> Iterator[str | None]:
    return (keyword.arg for keyword in call.keywords)


@needs_full
def test_status_lines_that_cannot_be_printed_do_not_end_the_work(folder: Path) -> None:
    save(folder / "street.png")
    run = shell("propose --method selective_search -o out street.png", "2>/dev/full")
    assert run.returncode == 0 and (folder / "out/proposals.jsonl").is_file()
