"""Records of COCO JSON straight into arrays, by compiled code and on several threads.

It reads what well-behaved files hold; anything else (another type, an unknown image, text where
a number belongs) makes it give up, and the caller reads the file again record by record, which
either understands it or says what is wrong.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from eval.compiled import helper, kernel
from eval.formats.json_numbers import (
    HARD,
    PLAIN,
    POWERS_OF_FIVE,
    POWERS_OF_TEN,
    read_number,
    skip_key,
    skip_space,
    skip_string,
    skip_value,
    skip_word,
)

# Fields of a record, in this order; a bit each in masks.
FIELDS = (
    *("image_id", "category_id", "bbox", "score", "area"),
    *("id", "iscrowd", "ignore", "difficult"),
)
IMAGE, CATEGORY, BBOX, SCORE, AREA, IDENTITY, CROWD, IGNORE, DIFFICULT = range(9)
# {"image_id":1,"category_id":1,"bbox":[0,0,1,1]},
SMALLEST_RECORD = 48
HARD_LIMIT = 4096
SMALLEST_PART = 1 << 20  # bytes worth a thread
UNKNOWN = -1

_NAMES = np.frombuffer("".join(FIELDS).encode(), dtype=np.uint8)
_ENDS = np.cumsum([len(name) for name in FIELDS])


@dataclass(frozen=True, eq=False)
class Columns:
    """Records as arrays of one length N; see FIELDS.

    Attributes
    ----------
    images, labels
        (N,) int32, rows of the tables of known ids; a label may be UNKNOWN.
    boxes
        (N, 4) float64.
    values
        (N,) float64: the score, or else the area, NaN where a record has none.
    ids
        (N,) int64, or None unless all records have an `id`.
    flags
        (N,) uint8: bit 0 iscrowd, bit 1 ignore, bit 2 difficult.
    """

    images: np.ndarray
    labels: np.ndarray
    boxes: np.ndarray
    values: np.ndarray
    ids: np.ndarray | None
    flags: np.ndarray


def load_text(path: str | os.PathLike[str]) -> np.ndarray:
    """(bytes + 8,) uint8: a file with NULs after it, read by several threads."""
    size = os.stat(path).st_size
    text = np.empty(size + 8, dtype=np.uint8)
    text[size:] = 0
    pieces = max(1, min(os.cpu_count() or 1, size // SMALLEST_PART))
    marks = [size * piece // pieces for piece in range(pieces + 1)]

    def read(begin: int, end: int) -> None:
        with open(path, "rb", buffering=0) as file:
            file.seek(begin)
            while begin < end:
                count = file.readinto(text[begin:end].data)
                if not count:
                    raise OSError("shorter than it was")
                begin += count

    with ThreadPoolExecutor(pieces) as pool:
        list(pool.map(read, marks[:-1], marks[1:]))
    return text


@dataclass(frozen=True)
class Parts:
    """The top level of a JSON object: where each value begins, and the parsed ones of some."""

    places: dict[str, int]
    values: dict[str, Any]


def parts(text: np.ndarray, parsed: tuple[str, ...]) -> Parts | None:
    """Take apart the object that `text` holds; None if it is none, or an odd one."""
    import orjson

    found = np.zeros((64, 4), dtype=np.int64)
    count = _spans(text, POWERS_OF_FIVE, POWERS_OF_TEN, np.zeros(1, np.uint64), found)
    if count < 0:
        return None
    places, values = {}, {}
    for key_begin, key_end, begin, end in found[:count].tolist():
        key = bytes(text[key_begin + 1 : key_end - 1]).decode("utf-8", "replace")
        if "\\" in key or key in places:
            return None
        places[key] = begin
        if key in parsed:
            try:
                values[key] = orjson.loads(text[begin:end].data)
            except orjson.JSONDecodeError:
                return None
    return Parts(places, values)


def list_begin(text: np.ndarray) -> int | None:
    """Where the list begins that `text` holds; None if it holds something else."""
    begin = _begin(text)
    return begin if text[begin] == 91 else None


def read_columns(
    text: np.ndarray,
    begin: int,
    image_rows: dict[Any, int],
    label_rows: dict[Any, int],
    *,
    results: bool,
    to_end: bool = False,
) -> Columns | None:
    """Read the list of records that begins at text[begin]; None if it has to be read slowly.

    Parameters
    ----------
    image_rows, label_rows
        Row of each known id.
    results
        Records are detections with a score; otherwise annotations.
    to_end
        Only white space may follow the list.
    """
    tables = _sorted_table(image_rows), _sorted_table(label_rows)
    if tables[0] is None or tables[1] is None:
        return None
    limit = (len(text) - begin) // SMALLEST_RECORD + 1
    required = (IMAGE, CATEGORY, BBOX, SCORE) if results else (IMAGE, CATEGORY, BBOX)
    optional = () if results else (AREA, IDENTITY, CROWD, IGNORE, DIFFICULT)
    job = _Job(
        text=text,
        images=(*tables[0],),
        labels=(*tables[1],),
        wanted=sum(1 << field for field in (*required, *optional)),
        required=sum(1 << field for field in required),
        columns=(
            np.empty(limit, np.int32),
            np.empty(limit, np.int32),
            np.empty((limit, 4)),
            np.empty(limit),
            np.empty(0 if results else limit, np.int64),
            np.empty(0 if results else limit, np.uint8),
        ),
    )
    count, always = job.run(begin, to_end)
    if count < 0:
        return None
    images, labels, boxes, values, ids, flags = (column[:count] for column in job.columns)
    if results and not (np.isfinite(values).all() and np.isfinite(boxes).all()):
        return None
    return Columns(images, labels, boxes, values, ids if always >> IDENTITY & 1 else None, flags)


@dataclass(eq=False)
class _Job:
    """One list being read, in parts."""

    text: np.ndarray
    images: tuple[np.ndarray, np.ndarray]
    labels: tuple[np.ndarray, np.ndarray]
    wanted: int
    required: int
    columns: tuple[np.ndarray, ...]

    def run(self, begin: int, to_end: bool) -> tuple[int, int]:
        """Number of records (negative: give up) and which fields all of them have."""
        parts = min(os.cpu_count() or 1, (len(self.text) - begin) // SMALLEST_PART)
        if parts > 1:
            found = self._in_parts(begin, to_end, parts)
            if found is not None:
                return found
        state = self._part(begin, len(self.text), 0, to_end)
        return int(state[0]), int(state[2])

    def _in_parts(self, begin: int, to_end: bool, parts: int) -> tuple[int, int] | None:
        """Each part begins where a record seems to begin; afterwards it is known if it did."""
        step = (len(self.text) - begin) // parts
        marks = [begin]
        for part in range(1, parts):
            mark = _next_record(self.text, begin + part * step, begin + (part + 1) * step)
            if mark < 0:
                return None
            marks.append(mark)
        with ThreadPoolExecutor(parts) as pool:
            pieces = list(zip(marks, [*marks[1:], len(self.text)], strict=True))
            braces = list(pool.map(lambda piece: _count_braces(self.text, *piece), pieces[:-1]))
            rows = [sum(braces[:part]) for part in range(parts)]
            states = list(
                pool.map(
                    lambda part: self._part(pieces[part][0], pieces[part][1], rows[part], to_end),
                    range(parts),
                )
            )
        always = -1
        for part, state in enumerate(states):
            # A part that is not the last ends exactly where the next began, after as many
            # records as there are braces; otherwise a mark was inside a string or an object.
            if state[0] < 0:
                return None
            if part < parts - 1 and (state[0], state[1]) != (braces[part], marks[part + 1]):
                return None
            always &= int(state[2])
        return rows[-1] + int(states[-1][0]), always

    def _part(self, begin: int, stop: int, row: int, to_end: bool) -> np.ndarray:
        state = np.zeros(4, dtype=np.int64)
        hard = np.empty((HARD_LIMIT, 3), dtype=np.int64)
        _read_records(
            self.text, begin, stop, row, self.wanted, self.required, int(to_end),
            _NAMES, _ENDS, *self.images, *self.labels,
            *self.columns, POWERS_OF_FIVE, POWERS_OF_TEN,
            np.zeros(1, np.uint64), hard, np.arange(10) % 9, state,
        )  # fmt: skip
        for place, at_row, column in hard[: state[3]]:
            value = float(_number_text(self.text, int(place)))
            if column < 4:
                self.columns[2][at_row, column] = value
            else:
                self.columns[3][at_row] = value
        return state


def _number_text(text: np.ndarray, place: int) -> bytes:
    end = place
    while bytes(text[end : end + 1]) in (b"-", b"+", b".", b"e", b"E") or 48 <= text[end] <= 57:
        end += 1
    return bytes(text[place:end])


def _sorted_table(rows: dict[Any, int]) -> tuple[np.ndarray, np.ndarray] | None:
    """Known ids in order and their rows; None unless all are whole numbers that fit."""
    if not all(type(key) is int and -(2**63) <= key < 2**63 for key in rows):
        return None
    keys = np.fromiter(rows.keys(), np.int64, len(rows))
    order = np.argsort(keys, kind="stable")
    return keys[order], np.fromiter(rows.values(), np.int32, len(rows))[order]


@kernel("u1[1] -> i8")
def _begin(text):  # type: ignore[no-untyped-def]
    return skip_space(text, 0)


@kernel("u1[1] u8[2] f8[1] u8[1] i8[2] -> i8")
def _spans(text, powers, tens, scratch, places):  # type: ignore[no-untyped-def]
    """Keys and values of the top-level object as (key begin, end, value begin, end)."""
    at = skip_space(text, 0)
    if text[at] != 123:
        return -1
    at = skip_space(text, at + 1)
    count = 0
    if text[at] == 125:
        at += 1
    else:
        while True:
            if count == len(places):
                return -1
            places[count, 0] = at
            places[count, 1] = skip_string(text, at)
            at = skip_key(text, at)
            if at < 0:
                return -1
            places[count, 2] = at
            at = skip_value(text, at, powers, tens, scratch)
            if at < 0:
                return -1
            places[count, 3] = at
            count += 1
            at = skip_space(text, at)
            if text[at] == 125:
                at += 1
                break
            if text[at] != 44:
                return -1
            at = skip_space(text, at + 1)
    if skip_space(text, at) != len(text) - 8:
        return -1
    return count


@kernel("u1[1] i8 i8 -> i8")
def _next_record(text, begin, stop):  # type: ignore[no-untyped-def]
    """First place in begin..stop where `{` follows `},`; -1 if there is none."""
    for at in range(begin, stop):
        if text[at] == 125:
            place = skip_space(text, at + 1)
            if text[place] == 44:
                place = skip_space(text, place + 1)
                if text[place] == 123:
                    return place
    return -1


@kernel("u1[1] i8 i8 -> i8")
def _count_braces(text, begin, stop):  # type: ignore[no-untyped-def]
    count = 0
    for at in range(begin, stop):
        count += text[at] == 123
    return count


@helper
def find_row(keys, rows, wanted):  # type: ignore[no-untyped-def]
    """Row of an id in a sorted table; -1 if it is not there."""
    low, high = 0, len(keys)
    while low < high:
        middle = (low + high) >> 1
        if keys[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    if low < len(keys) and keys[low] == wanted:
        return np.int64(rows[low])
    return np.int64(-1)


@helper
def is_field(text, at, names, ends, field):  # type: ignore[no-untyped-def]
    """Whether the key at `at` is that field's name, quotation marks included."""
    begin = ends[field - 1] if field else 0
    length = ends[field] - begin
    for i in range(length):
        if text[at + 1 + i] != names[begin + i]:
            return False
    return text[at] == 34 and text[at + 1 + length] == 34


