"""The columns of results: one row per picture, in Parquet or as lines of JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

BOXES = pa.list_(pa.list_(pa.float32(), 4))  # [x1, y1, x2, y2] in pixels, 0-based and continuous
SCORES = pa.list_(pa.float32())
FAILURE = pa.field("failure", pa.string())  # why a picture has no results; null if it has
SIZE = [pa.field("height", pa.int32()), pa.field("width", pa.int32())]  # null where it failed

DETECTIONS = pa.schema(
    [
        *SIZE,
        pa.field("boxes_xyxy", BOXES),
        pa.field("scores", SCORES),
        pa.field("classes", pa.list_(pa.string())),
        FAILURE,
    ]
)
PROPOSALS = pa.schema(
    [
        *SIZE,
        pa.field("boxes_xyxy", BOXES),
        pa.field("scores", SCORES),
        pa.field("sources", pa.list_(pa.string())),
        FAILURE,
    ]
)
FEATURES = pa.schema(
    [
        *SIZE,
        pa.field("boxes_xyxy", BOXES),
        pa.field("features", pa.list_(pa.list_(pa.float32()))),
        FAILURE,
    ]
)
IMAGE = pa.field("image", pa.string())
RESULTS = pa.schema([IMAGE, *DETECTIONS])

Row = dict[str, Any]


def table_of(rows: Sequence[Row], schema: pa.Schema) -> pa.Table:
    """Rows -> a table. A column that a row lacks is an empty list there, or else null."""
    return pa.table([_column(rows, field) for field in schema], schema=schema)


def _column(rows: Sequence[Row], field: pa.Field) -> pa.Array:
    if not pa.types.is_list(field.type):
        return pa.array([row.get(field.name) for row in rows], field.type)
    values = [row.get(field.name, ()) for row in rows]
    ends = np.cumsum([0, *map(len, values)], dtype=np.int32)
    return pa.ListArray.from_arrays(ends, _values(values, field.type.value_type), type=field.type)


def _values(values: Iterable[Any], kind: pa.DataType) -> pa.Array:
    """The values of all rows, one after another; arrays are not turned into Python's numbers."""
    arrays = [np.asarray(value) for value in values if len(value)]
    if not arrays:
        return pa.array([], kind)
    joined = np.concatenate(arrays)
    if joined.ndim == 1:
        return pa.array(joined.tolist() if joined.dtype.kind in "US" else joined, kind)
    flat = pa.array(joined.ravel(), kind.value_type)
    if pa.types.is_fixed_size_list(kind):
        return pa.FixedSizeListArray.from_arrays(flat, type=kind)
    ends = np.arange(len(joined) + 1, dtype=np.int32) * joined.shape[1]
    return pa.ListArray.from_arrays(ends, flat, type=kind)


def write_table(table: pa.Table, path: Path, form: str) -> None:
    """Write a table as "parquet", or as "jsonl" with all digits."""
    if form == "parquet":
        pq.write_table(table, path, compression="zstd")
        return
    with path.open("wb") as file:
        for row in table.to_pylist():
            file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))


def failures_in(path: Path) -> int:
    """The number of pictures without results in a file of results."""
    if path.suffix == ".parquet":
        reasons = pq.read_table(path, columns=[FAILURE.name])[FAILURE.name]
        return len(reasons) - reasons.null_count
    with path.open("rb") as file:
        return sum(orjson.loads(line)[FAILURE.name] is not None for line in file)
