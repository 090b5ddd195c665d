"""Read detections in COCO JSON straight into arrays, from a file on several threads."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from eval.formats.compiled.json_columns import (
    BBOX,
    CATEGORY,
    CATEGORY_NAME,
    FIELDS,
    FILE_NAME,
    IMAGE,
    SCORE,
    SMALLEST_RECORD,
    Columns,
    Tables,
    empty_columns,
    first_rows,
    read_list,
    read_piece,
    text_of,
)
from eval.formats.compiled.json_numbers import NULS, POWERS_OF_FIVE, POWERS_OF_TEN
from eval.formats.compiled.json_objects import read_top_level
from eval.formats.compiled.json_records import (
    CATEGORY_SEEN,
    CLOSED,
    STOPPED,
    STUCK,
    end_of_value,
    first_place,
    next_record,
)
from eval.processors import processors

SMALLEST_PART = 1 << 20  # bytes; smaller parts are not worth a thread
PIECE = 1 << 20  # bytes that each thread has in memory at a time
LISTS = ("images", "categories")  # that results may have beside their detections


@dataclass(frozen=True, eq=False)
class DetectionList:
    """A list of detections: the content of a file, or a value of the object in a text.

    Attributes
    ----------
    begin
        Where the list begins in the file or the text.
    lists
        The other LISTS of the object, parsed; None if there is no object.
    """

    path: str | os.PathLike[str]
    begin: int
    text: np.ndarray | None = None
    lists: dict[str, Any] | None = None

    def read(self, image_rows: dict[Any, int], label_rows: dict[Any, int]) -> Columns | None:
        """The detections, if all images are known; None if they must be read record by record.

        `image_rows` and `label_rows` have the row of each known id. Threads read parts of a file at
        the same time, each piece by piece, so that the memory contains little more than the
        columns.

        Raises
        ------
        OSError
        """
        required, optional = (IMAGE, CATEGORY, BBOX, SCORE), (FILE_NAME, CATEGORY_NAME)
        return self._columns(Tables.of(image_rows, label_rows, required, optional))

    def read_keyed(self, class_field: str, *, has_ids: bool) -> Columns | None:
        """The detections with the keys of their ids, which need not be known and may be texts.

        Columns.names has the hashes of file_name and of `class_field`. All records have a category
        id, or none: then all have a `class_field`.

        Raises
        ------
        OSError
        """
        required = (IMAGE, BBOX, SCORE, CATEGORY if has_ids else CATEGORY_NAME)
        tables = Tables.of({}, {}, required, {CATEGORY, FILE_NAME, CATEGORY_NAME} - {*required})
        fields = (*FIELDS[:CATEGORY_NAME], class_field)
        columns = self._columns(tables and replace(tables, fields=fields, keyed=True))
        if columns is None or (not has_ids and (columns.flags & CATEGORY_SEEN).any()):
            return None
        return columns

    def first(self) -> dict[str, Any]:
        """The first record; {} if there is none.

        Raises
        ------
        OSError
        """
        return (self.records(self.begin + np.array([[1, PIECE]])) or [{}])[0]

    def records(self, spans: np.ndarray) -> list[dict[str, Any]] | None:
        """The first record in each of (K, 2) spans of the file or the text; None at a fault.

        Raises
        ------
        OSError
        """
        found = []
        with open(self.path, "rb") as file:
            for begin, end in spans.tolist():
                if self.text is None:
                    file.seek(begin)
                    part = file.read(end - begin)
                else:
                    part = bytes(self.text[begin:end])
                found.append(_first_value(part))
        return found if all(isinstance(record, dict) for record in found) else None

    def _columns(self, tables: Tables | None) -> Columns | None:
        if tables is None:
            return None
        if self.text is not None:
            columns = read_list(self.text, self.begin, tables)
        else:
            columns = _read_file(self.path, self.begin, tables)
        if columns is None or not np.isfinite(columns.values).all():
            return None
        return columns if np.isfinite(columns.boxes).all() else None


def _first_value(part: bytes) -> Any:
    """The value with which a part of JSON begins; None if it is none."""
    import orjson

    scratch = np.zeros(1, np.uint64)
    end = end_of_value(text_of(part), POWERS_OF_FIVE, POWERS_OF_TEN, scratch)
    try:
        return orjson.loads(part[: max(end, 0)])
    except orjson.JSONDecodeError:
        return None


def open_results(path: str | os.PathLike[str]) -> DetectionList | None:
    """The list of detections in a file; None if it is unusual.

    Raises
    ------
    OSError
    """
    with open(path, "rb") as file:
        head = text_of(file.read(4096))
    begin = first_place(head)
    if head[begin] == 91:
        return DetectionList(path, begin)
    top = read_top_level(path, LISTS)
    if top is None or "annotations" not in top.places:
        return None
    return DetectionList(path, top.places["annotations"], top.text, top.values)


def _read_file(path: str | os.PathLike[str], begin: int, tables: Tables) -> Columns | None:
    """Read the list at `begin`; None if it must be read record by record."""
    size = os.stat(path).st_size
    marks = [begin]
    count = max(1, min(processors(), size // SMALLEST_PART))
    with open(path, "rb") as file:
        for part in range(1, count):
            # A record seems to begin here; reading the previous part confirms or refutes it.
            file.seek(size * part // count)
            place = next_record(text_of(file.read(PIECE)))
            if place >= 0:
                marks.append(size * part // count + place)
    columns = _read_parts(path, tables, marks, size)
    if columns is None and len(marks) > 1:
        columns = _read_parts(path, tables, marks[:1], size)
    return columns


def _read_parts(
    path: str | os.PathLike[str], tables: Tables, marks: list[int], size: int
) -> Columns | None:
    """Read the parts between the marks; None if a part does not end at the next mark."""
    # Columns for the largest possible number of records; untouched memory costs nothing.
    starts = [(mark - marks[0]) // SMALLEST_RECORD for mark in marks]
    columns = empty_columns((size - marks[0]) // SMALLEST_RECORD + 2, tables)
    ends = [*marks[1:], size]
    with ThreadPoolExecutor(len(marks)) as pool:
        read = list(pool.map(partial(_read_part, path, tables, columns), marks, ends, starts))
    row = 0
    for (rows, reached), end, first in zip(read, ends, starts, strict=True):
        if reached != end:
            return None
        for column in vars(columns).values() if first != row else ():
            column[row : row + rows] = column[first : first + rows]
        row += rows
    return first_rows(columns, row)


def _read_part(
    path: str | os.PathLike[str],
    tables: Tables,
    columns: Columns,
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
            before = row
            how, place, row, _ = read_piece(text, 0, stop, row, tables, columns)
            columns.keys[before:row, 2] += begin  # places in the file
            begin += place
            kept = len(text) - NULS - place
            if how == CLOSED:
                rest = bytes(text[place:-NULS]) + file.read()
                return row - first_row, end if not rest.strip(b" \t\r\n") else -1
            if (how == STOPPED and begin >= end) or not count or (how == STUCK and not place):
                return row - first_row, begin if how == STOPPED else -1
            buffer[:kept] = buffer[place : place + kept]
