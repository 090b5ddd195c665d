"""Find the values of records' fields in JSON text, and read them field by field, in compiled code.

Called by eval.pycocotools.text_records. Text is an array of bytes followed by NULS NULs (see
json_numbers). A place is where a value begins in the text; 0 stands for a field that is absent.
"""

from __future__ import annotations

import numpy as np

from eval.formats.compiled.json_numbers import PLAIN, byte, read_number
from eval.formats.compiled.json_records import is_field, read_flag, read_integer
from eval.formats.compiled.json_values import skip_key, skip_space, skip_string, skip_value
from eval.pycocotools.compiled import kernel
from rcnn_kernels import helper, load_word

_QUOTE, _BACKSLASH, _COMMA = 34, 92, 44
_OPEN_LIST, _CLOSE_LIST, _OPEN_OBJECT, _CLOSE_OBJECT = 91, 93, 123, 125
_COUNTS = np.uint64(int.from_bytes(b'"counts"', "little"))
_SIZE = np.uint64(int.from_bytes(b'"size"', "little"))
_SIX_BYTES = np.uint64(0xFFFFFFFFFFFF)


@kernel("u1[1] i8 u8[2] i8[1] u8[2] f8[1] u8[1] i8[1] i8[3] i8[1] -> i8")
def find_fields(  # type: ignore[no-untyped-def]
    text, begin, names, lengths, powers, tens, scratch, following, places, ended
):
    """Write where each field's value begins and ends, in each record of the list at `begin`.

    Returns the number of records, -1 if the list is unusual. `following` has the field that usually
    follows each field, the last one being that of the first; `ended` gets the place after the list.
    """
    if byte(text, begin) != _OPEN_LIST:
        return -1
    row = 0
    at = skip_space(text, begin + 1)
    if byte(text, at) == _CLOSE_LIST:
        ended[0] = at + 1
        return 0
    while True:
        if byte(text, at) != _OPEN_OBJECT or row == len(places):
            return -1
        at = skip_space(text, at + 1)
        last = len(lengths)
        while True:  # a record without fields is unusual
            field = following[last]
            if not is_field(text, at, names, field):
                field = len(lengths) - 1
                while field >= 0 and not is_field(text, at, names, field):
                    field -= 1
                if field < 0:
                    end = skip_string(text, at)
                    for i in range(at, end):
                        if byte(text, i) == _BACKSLASH:  # it might be the name of a field
                            return -1
                else:
                    following[last] = field
            at = skip_key(text, at)
            if at < 0:
                return -1
            value = at
            at = skip_value(text, at, powers, tens, scratch)
            if at < 0:
                return -1
            if field >= 0:
                last = field
                places[row, field, 0], places[row, field, 1] = value, at
            at = skip_space(text, at)
            if byte(text, at) != _COMMA:
                break
            at = skip_space(text, at + 1)
        if byte(text, at) != _CLOSE_OBJECT:
            return -1
        at = skip_space(text, at + 1)
        row += 1
        if byte(text, at) == _CLOSE_LIST:
            ended[0] = at + 1
            return row
        if byte(text, at) != _COMMA:
            return -1
        at = skip_space(text, at + 1)


@kernel("u1[1] i8[1] i8[1] -> i8")
def read_integers(text, places, values):  # type: ignore[no-untyped-def]
    """Read an integer at each place; the result is the number of those before the first other."""
    for row in range(len(places)):
        if places[row] == 0 or read_integer(text, places[row], values[row : row + 1]) < 0:
            return row
    return len(places)


@kernel("u1[1] i8[1] u1[1] -> i8")
def read_flags(text, places, values):  # type: ignore[no-untyped-def]
    """Read 0, 1, false or true at each place, as read_integers; absent is 0."""
    for row in range(len(places)):
        values[row] = 0
        if places[row] != 0:
            value, _ = read_flag(text, places[row])
            if value < 0:
                return row
            values[row] = value
    return len(places)


@kernel("u1[1] i8[1] u8[2] f8[1] u8[1] f8[1] -> i8")
def read_numbers(text, places, powers, tens, scratch, values):  # type: ignore[no-untyped-def]
    """Read a number at each place, as read_integers."""
    for row in range(len(places)):
        if places[row] == 0:
            return row
        _, outcome, values[row] = read_number(text, places[row], powers, tens, scratch)
        if outcome != PLAIN:
            return row
    return len(places)


