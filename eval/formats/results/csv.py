"""Results as a table with named columns, separated by commas, semicolons or tabs."""

from __future__ import annotations

import csv
import math
import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.errors import EvaluationError
from eval.formats.faults import Fault, FaultHandler, refuse
from eval.formats.number_lines import number_of
from eval.formats.results.image_names import FILE_NAMES, IDS, find_images, rows_by_name
from eval.formats.results.tables import ResultRows, listed, make_table
from eval.formats.text_files import decoded, read_bytes
from eval.records import ONE_TOO_SMALL, one_too_small

# Accepted names of columns, without regard to case, blanks and hyphens.
IMAGE = ("image_id", "image", "file_name", "filename", "image_name", "image_path")
CLASS_NAME = ("class", "class_name", "category", "category_name", "label", "name")
CLASS_ID = ("category_id", "class_id", "label_id")
SCORE = ("score", "confidence", "conf", "probability")
SIDES = (("x", "y", "width", "height"), ("x", "y", "w", "h"), ("left", "top", "width", "height"))
CORNERS = (
    ("xmin", "ymin", "xmax", "ymax"),
    ("x_min", "y_min", "x_max", "y_max"),
    ("x1", "y1", "x2", "y2"),
    ("left", "top", "right", "bottom"),
)


def read_csv_results(
    path: str | os.PathLike[str], dataset: Dataset, *, on_fault: FaultHandler = refuse
) -> DetectionTable:
    """Read a table whose first line names the columns.

    The table needs an image (image_id, image, file_name), a class (class, class_name; or
    category_id, an id of the ground truth), a score, and a box (x, y, width, height; or xmin, ymin,
    xmax, ymax or x1, y1, x2, y2) in pixels, 0-based and continuous. A note lists the columns that
    were read. All images are named in the same way: by id, by file name, or by file name without
    suffix.

    Raises
    ------
    EvaluationError
        The message names file and line: a missing column, an unknown image, a wrong number of
        columns, or a cell that is no number. It is also raised if names could be ids as well as
        file names, or if no class is known.
    """
    source = Path(path).name
    text = decoded(read_bytes(path), source)
    if not text.strip():
        raise EvaluationError(f"{source}: the file is empty; write it again")
    written, rows, lines = _rows(text, source, on_fault)
    header = tuple(map(_plain, written))
    _check_header(written, header, source)
    image, category, score, box = _chosen_columns(header, written, source)
    columns = dict(zip(header, zip(*rows, strict=True), strict=True)) if rows else {}
    fields = (score, *box)
    numbers = np.stack([_numbers(columns.get(field, ())) for field in fields], axis=1)
    for row, column in np.argwhere(np.isnan(numbers)):
        field = fields[column]
        message = f"{field} is {columns[field][row]!r:.40}; expected a finite number"
        on_fault(Fault(f"{source}: line {lines[row]}", field, message, "not a finite number"))

    names = [name.strip() for name in columns.get(image, ())]
    declared = IDS if image == "image_id" else FILE_NAMES if image != "image" else ""
    reason = (
        f"the column is called {image!r}" if declared else "call the column image_id or file_name"
    )
    rows_of, notes = rows_by_name(dataset, names, source, declared, reason)
    images = find_images(names, rows_of, lines, source, on_fault, image)
    classes = [name.strip() for name in columns.get(category, ())]
    labels, by_id = _labels(classes, category, dataset)
    hint = f"; {ONE_TOO_SMALL}" if by_id and _one_too_small(classes, dataset) else ""
    boxes = numbers[:, 1:].copy()
    if box in CORNERS:
        boxes[:, 2:] -= boxes[:, :2]
    meaning = "[x1, y1, x2, y2]" if box in CORNERS else "[x, y, width, height]"
    note = (
        f"read as: image from {image!r}, class {'id' if by_id else 'name'} from {category!r}, "
        f"score from {score!r}, box {meaning} from {', '.join(box)} (pixels from 0, continuous)"
    )
    good = ~np.isnan(numbers).any(axis=1)
    table = ResultRows(
        images=np.where(good, images, -1),
        labels=labels,
        boxes=boxes,
        scores=numbers[:, 0],
        layout="xywh",
        source=source,
        where=lambda row: f"{source}: line {lines[row]}",
        class_of=lambda row: classes[row],
    )
    return make_table(dataset, table, (note, *notes), hint)


