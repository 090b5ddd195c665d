"""Read lines of numbers separated by blanks; called by formats.number_lines.

Text is an array of bytes followed by NULS NULs (see json_numbers).
"""

from __future__ import annotations

from eval.compiled import kernel
from eval.formats.compiled.json_numbers import NULS, PLAIN, read_number
from rcnn_kernels import helper

_NEWLINE, _SPACE, _TAB, _RETURN = 10, 32, 9, 13


@helper
def _skip_blanks(text, at):  # type: ignore[no-untyped-def]
    while text[at] == _SPACE or text[at] == _TAB or text[at] == _RETURN:
        at += 1
    return at


@kernel("u1[1] u8[2] f8[1] u8[1] i8 i8[1] f8[2] i8[1] i8[2] -> i8")
def read_lines(  # type: ignore[no-untyped-def]
    text, powers, tens, scratch, named, place, table, lines, names
):
    """Fill rows from `place` on; return 0 at the end of the text, 1 at a line for Python."""
    last = len(text) - NULS
    while place[0] < last:
        row = place[2]
        at = _skip_blanks(text, place[0])
        if text[at] != _NEWLINE and at < last:
            if named:
                begin = at
                while text[at] > _SPACE:
                    at += 1
                names[row, 0], names[row, 1] = begin, at
            for column in range(table.shape[1]):
                after = _skip_blanks(text, at)
                if after == at and (named or column > 0):
                    return 1
                at, outcome, value = read_number(text, after, powers, tens, scratch)
                if outcome != PLAIN:
                    return 1
                table[row, column] = value
            at = _skip_blanks(text, at)
            if text[at] != _NEWLINE and at < last:
                return 1
            lines[row] = place[1]
            place[2] = row + 1
        place[0] = at + 1
        place[1] += 1
    return 0
