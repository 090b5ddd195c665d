"""The tables of Open Images: boxes, verified image labels, class names and lists of images."""

from __future__ import annotations

import csv
import io
import math
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from eval.errors import EvaluationError
from eval.formats.faults import Fault, FaultHandler
from eval.formats.number_lines import number_of
from eval.formats.text_files import decoded, read_bytes

SIDES = ("XMin", "YMin", "XMax", "YMax")
GROUPS = {"": 0, "0": 0, "0.0": 0, "1": 1, "1.0": 1, "-1": -1, "-1.0": -1}
PIXELS = 2.0  # fractions that reach beyond are pixels


class BoxTable(NamedTuple):
    """M boxes.

    Attributes
    ----------
    images, labels
        M ids of images and LabelNames.
    boxes
        (M, 4) float64, [xmin, ymin, xmax, ymax] in fractions of the picture.
    group
        (M,) bool, whether a box encloses a group.
    unknown
        The number of boxes of which it is not known whether they enclose a group.
    """

    images: list[str]
    labels: list[str]
    boxes: np.ndarray
    group: np.ndarray
    unknown: int


def read_boxes(path: Path, on_fault: FaultHandler) -> BoxTable:
    """Read boxes in fractions of the picture; a column IsGroupOf may be missing.

    Raises
    ------
    EvaluationError
        A column is missing, or the boxes are in pixels.
    """
    images: list[str] = []
    labels: list[str] = []
    numbers, flags = array("d"), array("b")
    known: dict[str, str] = {}  # one object for each text, however often it occurs
    for line, row in _rows(path, ("ImageID", "LabelName", *SIDES), ("IsGroupOf",), on_fault):
        image, label, *sides, flag = row
        values = [number_of(side) for side in sides]
        group = GROUPS.get(flag)
        if group is not None and values[0] <= values[2] and values[1] <= values[3]:
            images.append(known.setdefault(image, image))
            labels.append(known.setdefault(label, label))
            numbers.extend(values)
            flags.append(group)
            continue
        where = f"{path.name}: line {line}"
        for name, text, value in zip(SIDES, sides, values, strict=True):
            if math.isnan(value):
                message = f"{name} is {text!r:.40}; expected a fraction of the picture"
                on_fault(Fault(where, name, message, "not a finite number"))
        if group is None:
            message = f"IsGroupOf is {flag!r:.40}; expected 0 or 1, or -1 if unknown"
            on_fault(Fault(where, "IsGroupOf", message, "not 0 or 1"))
        if values[0] > values[2] or values[1] > values[3]:
            message = f"the box {', '.join(sides):.60} has a maximum below its minimum"
            on_fault(Fault(where, "XMax", message, "box with a negative side"))
    boxes = np.array(numbers, dtype=np.float64).reshape(-1, 4)
    if len(boxes) and boxes.max() > PIXELS:
        raise EvaluationError(
            f"{path.name}: a box ends at {boxes.max():g}; expected fractions of the picture, as "
            "Open Images has them"
        )
    kinds = np.array(flags, dtype=np.int8)
    return BoxTable(images, labels, boxes, kinds == 1, int(np.count_nonzero(kinds < 0)))


def read_labels(path: Path, on_fault: FaultHandler) -> Iterator[tuple[str, str, bool]]:
    """Image, LabelName and presence of each label that people verified.

    Raises
    ------
    EvaluationError
        A column is missing, or the labels are a program's.
    """
    columns = ("ImageID", "LabelName", "Confidence")
    for line, (image, label, confidence) in _rows(path, columns, (), on_fault):
        if confidence in ("0", "1"):
            yield image, label, confidence == "1"
            continue
        value, where = number_of(confidence), f"{path.name}: line {line}"
        if 0 < value < 1:
            raise EvaluationError(
                f"{where}: Confidence is {confidence:.20}, so that the label is a program's; give "
                "the labels that people verified (human-imagelabels)"
            )
        if value not in (0, 1):
            message = f"Confidence is {confidence!r:.40}; expected 0 (absent) or 1 (present)"
            on_fault(Fault(where, "Confidence", message, "not 0 or 1"))
            continue
        yield image, label, value == 1


def read_names(path: Path, on_fault: FaultHandler) -> dict[str, str]:
    """The name of each LabelName; the file may lack headings."""
    rows = list(_lines(path))
    start = int(bool(rows) and rows[0][1][0].strip().lower() == "labelname")
    names: dict[str, str] = {}
    for line, row in rows[start:]:
        if len(row) == 2:
            names[row[0].strip()] = row[1].strip()
        else:
            message = f"{len(row)} columns; expected LabelName and name"
            where = f"{path.name}: line {line}"
            on_fault(Fault(where, "columns", message, "wrong number of columns"))
    return names


def read_image_list(path: Path, split: str, on_fault: FaultHandler) -> list[str]:
    """The ids of the images; of one split if the file states splits."""
    rows = _rows(path, ("ImageID",), ("Subset",), on_fault)
    return [image for _, (image, subset) in rows if not (split and subset) or subset == split]


def _rows(
    path: Path, needed: tuple[str, ...], optional: tuple[str, ...], on_fault: FaultHandler
) -> Iterator[tuple[int, list[str]]]:
    """Line number and the cells of the chosen columns; "" for an optional one that is missing."""
    lines = _lines(path)
    _, header = next(lines, (0, []))
    columns = {name.strip().lower(): place for place, name in enumerate(header)}
    missing = [name for name in needed if name.lower() not in columns]
    if missing:
        raise EvaluationError(
            f"{path.name}: line 1: no column {', '.join(missing)}; expected those of Open Images: "
            f"{', '.join(needed)}"
        )
    places = [columns.get(name.lower(), -1) for name in (*needed, *optional)]
    for line, row in lines:
        if len(row) != len(header):
            message = f"{len(row)} columns; the first line names {len(header)}"
            where = f"{path.name}: line {line}"
            on_fault(Fault(where, "columns", message, "wrong number of columns"))
            continue
        yield line, [row[place].strip() if place >= 0 else "" for place in places]


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of each line that is not empty."""
    reader = csv.reader(io.StringIO(decoded(read_bytes(path), path.name), newline=""))
    try:
        for row in reader:
            if any(row):
                yield reader.line_num, row
    except csv.Error as error:
        where = f"{path.name}: line {reader.line_num}"
        raise EvaluationError(f"{where}: not a table ({error})") from None
