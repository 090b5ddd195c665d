"""Results as a table with named columns, parted by commas, semicolons or tabs."""

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
from eval.formats.faults import Fault, Report, refuse
from eval.formats.number_lines import number_of
from eval.formats.results.tables import (
    FILE_NAMES,
    IDS,
    find_images,
    listed,
    make_table,
    rows_by_name,
)
from eval.formats.text_files import decoded, read_bytes
from eval.records import one_too_small

# What columns may be called; upper case, blanks and hyphens do not matter.
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
    path: str | os.PathLike[str], dataset: Dataset, *, report: Report = refuse
) -> DetectionTable:
    """Read a table whose first line names its columns.

    It needs an image (image_id, image, file_name), a class (class, class_name; or category_id,
    an id of the ground truth), a score, and x, y, width, height or xmin, ymin, xmax, ymax (or
    x1 ...), in pixels, 0-based and continuous. The notes say what was understood. Images are named
    by id, by file name, or by that without suffix, all in one way.

    Raises
    ------
    EvaluationError
        Naming file and line: a missing column, an unknown image, a wrong number of columns, no
        number; names that may be ids or file names; or no class is known.
    """
    source = Path(path).name
    text = decoded(read_bytes(path), source)
    if not text.strip():
        raise EvaluationError(f"{source}: the file is empty; write it again")
    written, rows, lines = _rows(text, source, report)
    header = tuple(map(_plain, written))
    _check_header(written, header, source)
    image, category, score, box = _understand(header, written, source)
    columns = dict(zip(header, zip(*rows, strict=True), strict=True)) if rows else {}
    fields = (score, *box)
    numbers = np.stack([_numbers(columns.get(field, ())) for field in fields], axis=1)
    for row, column in np.argwhere(np.isnan(numbers)):
        field = fields[column]
        message = f"{field} is {columns[field][row]!r:.40}; expected a finite number"
        report(Fault(f"{source}: line {lines[row]}", field, message, "not a finite number"))

    names = [name.strip() for name in columns.get(image, ())]
    says = IDS if image == "image_id" else FILE_NAMES if image != "image" else ""
    reason = f"the column {image!r} says" if says else "call the column image_id or file_name"
    rows_of, said = rows_by_name(dataset, names, source, says, reason)
    images = find_images(names, rows_of, lines, source, report, image)
    classes = [name.strip() for name in columns.get(category, ())]
    labels, by_id = _labels(classes, category, dataset)
    hint = "; ids seem to be one too small" if by_id and _one_too_small(classes, dataset) else ""
    boxes = numbers[:, 1:].copy()
    if box in CORNERS:
        boxes[:, 2:] -= boxes[:, :2]
    meaning = "[x1, y1, x2, y2]" if box in CORNERS else "[x, y, width, height]"
    note = (
        f"read as: image from {image!r}, class {'id' if by_id else 'name'} from {category!r}, "
        f"score from {score!r}, box {meaning} from {', '.join(box)} (pixels from 0, continuous)"
    )
    good = ~np.isnan(numbers).any(axis=1)
    return make_table(
        dataset,
        np.where(good, images, -1),
        labels,
        boxes,
        numbers[:, 0],
        layout="xywh",
        source=source,
        where=lambda row: f"{source}: line {lines[row]}",
        class_of=lambda row: classes[row],
        notes=(note, *said),
        hint=hint,
    )


def _rows(
    text: str, source: str, report: Report
) -> tuple[tuple[str, ...], list[list[str]], list[int]]:
    """Names of the columns, rows of as many cells, and their line numbers."""
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
                report(Fault(where, "columns", message, "wrong number of columns"))
    except csv.Error as error:
        raise EvaluationError(f"{source}: line {reader.line_num}: not a table ({error})") from None
    return header, rows, lines


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_").replace("-", "_")


def _check_header(written: tuple[str, ...], header: tuple[str, ...], source: str) -> None:
    """Names of columns, as written and in plain letters: no numbers, each once."""
    if sum(not math.isnan(number_of(name)) for name in written) > 1:
        raise EvaluationError(
            f"{source}: line 1: is the first line, with the names of the columns, missing? It is "
            f"{listed(written)}"
        )
    twice = [name for name, plain in zip(written, header, strict=True) if header.count(plain) > 1]
    if twice:
        raise EvaluationError(f"{source}: line 1: column {twice[0]!r} comes twice; rename one")


def _understand(
    header: tuple[str, ...], written: tuple[str, ...], source: str
) -> tuple[str, str, str, tuple[str, str, str, str]]:
    """Which columns hold image, class, score and the box."""
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
    """(N,) float64, NaN for a cell that is no finite number."""
    return np.array([number_of(cell) for cell in cells], dtype=np.float64)


def _labels(classes: list[str], column: str, dataset: Dataset) -> tuple[np.ndarray, bool]:
    """(N,) labels, -1 for unknown classes; and whether the column was read as ids.

    A column of names in which no name is known may hold ids: some writers call it "class".
    """
    by_name = {name: label for label, name in enumerate(dataset.class_names)}
    by_id = {str(identity): label for label, identity in enumerate(dataset.category_ids)}
    ids = column in CLASS_ID or (
        not any(name in by_name for name in classes) and any(name in by_id for name in classes)
    )
    known = by_id if ids else by_name
    return np.array([known.get(name, -1) for name in classes], dtype=np.int64), ids


def _one_too_small(classes: list[str], dataset: Dataset) -> bool:
    numbers = {int(name) if re.fullmatch(r"-?\d{1,20}", name) else name for name in classes}
    return one_too_small(numbers, dataset.label_by_category_id)
