"""Read lines of numbers separated by blanks into a table.

Compiled code reads the usual lines; Python reads the unusual ones and describes the faulty ones.
Two million lines of seven numbers take 0.8 s. np.loadtxt takes 2.5 s, keeps no line numbers, stops
at the first fault and accepts NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from eval.formats.compiled.json_numbers import NULS, POWERS_OF_FIVE, POWERS_OF_TEN
from eval.formats.compiled.text_numbers import read_lines
from eval.formats.faults import Fault, FaultHandler


def number_of(text: str | bytes | None) -> float:
    """A finite number, or NaN for anything else."""
    try:
        value = float(text or "nan")
    except ValueError:
        return math.nan
    # float() also accepts digits grouped by underscores, and those of other scripts.
    plain = text.decode("ascii", "replace") if isinstance(text, bytes) else text or ""
    odd = "_" in plain or not plain.isascii()
    return value if math.isfinite(value) and not odd else math.nan


def whole_number(word: str) -> int | None:
    """The number of at most 18 digits that a word consists of; None if it is another word."""
    return int(word) if word.isascii() and word.isdigit() and len(word) <= 18 else None


def number_table(
    content: bytes,
    fields: tuple[str, ...],
    source: str,
    on_fault: FaultHandler,
    *,
    word: str = "",
    blanks: bool = False,
    reshape: Callable[[list[bytes]], list[float] | None] | None = None,
) -> tuple[np.ndarray, np.ndarray, list[bytes]]:
    """Read lines with one finite number for each of `fields`; empty lines are skipped.

    Parameters
    ----------
    word
        What each line begins with before the numbers of `fields`; "" if it begins with a number.
    blanks
        Whether the word may contain blanks, as names of files do; then it is no number.
    reshape
        Called with the words of each line that has another number of columns; it returns the
        numbers for `fields`, or None if the line is faulty.
    on_fault
        Called for each line with a wrong number of columns and for each word that is no number;
        these lines are left out.

    Returns
    -------
    table, lines, names
        (N, len(fields)) float64, (N,) int64 line numbers, and the N words, if there are any.
    """
    named = bool(word)
    text = np.frombuffer(content + bytes(NULS), np.uint8)
    capacity = content.count(b"\n") + 1
    table = np.empty((capacity, len(fields)))
    lines = np.empty(capacity, np.int64)
    names = np.empty((capacity if named else 0, 2), np.int64)
    scratch = np.empty(1, np.uint64)
    place = np.array([0, 1, 0])  # next byte, its line, rows so far
    fixed = (text, POWERS_OF_FIVE, POWERS_OF_TEN, scratch, int(named))
    while read_lines(*fixed, place, table, lines, names):
        at, line, row = place.tolist()
        end = content.find(b"\n", at)
        end = len(content) if end < 0 else end
        words = content[at:end].split()
        if blanks and len(words) > len(fields) + 1:
            spaced = content[at:end].strip().rsplit(None, len(fields))
            words = spaced if math.isnan(number_of(spaced[0].split()[0])) else words
        values = reshape(words) if reshape and len(words) != len(fields) + named else None
        if values is None:
            values = _odd_line(words, fields, f"{source}: line {line}", on_fault, word)
        if values is not None:
            table[row], lines[row] = values, line
            if named:
                begin = at + len(content[at:end]) - len(content[at:end].lstrip())
                names[row] = begin, begin + len(words[0])
        place[:] = end + 1, line + 1, row + (values is not None)
    rows = place[2]
    words = [content[begin:end] for begin, end in names[:rows].tolist()]
    return table[:rows].copy(), lines[:rows].copy(), words


def _odd_line(
    words: list[bytes], fields: tuple[str, ...], where: str, on_fault: FaultHandler, word: str
) -> list[float] | None:
    """The numbers of a line that compiled code cannot read; None if the line is faulty."""
    named = bool(word)
    if len(words) != len(fields) + named:
        expected = " ".join((word, *fields) if named else fields)
        message = f"{len(words)} columns; expected {len(fields) + named}: {expected}"
        on_fault(Fault(where, "columns", message, "wrong number of columns"))
        return None
    values = [number_of(word) for word in words[named:]]
    bad = [column for column, value in enumerate(values) if math.isnan(value)]
    for column in bad:
        shown = words[named + column].decode(errors="replace")
        message = f"{fields[column]} is {shown!r:.40}; expected a finite number"
        on_fault(Fault(where, fields[column], message, "not a finite number"))
    return None if bad else values