@kernel("u1[1] i8[1] u8[2] f8[1] u8[1] f8[2] -> i8")
def read_boxes(text, places, powers, tens, scratch, boxes):  # type: ignore[no-untyped-def]
    """Read a list of four numbers at each place, as read_integers."""
    for row in range(len(places)):
        at = places[row]
        if at == 0 or byte(text, at) != _OPEN_LIST:
            return row
        for side in range(4):
            at = skip_space(text, at + 1)
            at, outcome, boxes[row, side] = read_number(text, at, powers, tens, scratch)
            if outcome != PLAIN:
                return row
            at = skip_space(text, at)
            if byte(text, at) != (_COMMA if side < 3 else _CLOSE_LIST):
                return row
    return len(places)


@kernel("u1[1] i8[1] u8[2] f8[1] u8[1] f8 f8[1] i8[1]")
def read_polygons(  # type: ignore[no-untyped-def]
    text, places, powers, tens, scratch, far, points, starts
):
    """Read the numbers of single polygons, [[x, y, x, y, ...]], nearer than `far`.

    Polygon i gets points[starts[i]:starts[i + 1]], an even number. Other values, lists of fewer
    than six numbers and places of 0 get none.
    """
    place = 0
    for row in range(len(places)):
        starts[row] = place
        at = places[row]
        if at == 0 or byte(text, at) != _OPEN_LIST:
            continue
        at = skip_space(text, at + 1)
        if byte(text, at) != _OPEN_LIST:
            continue
        single = False
        while True:
            at = skip_space(text, at + 1)
            at, outcome, points[place] = read_number(text, at, powers, tens, scratch)
            if outcome != PLAIN or not abs(points[place]) < far:
                break
            place += 1
            at = skip_space(text, at)
            if byte(text, at) != _COMMA:
                single = byte(text, at) == _CLOSE_LIST
                single = single and byte(text, skip_space(text, at + 1)) == _CLOSE_LIST
                break
        if single and place - starts[row] >= 6:
            place -= (place - starts[row]) % 2
        else:
            place = starts[row]
    starts[len(places)] = place


@helper
def copy_counts(text, at, out, place):  # type: ignore[no-untyped-def]
    """Copy the string at `at`, whose only escape is that of a backslash.

    Returns the place after it in the text, -1 if it is something else, and the one in `out`.
    """
    if byte(text, at) != _QUOTE:
        return -1, place
    at += 1
    while byte(text, at) != _QUOTE:
        if byte(text, at) == _BACKSLASH:
            at += 1
            if byte(text, at) != _BACKSLASH:
                return -1, place
        out[place] = byte(text, at)
        place += 1
        at += 1
    return at + 1, place


@kernel("u1[1] i8[1] i8[1] u1[1] i8[1] i8[2]")
def read_rles(text, places, integer, out, starts, sizes):  # type: ignore[no-untyped-def]
    """Copy the texts of compressed RLEs, {"size": [height, width], "counts": text}, in any order.

    Mask i gets out[starts[i]:starts[i + 1]]. Other values, and places of 0, get no text and the
    height -1.
    """
    place = 0
    for row in range(len(places)):
        starts[row] = place
        sizes[row, 0] = sizes[row, 1] = -1
        at = places[row]
        if at == 0 or byte(text, at) != _OPEN_OBJECT:
            continue
        counts, height, end = False, -1, place
        at = skip_space(text, at + 1)
        for _ in range(2):
            name = load_word(text, at)
            at = skip_key(text, at)
            if at < 0:
                break
            if name == _COUNTS and not counts:
                counts = True
                at, end = copy_counts(text, at, out, place)
            elif name & _SIX_BYTES == _SIZE and byte(text, at) == _OPEN_LIST and height < 0:
                at = read_integer(text, skip_space(text, at + 1), integer)
                height = integer[0]
                at = skip_space(text, at) if at >= 0 else 0
                if byte(text, at) != _COMMA:
                    break
                at = read_integer(text, skip_space(text, at + 1), integer)
                at = skip_space(text, at) if at >= 0 else 0
                if byte(text, at) != _CLOSE_LIST:
                    break
                at += 1
            else:
                break
            if at < 0:
                break
            at = skip_space(text, at)
            if byte(text, at) == _CLOSE_OBJECT:
                if counts and height >= 0:
                    sizes[row, 0], sizes[row, 1] = height, integer[0]
                    place = end
                break
            if byte(text, at) != _COMMA:
                break
            at = skip_space(text, at + 1)
    starts[len(places)] = place
