"""Records of COCO JSON straight into arrays, by compiled code and on several threads.

It reads what well-behaved files hold; anything else (another type, an unknown image, text where
a number belongs) makes it give up, and the caller reads the file again record by record, which
either understands it or says what is wrong.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from eval.formats.compiled.json_numbers import NULS, POWERS_OF_FIVE, POWERS_OF_TEN
from eval.formats.compiled.json_records import (
    CLOSED,
    STOPPED,
    STUCK,
    first_place,
    next_record,
    read_records,
    top_level,
)
from eval.processors import processors

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
PIECE = 1 << 20  # bytes in memory at a time, of each thread

_LENGTHS = np.array([len(name) + 2 for name in FIELDS])  # with quotation marks


def _name_words() -> np.ndarray:
    """(fields, 4) uint64: two words of each name in quotation marks, each with its mask."""
    rows = []
    for name in FIELDS:
        quoted = f'"{name}"'.encode()
        mask = b"\xff" * len(quoted)
        halves = [text.ljust(16, b"\0")[i : i + 8] for i in (0, 8) for text in (quoted, mask)]
        rows.append([int.from_bytes(half, "little") for half in halves])
    return np.array(rows, dtype=np.uint64)


_NAMES = _name_words()


@dataclass(frozen=True, eq=False)
class Columns:
    """Records as arrays of one length N; see FIELDS.

    Attributes
    ----------
    images, labels
        (N,) int32, rows of the tables of known ids; a label is -1 where unknown.
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


