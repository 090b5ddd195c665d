"""Text files of lines of words and numbers; .gz is unpacked on the way."""

from __future__ import annotations

import gzip
import math
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from eval.formats.faults import Fault, Report
from eval.records import EvaluationError

CHUNK = 1 << 22  # bytes looked at together: small enough for the processor's cache
NEWLINE, SPACE = 10, 32  # all control characters count as space


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """A file's content.

    Raises
    ------
    EvaluationError
        No such file, unreadable, or a damaged .gz.
    """
    try:
        content = Path(path).read_bytes()
        return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except FileNotFoundError:
        raise EvaluationError(f"{os.fspath(path)}: no such file; check the path") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise EvaluationError(
            f"{os.fspath(path)}: damaged or cut short ({error}); write it again"
        ) from None
    except OSError as error:
        raise EvaluationError(f"{os.fspath(path)}: cannot be read ({error.strerror})") from error


def first_line(path: Path) -> bytes:
    """The first line that is not empty, without blanks around it."""
    try:
        with open(path, "rb") as file:
            begin = file.read(1 << 16)
        if begin[:2] == b"\x1f\x8b":
            begin = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(begin)
    except FileNotFoundError:
        raise EvaluationError(f"{path}: no such file; check the path") from None
    except zlib.error as error:
        raise EvaluationError(f"{path}: damaged ({error}); write it again") from None
    except OSError as error:
        raise EvaluationError(f"{path}: cannot be read ({error.strerror})") from error
    return begin.removeprefix(b"\xef\xbb\xbf").strip().partition(b"\n")[0]


def decoded(content: bytes, source: str) -> str:
    """UTF-8 text, with or without a byte order mark."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise EvaluationError(
            f"{source}: line {line} is not UTF-8 text; save the file as UTF-8"
        ) from None


def word_lines(path: Path) -> list[tuple[int, list[str]]]:
    """(line number, words) of each line that is not empty."""
    lines = decoded(read_bytes(path), path.name).splitlines()
    pairs = [(number, line.split()) for number, line in enumerate(lines, start=1)]
    return [(number, words) for number, words in pairs if words]


def number_of(text: str | bytes | None) -> float:
    """A finite number, or NaN for anything else."""
    try:
        value = float(text or "nan")
    except ValueError:
        return math.nan
    # Python's float() would also take 1_000.
    odd = b"_" in text if isinstance(text, bytes) else "_" in (text or "")
    return value if math.isfinite(value) and not odd else math.nan


def number_table(
    content: bytes, fields: tuple[str, ...], source: str, report: Report, *, named: bool = False
) -> tuple[np.ndarray, np.ndarray, list[bytes]]:
    """Lines of finite numbers parted by blanks, one for each of `fields`; empty lines are skipped.

    Parameters
    ----------
    named
        Each line begins with a word, for which `fields` holds no name.

    Returns
    -------
    table, lines, names
        (N, len(fields)) float64, (N,) int64 line numbers, and the N words if `named`.
    """
    tables, lines, names = [np.empty((0, len(fields)))], [np.empty(0, np.int64)], []
    first = 1
    for chunk in _chunks(content):
        found = _whole_chunk(chunk, len(fields), named)
        if found is None:
            found = _line_by_line(chunk, fields, f"{source}: line", first, report, named)
        tables.append(found[0])
        lines.append(found[1] + first)
        names.extend(found[2])
        first += chunk.count(b"\n")
    return np.concatenate(tables), np.concatenate(lines), names


def _chunks(content: bytes) -> Iterator[bytes]:
    """Pieces that end with a line."""
    start = 0
    while start < len(content):
        stop = content.find(b"\n", min(start + CHUNK, len(content))) + 1 or len(content)
        yield content[start:stop]
        start = stop


_Lines = tuple[np.ndarray, np.ndarray, list[bytes]]


def _whole_chunk(chunk: bytes, columns: int, named: bool) -> _Lines | None:
    """Table, line numbers from 0 and names; None if any line is not as it should be."""
    width = columns + named
    codes = np.frombuffer(chunk, np.uint8)
    inside = codes > SPACE
    begins = inside.copy()
    begins[1:] &= ~inside[:-1]
    word_starts = np.flatnonzero(begins)
    line_ends = np.append(np.flatnonzero(codes == NEWLINE), len(codes))
    words = np.diff(np.searchsorted(word_starts, line_ends), prepend=0)
    if not ((words == width) | (words == 0)).all():
        return None
    names: list[bytes] = []
    if named:
        names = chunk.split()[::width]
        column = (np.cumsum(begins, dtype=np.int32) - 1) % width
        chunk = np.where(column == 0, np.uint8(SPACE), codes).tobytes()
    try:
        # The only text parser of NumPy's that is both quick and correctly rounded.
        numbers = np.fromstring(chunk, sep=" ") if len(word_starts) else np.empty(0)
    except (ValueError, DeprecationWarning):
        return None
    if len(numbers) != len(word_starts) // width * columns or not np.isfinite(numbers).all():
        return None
    return numbers.reshape(-1, columns), np.flatnonzero(words), names


def _line_by_line(
    chunk: bytes, fields: tuple[str, ...], where: str, first: int, report: Report, named: bool
) -> _Lines:
    """The same, slowly; faults are reported and their lines left out."""
    rows, lines, names = [], [], []
    expected = " ".join(("image", *fields) if named else fields)
    for number, line in enumerate(chunk.split(b"\n")):
        words = line.split()
        if not words:
            continue
        here = f"{where} {first + number}"
        if len(words) != len(fields) + named:
            message = f"{len(words)} columns; expected {len(fields) + named}: {expected}"
            report(Fault(here, "columns", message, "wrong number of columns"))
            continue
        values = [number_of(word) for word in words[named:]]
        bad = [i for i, value in enumerate(values) if math.isnan(value)]
        for i in bad:
            text = words[named + i].decode(errors="replace")
            message = f"{fields[i]} is {text!r:.40}; expected a finite number"
            report(Fault(here, fields[i], message, "not a finite number"))
        if not bad:
            rows.append(values)
            lines.append(number)
            names.extend(words[:named])
    table = np.array(rows, dtype=np.float64).reshape(-1, len(fields))
    return table, np.array(lines, dtype=np.int64), names