def _rows(
    text: str, source: str, on_fault: FaultHandler
) -> tuple[tuple[str, ...], list[list[str]], list[int]]:
    """The names of the columns, the rows with that many cells, and their line numbers."""
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter)
    rows, lines = [], []
    header: tuple[str, ...] = ()
    try:
        header = tuple(name.strip() for name in next(reader, ()))
        for row in reader:
            if len(row) == len(header):
                rows.append(row)
                lines.append(reader.line_num)
            elif any(cell.strip() for cell in row):
                message = f"{len(row)} columns; the first line names {len(header)}"
                where = f"{source}: line {reader.line_num}"
                on_fault(Fault(where, "columns", message, "wrong number of columns"))
    except csv.Error as error:
        raise EvaluationError(f"{source}: line {reader.line_num}: not a table ({error})") from None
    return header, rows, lines


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_").replace("-", "_")


def _check_header(written: tuple[str, ...], header: tuple[str, ...], source: str) -> None:
    """Raise EvaluationError if names of columns are numbers, or repeated when normalised."""
    if sum(not math.isnan(number_of(name)) for name in written) > 1:
        raise EvaluationError(
            f"{source}: line 1: expected the names of the columns; the first line is "
            f"{listed(written)}"
        )
    twice = [name for name, plain in zip(written, header, strict=True) if header.count(plain) > 1]
    if twice:
        raise EvaluationError(f"{source}: line 1: column {twice[0]!r} is repeated; rename one")


def _chosen_columns(
    header: tuple[str, ...], written: tuple[str, ...], source: str
) -> tuple[str, str, str, tuple[str, str, str, str]]:
    """The names of the columns with image, class, score and box."""
    single = {
        "image": IMAGE,
        "class": (*CLASS_NAME, *CLASS_ID),
        "score": SCORE,
    }
    chosen = {what: [name for name in names if name in header] for what, names in single.items()}
    box = next((names for names in (*CORNERS, *SIDES) if set(names) <= set(header)), None)
    missing = [what for what, names in chosen.items() if not names]
    if missing or box is None:
        missing += [] if box else ["box (x, y, width, height or xmin, ymin, xmax, ymax)"]
        raise EvaluationError(
            f"{source}: line 1: no column for {', '.join(missing)}; "
            f"the columns are {listed(written)}"
        )
    return chosen["image"][0], chosen["class"][0], chosen["score"][0], box


def _numbers(cells: Sequence[str]) -> np.ndarray:
    """(N,) float64; NaN for a cell that is no finite number."""
    return np.array([number_of(cell) for cell in cells], dtype=np.float64)


def _labels(classes: list[str], column: str, dataset: Dataset) -> tuple[np.ndarray, bool]:
    """(N,) labels, -1 for unknown classes; and whether the column was read as ids.

    Some programs write ids into a column called "class". Such a column is read as ids if it
    contains known ids and no known name.
    """
    by_name = {name: label for label, name in enumerate(dataset.class_names)}
    by_id = {str(identity): label for label, identity in enumerate(dataset.category_ids)}
    ids = column in CLASS_ID or (
        not any(name in by_name for name in classes) and any(name in by_id for name in classes)
    )
    known = by_id if ids else by_name
    return np.array([known.get(name, -1) for name in classes], dtype=np.int64), ids


def _one_too_small(classes: list[str], dataset: Dataset) -> bool:
    numbers = {int(name) if re.fullmatch(r"-?[0-9]{1,20}", name) else name for name in classes}
    return one_too_small(numbers, dataset.label_by_category_id)
