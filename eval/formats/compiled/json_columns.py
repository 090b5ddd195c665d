"""Read records of COCO JSON straight into arrays, with compiled code.

Only regular files are supported. At anything else (another type, an unknown image, text in place of
a number) the functions return None, and the caller parses the file and reads it record by record,
which either succeeds or describes the fault.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from eval.formats.compiled.json_numbers import NULS, POWERS_OF_FIVE, POWERS_OF_TEN
from eval.formats.compiled.json_records import (
    CLOSED,
    hash_texts,
    read_records,
)

# The fields of a record; masks have one bit for each, in this order.
FIELDS = (
    *("image_id", "category_id", "bbox", "score", "area"),
    *("id", "iscrowd", "ignore", "difficult", "file_name", "category_name"),
)
IMAGE, CATEGORY, BBOX, SCORE, AREA, IDENTITY, CROWD, IGNORE, DIFFICULT = range(9)
FILE_NAME, CATEGORY_NAME = 9, 10
SMALLEST_RECORD = 48  # the length of {"image_id":1,"category_id":1,"bbox":[0,0,1,1]},
HARD_LIMIT = 4096


def name_words(fields: Sequence[str]) -> np.ndarray:
    """(fields, 4) uint64: each quoted name as two words, each followed by its mask."""
    rows = []
    for name in fields:
        quoted = f'"{name}"'.encode()
        mask = b"\xff" * len(quoted)
        halves = [text.ljust(16, b"\0")[i : i + 8] for i in (0, 8) for text in (quoted, mask)]
        rows.append([int.from_bytes(half, "little") for half in halves])
    return np.array(rows, dtype=np.uint64)


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
        (N,) uint8: bit 0 iscrowd, bit 1 ignore, bit 2 difficult. With keys, see read_records.
    names
        (N, 2) int64, the hashes of file_name and category_name of results (see hash_texts); 0
        where there is no text.
    keys
        (N, 3) int64, or (0, 3) unless they were wanted: see read_records.
    """

    images: np.ndarray
    labels: np.ndarray
    boxes: np.ndarray
    values: np.ndarray
    ids: np.ndarray | None
    flags: np.ndarray
    names: np.ndarray
    keys: np.ndarray


def read_annotations(
    text: np.ndarray, begin: int, image_rows: dict[Any, int], label_rows: dict[Any, int]
) -> Columns | None:
    """Read the list of annotations at text[begin]; None if it must be read record by record."""
    required, optional = (IMAGE, CATEGORY, BBOX), (AREA, IDENTITY, CROWD, IGNORE, DIFFICULT)
    tables = Tables.of(image_rows, label_rows, required, optional)
    return None if tables is None else read_list(text, begin, tables)


@dataclass(frozen=True, eq=False)
class Tables:
    """The wanted and the required fields of a record, as masks, and the known ids.

    `fields` are FIELDS, perhaps with another last one. With `keyed`, the ids are kept, known or
    not.
    """

    wanted: int
    required: int
    ids: tuple[np.ndarray, ...]
    fields: tuple[str, ...] = FIELDS
    keyed: bool = False

    @classmethod
    def of(
        cls,
        image_rows: dict[Any, int],
        label_rows: dict[Any, int],
        required: Collection[int],
        optional: Collection[int],
    ) -> Tables | None:
        """The tables of known ids; None unless all are 64-bit integers."""
        images, labels = _sorted(image_rows), _sorted(label_rows)
        if images is None or labels is None:
            return None
        wanted = sum(1 << field for field in (*required, *optional))
        return cls(wanted, sum(1 << field for field in required), (*images, *labels))


def _sorted(rows: dict[Any, int]) -> tuple[np.ndarray, np.ndarray] | None:
    """Known ids in rising order and their rows; None unless all are 64-bit integers."""
    if not all(type(key) is int and -(2**63) <= key < 2**63 for key in rows):
        return None
    keys = np.fromiter(rows.keys(), np.int64, len(rows))
    order = np.argsort(keys, kind="stable")
    return keys[order], np.fromiter(rows.values(), np.int32, len(rows))[order]


def empty_columns(records: int, tables: Tables) -> Columns:
    """Columns for a number of records."""
    results = bool(tables.wanted >> SCORE & 1)
    names, flags = results * records, (not results or tables.keyed) * records
    return Columns(
        np.empty(records, np.int32), np.empty(records, np.int32), np.empty((records, 4)),
        np.empty(records), np.empty((not results) * records, np.int64), np.empty(flags, np.uint8),
        np.empty((names, 2), np.int64), np.empty((tables.keyed * records, 3), np.int64),
    )  # fmt: skip


def read_list(text: np.ndarray, begin: int, tables: Tables) -> Columns | None:
    """Read the list at text[begin]; None if it must be read record by record."""
    columns = empty_columns((len(text) - begin) // SMALLEST_RECORD + 2, tables)
    how, _, rows, always = read_piece(text, begin, len(text), 0, tables, columns)
    if how != CLOSED:
        return None
    known = replace(columns, ids=columns.ids if always >> IDENTITY & 1 else None)
    return first_rows(known, rows)


def first_rows(columns: Columns, rows: int) -> Columns:
    """The columns of the first records."""
    cut: dict[str, Any] = {n: None if c is None else c[:rows] for n, c in vars(columns).items()}
    return Columns(**cut)


def read_piece(
    text: np.ndarray, begin: int, stop: int, row: int, tables: Tables, columns: Columns
) -> tuple[int, int, int, int]:
    """How reading ended, the next place and row, and the fields that all records have."""
    state = np.zeros(5, dtype=np.int64)
    hard = np.empty((HARD_LIMIT, 3), dtype=np.int64)
    lengths = np.array([len(name) + 2 for name in tables.fields])  # including quotation marks
    read_records(
        text, begin, stop, row, tables.wanted, tables.required, name_words(tables.fields), lengths,
        *tables.ids, *vars(columns).values(), POWERS_OF_FIVE, POWERS_OF_TEN,
        np.zeros(1, np.uint64), hard,
        np.arange(len(FIELDS) + 1) % len(FIELDS), np.zeros(1, np.int64), state,
    )  # fmt: skip
    how, place, row, always, count = state.tolist()
    for number, at_row, column in hard[:count].tolist():
        value = float(_number_text(text, number))
        if column < 4:
            columns.boxes[at_row, column] = value
        else:
            columns.values[at_row] = value
    return how, place, row, always


def _number_text(text: np.ndarray, place: int) -> bytes:
    end = place
    while bytes(text[end : end + 1]) in (b"-", b"+", b".", b"e", b"E") or 48 <= text[end] <= 57:
        end += 1
    return bytes(text[place:end])


def text_of(content: bytes) -> np.ndarray:
    """The content as an array of bytes, followed by NULS NULs."""
    return np.frombuffer(content + bytes(NULS), dtype=np.uint8)


def hashes_of(texts: Sequence[str]) -> np.ndarray:
    """(N,) int64 hashes of texts, as Columns.names has them."""
    encoded = [text.encode() for text in texts]
    hashes = np.empty(len(texts), np.int64)
    ends = np.cumsum([0, *map(len, encoded)]).astype(np.int64)
    hash_texts(text_of(b"".join(encoded)), ends, hashes)
    return hashes
