"""Results as a table with named columns, separated by commas, semicolons or tabs."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.errors import EvaluationError
from eval.formats.csv_columns import (
    CENTRES,
    CLASS_ID,
    CLASS_NAME,
    CORNERS,
    SIDES,
    STRING,
    WHOLE,
    are_sides_of_pictures,
    chosen_columns,
    numbers_in,
    plain,
    refuse_sides_of_pictures,
    table_rows,
    unpacked,
    whole,
)
from eval.formats.faults import Fault, FaultHandler, refuse
from eval.formats.number_lines import number_of
from eval.formats.results.class_names import labels_by_name, labels_of_words
from eval.formats.results.image_names import FILE_NAMES, IDS, find_images, rows_by_name
from eval.formats.results.tables import ResultRows, make_table
from eval.formats.text_files import decoded, read_bytes
from eval.records import ONE_TOO_SMALL, off_by_one


def read_csv_results(
    path: str | os.PathLike[str],
    dataset: Dataset,
    *,
    names: str | os.PathLike[str] | None = None,
    on_fault: FaultHandler = refuse,
) -> DetectionTable:
    """Read a table whose first line names the columns.

    The table needs an image (image_id, image, file_name), a class (class, class_name; or
    category_id, an id of the ground truth), a score, and a box (x, y, width, height; xmin, ymin,
    xmax, ymax or x1, y1, x2, y2; x_center, y_center, width, height; or all four in one text called
    bbox) in pixels, 0-based and continuous, or in fractions of the picture; or the image and a
    PredictionString. A note lists the columns that
    were read. All images are named in the same way: by id, by file name, or by file name without
    suffix. The cells of
    the class are names or ids of the ground truth; with `names`, data.yaml or a text file with one
    class per line, numbers are those of its names, from 0.

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
    written, found = table_rows(text, source, on_fault)
    header, pairs = tuple(map(plain, written)), [*found]
    lines, rows = [line for line, _ in pairs], [row for _, row in pairs]
    if STRING in header:
        one_class = dataset.class_names[0] if len(dataset.class_names) == 1 else ""
        header, rows, lines = unpacked(header, rows, lines, one_class)
    image, category, score, box, meaning = chosen_columns(header, written, source)
    columns: dict[str, Sequence[str]] = (
        dict(zip(header, zip(*rows, strict=True), strict=True)) if rows else {}
    )
    if len(box) == 1:
        parts = [numbers_in(cell, 4) for cell in columns.get(box[0], ())]
        box = tuple(f"{box[0]}[{i}]" for i in range(4))
        columns |= dict(zip(box, zip(*parts, strict=True), strict=True)) if parts else {}
    fields = (score, *box)
    numbers = np.stack([_numbers(columns.get(field, ())) for field in fields], axis=1)
    for row, column in np.argwhere(np.isnan(numbers)):
        field = fields[column]
        message = f"{field} is {columns[field][row]!r:.40}; expected a finite number"
        on_fault(Fault(f"{source}: line {lines[row]}", field, message, "not a finite number"))

    image_names = _without_zeros(columns.get(image, ()))
    declared = IDS if image == "image_id" else FILE_NAMES if image != "image" else ""
    reason = (
        f"the column is called {image!r}" if declared else "call the column image_id or file_name"
    )
    rows_of, notes = rows_by_name(dataset, image_names, source, declared, reason)
    images = find_images(image_names, rows_of, lines, source, on_fault, image)
    category = _column_of_names(columns, category, dataset)
    classes = _without_zeros(columns.get(category, ()))
    labels, by_id, remarks = _labels(classes, category, dataset, names)
    hint = f"; {ONE_TOO_SMALL}" if by_id and _one_too_small(classes, dataset) else ""
    boxes = _sides(numbers[:, 1:], meaning)
    sizes = np.array([(i.width, i.height) for i in dataset.images], np.float64).reshape(-1, 2)
    sizes = np.where(images[:, None] >= 0, sizes[images], np.nan) if len(sizes) else boxes[:, :2]
    in_fractions = _in_fractions(boxes, sizes)
    if in_fractions:
        boxes *= np.tile(sizes, 2)
        numbers[:, 1:] *= np.tile(sizes, 2)
    elif meaning == SIDES and are_sides_of_pictures(boxes, sizes):
        refuse_sides_of_pictures(box, source)
    unit = "fractions of the picture" if in_fractions else "pixels from 0, continuous"
    note = (
        f"read as: image from {image!r}, class {'id' if by_id else 'name'} from {category!r}, "
        f"score from {score!r}, box {meaning} from {', '.join(box)} ({unit})"
    )
    good = ~np.isnan(numbers).any(axis=1)
    # Corners are compared with corners unchanged, for x + (x2 - x) may differ from x2.
    exact = meaning == CORNERS and dataset.all_truths.layout == "xyxy"
    table = ResultRows(
        images=np.where(good, images, -1),
        labels=labels,
        boxes=numbers[:, 1:] if exact else boxes,
        scores=numbers[:, 0],
        layout="xyxy" if exact else "xywh",
        source=source,
        where=lambda row: f"{source}: line {lines[row]}",
        class_of=lambda row: classes[row],
    )
    return make_table(dataset, table, (note, *notes, *remarks), hint)


