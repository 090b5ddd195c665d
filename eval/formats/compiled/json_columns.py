"""Read records of COCO JSON straight into arrays, with compiled code and on several threads.

Only regular files are supported. At anything else (another type, an unknown image, text in place of
a number) the functions return None, and the caller parses the file and reads it record by record,
which either succeeds or describes the fault.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
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
    hash_texts,
    next_record,
    read_records,
)
from eval.processors import processors

# The fields of a record; masks have one bit for each, in this order.
FIELDS = (
    *("image_id", "category_id", "bbox", "score", "area"),
    *("id", "iscrowd", "ignore", "difficult", "file_name", "category_name"),
)
IMAGE, CATEGORY, BBOX, SCORE, AREA, IDENTITY, CROWD, IGNORE, DIFFICULT = range(9)
FILE_NAME, CATEGORY_NAME = 9, 10
SMALLEST_RECORD = 48  # the length of {"image_id":1,"category_id":1,"bbox":[0,0,1,1]},
HARD_LIMIT = 4096
SMALLEST_PART = 1 << 20  # bytes; smaller parts are not worth a thread
PIECE = 1 << 20  # bytes that each thread has in memory at a time

_LENGTHS = np.array([len(name) + 2 for name in FIELDS])  # including the quotation marks


def _name_words() -> np.ndarray:
    """(fields, 4) uint64: each quoted name as two words, each followed by its mask."""
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
    """Records as parallel arrays of length N; see FIELDS.

    Attributes
    ----------
    images, labels
        (N,) int32, rows in the tables of known ids; -1 for an unknown label.
    boxes
        (N, 4) float64.
    values
        (N,) float64: the score of results, the area of annotations; NaN where missing.
    ids
        (N,) int64; None unless all records have an `id`.
    flags
        (N,) uint8: bit 0 iscrowd, bit 1 ignore, bit 2 difficult.
    names
        (N, 2) int64, the hashes of file_name and category_name of results (see hash_texts); 0
        where there is no text.
    """

    images: np.ndarray
    labels: np.ndarray
    boxes: np.ndarray
    values: np.ndarray
    ids: np.ndarray | None
    flags: np.ndarray
    names: np.ndarray


def read_results(
    path: str | os.PathLike[str], image_rows: dict[Any, int], label_rows: dict[Any, int]
) -> Columns | None:
    """Read a list of detections from a file; None if it must be read record by record.

    Threads read parts of the file at the same time, each piece by piece, so that the memory
    contains little more than the columns.

    Parameters
    ----------
    image_rows, label_rows
        The row of each known id.

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
            # A record seems to begin here; reading the previous part confirms or refutes it.
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
    """Read the parts between the marks; None if a part does not end at the next mark."""
    # Columns for the largest possible number of records; untouched memory costs nothing.
    first_rows = [(mark - marks[0]) // SMALLEST_RECORD for mark in marks]
    columns = _empty_columns((size - marks[0]) // SMALLEST_RECORD + 2, results=True)
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
    images, labels, boxes, values, _, flags, names = (column[:row] for column in columns)
    return Columns(images, labels, boxes, values, None, flags, names)


def read_annotations(
    text: np.ndarray, begin: int, image_rows: dict[Any, int], label_rows: dict[Any, int]
) -> Columns | None:
    """Read the list of annotations at text[begin]; None if it must be read record by record."""
    return _read_list(text, begin, _Tables.of(image_rows, label_rows, results=False))


def read_result_list(
    text: np.ndarray, begin: int, image_rows: dict[Any, int], label_rows: dict[Any, int]
) -> Columns | None:
    """Read the list of detections at text[begin]; None if it must be read record by record."""
    columns = _read_list(text, begin, _Tables.of(image_rows, label_rows, results=True))
    if columns is None or not np.isfinite(columns.values).all():
        return None
    return columns if np.isfinite(columns.boxes).all() else None


@dataclass(frozen=True, eq=False)
class _Tables:
    """The wanted and the required fields of a record, as masks, and the known ids."""

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
        names = (FILE_NAME, CATEGORY_NAME)
        optional = names if results else (AREA, IDENTITY, CROWD, IGNORE, DIFFICULT)
        return cls(
            wanted=sum(1 << field for field in (*required, *optional)),
            required=sum(1 << field for field in required),
            ids=(*images, *labels),
        )


def _sorted(rows: dict[Any, int]) -> tuple[np.ndarray, np.ndarray] | None:
    """Known ids in rising order and their rows; None unless all are 64-bit integers."""
    if not all(type(key) is int and -(2**63) <= key < 2**63 for key in rows):
        return None
    keys = np.fromiter(rows.keys(), np.int64, len(rows))
    order = np.argsort(keys, kind="stable")
    return keys[order], np.fromiter(rows.values(), np.int32, len(rows))[order]


def _empty_columns(records: int, *, results: bool) -> tuple[np.ndarray, ...]:
    """Columns for a number of records: images, labels, boxes, values, ids, flags, names."""
    others, names = (0, records) if results else (records, 0)
    return (
        np.empty(records, np.int32), np.empty(records, np.int32), np.empty((records, 4)),
        np.empty(records), np.empty(others, np.int64), np.empty(others, np.uint8),
        np.empty((names, 2), np.int64),
    )  # fmt: skip


def _read_list(text: np.ndarray, begin: int, tables: _Tables | None) -> Columns | None:
    if tables is None:
        return None
    results = bool(tables.wanted >> SCORE & 1)
    columns = _empty_columns((len(text) - begin) // SMALLEST_RECORD + 2, results=results)
    how, _, rows, always = _read_piece(text, begin, len(text), 0, tables, columns)
    if how != CLOSED:
        return None
    images, labels, boxes, values, ids, flags, names = (column[:rows] for column in columns)
    known = ids if always >> IDENTITY & 1 else None
    return Columns(images, labels, boxes, values, known, flags, names)


def _read_part(
    path: str | os.PathLike[str],
    tables: _Tables,
    columns: tuple[np.ndarray, ...],
    begin: int,
    end: int,
    row: int,
) -> tuple[int, int]:
    """Read the records that begin in begin..end; return their number and where reading ended.

    Reading ends at `end` unless the part is irregular; for the last part that is the end of the
    file.
    """
    first_row = row
    buffer = np.empty(PIECE + NULS, dtype=np.uint8)
    with open(path, "rb", buffering=0) as file:
        file.seek(begin)
        kept = 0  # bytes of an incomplete record at the end of the last piece
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
    """How reading ended, the next place and row, and the fields that all records have."""
    state = np.zeros(5, dtype=np.int64)
    hard = np.empty((HARD_LIMIT, 3), dtype=np.int64)
    read_records(
        text, begin, stop, row, tables.wanted, tables.required, _NAMES, _LENGTHS, *tables.ids,
        *columns, POWERS_OF_FIVE, POWERS_OF_TEN, np.zeros(1, np.uint64), hard,
        np.arange(len(FIELDS) + 1) % len(FIELDS), np.zeros(1, np.int64), state,
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


def hashes_of(texts: Sequence[str]) -> np.ndarray:
    """(N,) int64 hashes of texts, as Columns.names has them."""
    encoded = [text.encode() for text in texts]
    hashes = np.empty(len(texts), np.int64)
    ends = np.cumsum([0, *map(len, encoded)]).astype(np.int64)
    hash_texts(_text(b"".join(encoded)), ends, hashes)
    return hashes
