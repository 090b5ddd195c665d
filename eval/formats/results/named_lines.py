"""Results as lines without headings: image, class, and five numbers in one of several orders."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path

import numpy as np

from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.formats.faults import Fault, FaultHandler, refuse
from eval.formats.number_lines import number_of
from eval.formats.results.class_names import labels_by_name, labels_of_words
from eval.formats.results.image_names import find_images, rows_by_name
from eval.formats.results.line_layouts import PADILLA, corners, layout_of
from eval.formats.results.tables import ResultRows, make_table
from eval.formats.text_files import decoded, read_bytes

NUMBERS = 5  # at the end of a line


def are_named_lines(line: bytes) -> bool:
    """Whether a line has an image, a class and five numbers, of which not all are numbers."""
    parts = _parts(line.decode(errors="replace"))
    numbers = [not math.isnan(number_of(part)) for part in parts]
    return len(parts) == NUMBERS + 2 and all(numbers[2:]) and not all(numbers[:2])


def _parts(line: str) -> list[str]:
    """Image, class and numbers, separated by blanks, commas, semicolons or tabs."""
    mark = next((mark for mark in (",", ";", "\t") if line.count(mark) >= NUMBERS + 1), None)
    words = [part.strip().strip('"') for part in line.split(mark)] if mark else line.split()
    if mark or len(words) <= NUMBERS + 2:
        return words
    *image, kind = words[:-NUMBERS]
    return [" ".join(image), kind, *words[-NUMBERS:]]  # names of files may have blanks


def read_named_lines(
    path: str | os.PathLike[str],
    dataset: Dataset,
    *,
    names: str | os.PathLike[str] | None = None,
    on_fault: FaultHandler = refuse,
) -> DetectionTable:
    """Read lines `image class score xmin ymin xmax ymax`, or with the numbers in another order.

    The score may come last, and the box may be [x, y, width, height] or [centre x, centre y, width,
    height] in fractions: the order that fits the images and finds most objects is taken, and a note
    names it. Images are named in one way, by id, file name or stem; classes by name or by id, or by
    number with a file of `names`. Boxes in pixels are continuous from 0.

    Raises
    ------
    EvaluationError
        The message names file and line: a wrong number of columns, a word that is no number, or an
        unknown image. Also if no class is known.
    """
    source = Path(path).name
    lines, rows = [], []
    for line, text in enumerate(decoded(read_bytes(path), source).splitlines(), start=1):
        parts, where = _parts(text), f"{source}: line {line}"
        numbers = [number_of(part) for part in parts[2:]]
        if len(parts) not in (0, NUMBERS + 2):
            message = f"{len(parts)} columns; expected {NUMBERS + 2}: image class {PADILLA.columns}"
            on_fault(Fault(where, "columns", message, "wrong number of columns"))
        elif any(map(math.isnan, numbers)):
            bad = parts[2 + [math.isnan(number) for number in numbers].index(True)]
            message = f"{bad!r:.40} is no finite number; expected image class {PADILLA.columns}"
            on_fault(Fault(where, "number", message, "not a finite number"))
        elif re.sub(r"\s", "", text):
            lines.append(line)
            rows.append((*parts[:2], *numbers))
    image_names, classes = ([str(row[column]) for row in rows] for column in (0, 1))
    remedy = "write file names with their suffix"
    rows_of, notes = rows_by_name(dataset, image_names, source, reason=remedy)
    images = find_images(image_names, rows_of, lines, source, on_fault)
    known = np.flatnonzero(images >= 0)
    numbers_of = np.array([row[2:] for row in rows], float).reshape(-1, NUMBERS)[known]
    layout = layout_of(numbers_of, images[known], dataset, PADILLA)
    sides = np.array([(i.width, i.height) for i in dataset.images], float).reshape(-1, 2)
    boxes = corners(numbers_of, sides[images[known]], layout)
    boxes[:, 2:] -= boxes[:, :2]
    classes = [classes[row] for row in known]
    label_of, class_notes = _labels(classes, names, dataset)
    table = ResultRows(
        images=images[known],
        labels=np.array([label_of[word] for word in classes], np.int64),
        boxes=boxes,
        scores=numbers_of[:, layout.score],
        layout="xywh",
        source=source,
        where=lambda row: f"{source}: line {lines[known[row]]}",
        class_of=lambda row: classes[row],
    )
    unit = "pixels from 0, continuous" if layout.pixels else "fractions of the picture"
    note = f"lines without headings were read as `image class {layout.columns}` ({unit})"
    return make_table(dataset, table, (note, *notes, *class_notes))


def _labels(
    classes: list[str], names: str | os.PathLike[str] | None, dataset: Dataset
) -> tuple[dict[str, int], tuple[str, ...]]:
    """The label of each class by name, or else by id; with a file of names, by number."""
    if names is not None:
        return labels_of_words(classes, names, dataset.class_names)
    labels, notes = labels_by_name(classes, dataset.class_names)
    by_id = {str(identity): label for label, identity in enumerate(dataset.category_ids)}
    if not any(label >= 0 for label in labels.values()):
        return {word: by_id.get(word, -1) for word in classes}, ()
    return labels, notes