def _numbers(cells: Sequence[str]) -> np.ndarray:
    """(N,) float64; NaN for a cell that is no finite number."""
    return np.array([number_of(cell) for cell in cells], dtype=np.float64)


def _sides(numbers: np.ndarray, meaning: str) -> np.ndarray:
    """(N, 4) boxes of any meaning -> [x, y, width, height]."""
    boxes = numbers.copy()
    if meaning == CORNERS:
        boxes[:, 2:] -= boxes[:, :2]
    elif meaning == CENTRES:
        boxes[:, :2] -= boxes[:, 2:] / 2
    return boxes


def _in_fractions(boxes: np.ndarray, sizes: np.ndarray) -> bool:
    """Whether all (N, 4) boxes end at 1 or before, not all at whole numbers, in known pictures."""
    good = ~np.isnan(np.concatenate([boxes, sizes], axis=1)).any(axis=1)
    used, known = boxes[good], bool((sizes[good] > 0).all())
    if not known or not len(used) or used.min() <= -1:
        return False
    ends = used[:, :2] + used[:, 2:]
    return bool(ends.max() <= 1 + 1e-6 and (used % 1 != 0).any())


def _without_zeros(cells: Sequence[str]) -> list[str]:
    """The cells without blanks around them; if all are whole numbers, 1 for 1.0."""
    texts = [cell.strip() for cell in cells]
    return [whole(text) for text in texts] if all(map(WHOLE.fullmatch, texts)) else texts


def _column_of_names(columns: Mapping[str, Sequence[str]], chosen: str, dataset: Dataset) -> str:
    """The column of the class: the chosen one, or another one if only that has known names.

    YOLO's programs write class numbers into `class` and names into `name`.
    """
    names = [name for name in CLASS_NAME if name in columns]
    if chosen not in names:
        return chosen
    ways = {name: labels_by_name(columns[name], dataset.class_names)[0] for name in names}
    named = [name for name in names if any(label >= 0 for label in ways[name].values())]
    return named[0] if named and chosen not in named else chosen


def _labels(
    classes: list[str], column: str, dataset: Dataset, names: str | os.PathLike[str] | None
) -> tuple[np.ndarray, bool, tuple[str, ...]]:
    """(N,) labels, -1 for unknown classes; whether the column was read as ids; and notes.

    Some programs write ids into a column called "class", or names into one called "category_id":
    the names of columns decide only where the cells do not.
    """
    if names is not None:
        labels, notes = labels_of_words(classes, names, dataset.class_names)
    else:
        labels, notes = labels_by_name(classes, dataset.class_names)
    named = any(label >= 0 for label in labels.values())
    by_id = {str(identity): label for label, identity in enumerate(dataset.category_ids)}
    fits = any(name in by_id for name in classes)
    ids = names is None and (fits or not named) and (column in CLASS_ID or (fits and not named))
    if ids:
        labels, notes = by_id, ()
    return np.array([labels.get(name, -1) for name in classes], dtype=np.int64), ids, notes


def _one_too_small(classes: list[str], dataset: Dataset) -> bool:
    numbers = {int(name) if re.fullmatch(r"-?[0-9]{1,20}", name) else name for name in classes}
    return off_by_one(numbers, dataset.label_by_category_id, 1)
