"""The boxes over one picture, with labels that are clear of each other."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.report.content.operating_point import OperatingPoint
from eval.wording import score

# Labels have the same size at every size of the picture. They are arranged for a picture of at most
# this width and height in screen pixels, as on a phone; in a larger one they are farther apart.
_WIDTH, _HEIGHT = 350.0, 280.0
_LINE, _LETTER, _MARGIN = 17.0, 6.6, 10.0
_LONGEST_NAME = 22


class Box(NamedTuple):
    """One box of a picture.

    Attributes
    ----------
    kind
        "true", "missed" or "false"; the drawing depends on it.
    inset
        Distances from the top, right, bottom and left of the picture, in % of its sides.
    text, words
        The label, and a description of the box.
    down, at_end
        The label's distance below the box's top in screen pixels, and whether it ends at the right
        side of the box instead of beginning at the left.
    row
        Row of the table for a detection, of all_truths for a missed object.
    """

    kind: str
    inset: tuple[float, float, float, float]
    text: str
    words: str
    down: int
    at_end: bool
    row: int


class Outcome(NamedTuple):
    """A detection or an object with its kind and row (see Box), its corners, label and words."""

    kind: str
    row: int
    corners: np.ndarray
    text: str
    words: str


def outcomes_by_image(
    table: DetectionTable, dataset: Dataset, point: OperatingPoint, reasons: dict[int, str]
) -> dict[int, list[Outcome]]:
    """The outcomes of every image that has any, in drawing order: found, missed, false.

    Parameters
    ----------
    reasons
        Why a detection is false, by row of the table.
    """
    truths, names = dataset.all_truths, dataset.class_names
    detected, annotated = table.boxes_xyxy, truths.boxes_xyxy
    result: dict[int, list[Outcome]] = {}
    for row in point.true.tolist():
        text = _scored(table, names, row)
        outcome = Outcome("true", row, detected[row], text, f"{text}: found")
        result.setdefault(int(table.images[row]), []).append(outcome)
    for row in point.missed.tolist():
        text = f"missed {_short(names[truths.labels[row]])}"
        outcome = Outcome("missed", row, annotated[row], text, text)
        result.setdefault(int(dataset.truth_images[row]), []).append(outcome)
    for row in point.false.tolist():
        text = _scored(table, names, row)
        outcome = Outcome("false", row, detected[row], text, f"{text}: {reasons[row]}")
        result.setdefault(int(table.images[row]), []).append(outcome)
    return result


def arrange(outcomes: list[Outcome], sides: tuple[float, float]) -> list[Box]:
    """The boxes of one picture.

    Parameters
    ----------
    sides
        Width and height of the picture that the corners refer to.
    """
    scale = min(_WIDTH / sides[0], _HEIGHT / sides[1])
    size = (sides[0] * scale, sides[1] * scale)
    taken: list[tuple[float, float, float]] = []
    boxes = []
    for kind, row, corners, text, words in outcomes:
        x1, y1, x2, y2 = np.clip(corners / np.array(sides * 2), 0, 1).tolist()
        top, right, bottom, left = (round(100 * part, 2) for part in (y1, 1 - x2, 1 - y2, x1))
        down, at_end = 0, False
        if kind != "true":
            place = (x1 * size[0], x2 * size[0], y1 * size[1])
            down, at_end = _place(text, place, size, taken)
        boxes.append(Box(kind, (top, right, bottom, left), text, words, down, at_end, row))
    return boxes


def _place(
    text: str,
    place: tuple[float, float, float],
    size: tuple[float, float],
    taken: list[tuple[float, float, float]],
) -> tuple[int, bool]:
    """Where a label goes: above the box or as far below its top as others leave room."""
    left, end, top = place
    length = _LETTER * len(text) + _MARGIN
    at_end = left + length > size[0] and end > size[0] - left
    start = end - length if at_end else left
    for step in (-1, 0, 1, 2, 3, 4, 5, 6):
        y = top + step * _LINE
        clear = all(
            abs(y - other) >= _LINE or start + length <= begin or start >= finish
            for other, begin, finish in taken
        )
        if clear and 0 <= y <= size[1] - _LINE:
            break
    else:
        y = max(min(top, size[1] - _LINE), 0)
    taken.append((y, start, start + length))
    return round(y - top), at_end


def _scored(table: DetectionTable, names: tuple[str, ...], row: int) -> str:
    return f"{_short(names[table.labels[row]])} {score(table.scores[row])}"


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