@helper
def read_integer(text, at, out):  # type: ignore[no-untyped-def]
    """Read a whole number of 64 bits into out[0]; place after it, -1 if none."""
    negative = text[at] == 45
    if negative:
        at += 1
    first = at
    value = 0
    while 48 <= text[at] <= 57:
        value = value * 10 + (text[at] - 48)
        at += 1
    digits = at - first
    c = text[at]
    # More than 2^63 - 1 in 19 digits turns negative.
    if digits == 0 or digits > 19 or value < 0 or (text[first] == 48 and digits > 1):
        return -1
    if c == 46 or c == 101 or c == 69:
        return -1
    out[0] = -value if negative else value
    return at


@helper
def read_flag(text, at):  # type: ignore[no-untyped-def]
    """0 or 1 for 0, 1, false, true, and the place after it; -1 if it is neither."""
    c = text[at]
    if c == 48 or c == 49:
        n = text[at + 1]
        if n == 44 or n == 125 or n <= 32:
            return c - 48, at + 1
    elif c == 116 and skip_word(text, at, 114, 117, 101) > 0:
        return 1, at + 4
    elif c == 102 and skip_word(text, at + 1, 108, 115, 101) > 0 and text[at + 1] == 97:
        return 0, at + 5
    return -1, at


@kernel(
    "u1[1] i8 i8 i8 i8 i8 i8 u1[1] i8[1] i8[1] i4[1] i8[1] i4[1] "
    "i4[1] i4[1] f8[2] f8[1] i8[1] u1[1] u8[2] f8[1] u8[1] i8[2] i8[1] i8[1]"
)
def _read_records(  # type: ignore[no-untyped-def]
    text, begin, stop, row, wanted, required, to_end,
    names, ends, image_keys, image_rows, label_keys, label_rows,
    images, labels, boxes, values, ids, flags, powers, tens, scratch, hard, following, state,
):  # fmt: skip
    """Read the list at `begin`, or its rest from the record at `begin`, up to `stop`.

    state: records read (-1: give up), place where reading ended, fields that every record has,
    hard numbers (place, row, column) left to the caller.
    """
    first_row = row
    always = np.int64(-1)
    count_hard = 0
    state[0] = -1
    last_id, last_row = np.int64(-1), np.int64(-1)
    at = begin
    if text[at] == 91:
        at = skip_space(text, at + 1)
        if text[at] == 93:
            at = skip_space(text, at + 1)
            if not to_end or at == len(text) - 8:
                state[0], state[1], state[2] = 0, at, 0
            return
    while at < stop:
        if text[at] != 123 or row >= len(images):
            return
        at = skip_space(text, at + 1)
        seen = np.int64(0)
        value = np.nan
        flag = 0
        last = len(ends)  # the field before; at first none
        if text[at] == 125:
            return
        while True:
            field = following[last]  # records of a file look alike
            if not is_field(text, at, names, ends, field):
                field = len(ends) - 1
                while field >= 0 and not is_field(text, at, names, ends, field):
                    field -= 1
                if field < 0:
                    key_end = skip_string(text, at)
                    for i in range(at, key_end):
                        if text[i] == 92:  # a name in disguise
                            return
                else:
                    following[last] = field
            if field >= 0:
                last = field
                at = skip_space(text, at + 2 + ends[field] - (ends[field - 1] if field else 0))
                if text[at] != 58:
                    return
                at = skip_space(text, at + 1)
            else:
                at = skip_key(text, at)
                if at < 0:
                    return
            if field < 0 or not (wanted >> field) & 1:
                at = skip_value(text, at, powers, tens, scratch)
            else:
                seen |= np.int64(1) << field
                if field == 0 or field == 1 or field == 5:
                    at = read_integer(text, at, state[1:2])
                    if at < 0:
                        return
                    identity = state[1]
                    if field == 0:
                        if identity != last_id or last_row < 0:
                            last_id = identity
                            last_row = find_row(image_keys, image_rows, identity)
                            if last_row < 0:
                                return
                        images[row] = last_row
                    elif field == 1:
                        labels[row] = find_row(label_keys, label_rows, identity)
                    else:
                        ids[row] = identity
                elif field == 2:
                    if text[at] != 91:
                        return
                    for column in range(4):
                        at = skip_space(text, at + 1)
                        place = at
                        at, outcome, number = read_number(text, at, powers, tens, scratch)
                        if outcome == PLAIN:
                            boxes[row, column] = number
                        elif outcome == HARD and count_hard < len(hard):
                            hard[count_hard, 0] = place
                            hard[count_hard, 1] = row
                            hard[count_hard, 2] = column
                            count_hard += 1
                        else:
                            return
                        at = skip_space(text, at)
                        if text[at] != (44 if column < 3 else 93):
                            return
                    at += 1
                elif field == 3 or field == 4:
                    place = at
                    at, outcome, number = read_number(text, at, powers, tens, scratch)
                    if outcome == PLAIN:
                        value = number
                    elif outcome == HARD and count_hard < len(hard):
                        hard[count_hard, 0] = place
                        hard[count_hard, 1] = row
                        hard[count_hard, 2] = 4
                        count_hard += 1
                    else:
                        return
                else:
                    set_flag, at = read_flag(text, at)
                    if set_flag < 0:
                        return
                    bit = 1 << (field - 6)
                    flag = (flag & ~bit) | (bit if set_flag == 1 else 0)
            if at < 0:
                return
            at = skip_space(text, at)
            if text[at] == 125:
                at = skip_space(text, at + 1)
                break
            if text[at] != 44:
                return
            at = skip_space(text, at + 1)
        if seen & required != required:
            return
        values[row] = value
        if len(flags):
            flags[row] = flag
        always &= seen
        row += 1
        if text[at] == 44:
            at = skip_space(text, at + 1)
            if text[at] != 123:
                return
        elif text[at] == 93:
            at = skip_space(text, at + 1)
            if to_end and at != len(text) - 8:
                return
            state[0], state[1], state[2], state[3] = row - first_row, -1, always, count_hard
            return
        else:
            return
    state[0], state[1], state[2], state[3] = row - first_row, at, always, count_hard