def read_results(
    path: str | os.PathLike[str], image_rows: dict[Any, int], label_rows: dict[Any, int]
) -> Columns | None:
    """Read a file that holds a list of detections; None if it has to be read slowly.

    Parts of the file are read side by side, each piece by piece, so that little more than the
    columns is ever in memory.

    Parameters
    ----------
    image_rows, label_rows
        Row of each known id.

    Raises
    ------
    OSError
    """
    size = os.stat(path).st_size
    tables = _Tables.of(image_rows, label_rows, results=True)
    with open(path, "rb") as file:
        head = _text(file.read(4096))
        begin = first_place(head)
        if head[begin] != 91 or tables is None:
            return None
        marks = [begin]
        count = max(1, min(processors(), size // SMALLEST_PART))
        for part in range(1, count):
            # Where a record seems to begin; once the part before is read, it is known if it did.
            file.seek(size * part // count)
            place = next_record(_text(file.read(PIECE)))
            if place >= 0:
                marks.append(size * part // count + place)
    columns = _read_parts(path, tables, marks, size)
    if columns is None and len(marks) > 1:
        columns = _read_parts(path, tables, marks[:1], size)
    if columns is None:
        return None
    finite = np.isfinite(columns.values).all() and np.isfinite(columns.boxes).all()
    return columns if finite else None


def _read_parts(
    path: str | os.PathLike[str], tables: _Tables, marks: list[int], size: int
) -> Columns | None:
    """Each part begins at its mark and ends at the next; None if one does not."""
    # Room for any number of records: memory that is never touched costs nothing.
    first_rows = [(mark - marks[0]) // SMALLEST_RECORD for mark in marks]
    columns = _room((size - marks[0]) // SMALLEST_RECORD + 2, results=True)
    ends = [*marks[1:], size]
    with ThreadPoolExecutor(len(marks)) as pool:
        read = list(pool.map(partial(_read_part, path, tables, columns), marks, ends, first_rows))
    row = 0
    for (rows, reached), end, first in zip(read, ends, first_rows, strict=True):
        if reached != end:
            return None
        for column in columns if first != row else ():
            column[row : row + rows] = column[first : first + rows]
        row += rows
    images, labels, boxes, values, _, flags = (column[:row] for column in columns)
    return Columns(images, labels, boxes, values, None, flags)


def read_annotations(
    text: np.ndarray, begin: int, image_rows: dict[Any, int], label_rows: dict[Any, int]
) -> Columns | None:
    """Read the list of annotations at text[begin]; None if it has to be read slowly."""
    return _read_list(text, begin, _Tables.of(image_rows, label_rows, results=False))


def read_result_list(
    text: np.ndarray, begin: int, image_rows: dict[Any, int], label_rows: dict[Any, int]
) -> Columns | None:
    """Read the list of detections at text[begin]; None if it has to be read slowly."""
    columns = _read_list(text, begin, _Tables.of(image_rows, label_rows, results=True))
    if columns is None or not np.isfinite(columns.values).all():
        return None
    return columns if np.isfinite(columns.boxes).all() else None


@dataclass(frozen=True)
class Parts:
    """The top level of a JSON object: where each value begins, and the parsed ones of some."""

    text: np.ndarray
    places: dict[str, int]
    values: dict[str, Any]


def read_parts(path: str | os.PathLike[str], parsed: tuple[str, ...]) -> Parts | None:
    """Take apart the object that a file holds; None if it holds none, or an odd one.

    Raises
    ------
    OSError
    """
    import orjson

    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        text = np.empty(size + NULS, dtype=np.uint8)
        count = file.readinto(text[:size].data)
    text[count:] = 0
    found = np.zeros((64, 4), dtype=np.int64)
    keys = top_level(text, POWERS_OF_FIVE, POWERS_OF_TEN, np.zeros(1, np.uint64), found)
    places, values = {}, {}
    for key_begin, key_end, begin, end in found[: max(keys, 0)].tolist():
        key = bytes(text[key_begin + 1 : key_end - 1]).decode("utf-8", "replace")
        if "\\" in key or key in places:
            return None
        places[key] = begin
        if key in parsed:
            try:
                values[key] = orjson.loads(text[begin:end].data)
            except orjson.JSONDecodeError:
                return None
    return Parts(text, places, values) if keys >= 0 else None


@dataclass(frozen=True, eq=False)
class _Tables:
    """What a record may hold and must hold, as masks of FIELDS, and the known ids."""

    wanted: int
    required: int
    ids: tuple[np.ndarray, ...]

    @classmethod
    def of(
        cls, image_rows: dict[Any, int], label_rows: dict[Any, int], *, results: bool
    ) -> _Tables | None:
        images, labels = _sorted(image_rows), _sorted(label_rows)
        if images is None or labels is None:
            return None
        required = (IMAGE, CATEGORY, BBOX, SCORE) if results else (IMAGE, CATEGORY, BBOX)
        optional = () if results else (AREA, IDENTITY, CROWD, IGNORE, DIFFICULT)
        return cls(
            wanted=sum(1 << field for field in (*required, *optional)),
            required=sum(1 << field for field in required),
            ids=(*images, *labels),
        )


def _sorted(rows: dict[Any, int]) -> tuple[np.ndarray, np.ndarray] | None:
    """Known ids in order and their rows; None unless all are whole numbers that fit."""
    if not all(type(key) is int and -(2**63) <= key < 2**63 for key in rows):
        return None
    keys = np.fromiter(rows.keys(), np.int64, len(rows))
    order = np.argsort(keys, kind="stable")
    return keys[order], np.fromiter(rows.values(), np.int32, len(rows))[order]


def _room(records: int, *, results: bool) -> tuple[np.ndarray, ...]:
    """Columns for so many records: images, labels, boxes, values, ids, flags."""
    others = 0 if results else records
    return (
        np.empty(records, np.int32), np.empty(records, np.int32), np.empty((records, 4)),
        np.empty(records), np.empty(others, np.int64), np.empty(others, np.uint8),
    )  # fmt: skip


def _read_list(text: np.ndarray, begin: int, tables: _Tables | None) -> Columns | None:
    if tables is None:
        return None
    results = bool(tables.wanted >> SCORE & 1)
    columns = _room((len(text) - begin) // SMALLEST_RECORD + 2, results=results)
    how, _, rows, always = _read_piece(text, begin, len(text), 0, tables, columns)
    if how != CLOSED:
        return None
    images, labels, boxes, values, ids, flags = (column[:rows] for column in columns)
    return Columns(images, labels, boxes, values, ids if always >> IDENTITY & 1 else None, flags)


def _read_part(
    path: str | os.PathLike[str],
    tables: _Tables,
    columns: tuple[np.ndarray, ...],
    begin: int,
    end: int,
    row: int,
) -> tuple[int, int]:
    """Read the records that begin in begin..end; their number and where reading ended.

    That is `end` where all is well, which for the last part is the end of the file.
    """
    first_row = row
    buffer = np.empty(PIECE + NULS, dtype=np.uint8)
    with open(path, "rb", buffering=0) as file:
        file.seek(begin)
        kept = 0  # bytes of a record that the last piece cut in two
        while True:
            count = file.readinto(buffer[kept:PIECE].data)
            text = buffer[: kept + count + NULS]
            text[kept + count :] = 0
            stop = min(end - begin, len(text))
            how, place, row, _ = _read_piece(text, 0, stop, row, tables, columns)
            begin += place
            kept = len(text) - NULS - place
            if how == CLOSED:
                rest = bytes(text[place:-NULS]) + file.read()
                return row - first_row, end if not rest.strip(b" \t\r\n") else -1
            if (how == STOPPED and begin >= end) or not count or (how == STUCK and not place):
                return row - first_row, begin if how == STOPPED else -1
            buffer[:kept] = buffer[place : place + kept]


def _read_piece(
    text: np.ndarray,
    begin: int,
    stop: int,
    row: int,
    tables: _Tables,
    columns: tuple[np.ndarray, ...],
) -> tuple[int, int, int, int]:
    """How it ended, the place and the row of what comes next, and the fields all records have."""
    state = np.zeros(5, dtype=np.int64)
    hard = np.empty((HARD_LIMIT, 3), dtype=np.int64)
    read_records(
        text, begin, stop, row, tables.wanted, tables.required, _NAMES, _LENGTHS, *tables.ids,
        *columns, POWERS_OF_FIVE, POWERS_OF_TEN, np.zeros(1, np.uint64), hard,
        np.arange(10) % 9, np.zeros(1, np.int64), state,
    )  # fmt: skip
    how, place, row, always, count = state.tolist()
    for number, at_row, column in hard[:count].tolist():
        value = float(_number_text(text, number))
        if column < 4:
            columns[2][at_row, column] = value
        else:
            columns[3][at_row] = value
    return how, place, row, always


def _number_text(text: np.ndarray, place: int) -> bytes:
    end = place
    while bytes(text[end : end + 1]) in (b"-", b"+", b".", b"e", b"E") or 48 <= text[end] <= 57:
        end += 1
    return bytes(text[place:end])


def _text(content: bytes) -> np.ndarray:
    return np.frombuffer(content + bytes(NULS), dtype=np.uint8)
