"""Lines of YOLO text files: `class cx cy w h` in fractions of the image, or a polygon."""

from __future__ import annotations

import math

import numpy as np

from eval.datasets import ImageRecord
from eval.formats.faults import Fault, FaultHandler
from eval.formats.number_lines import number_of, number_table
from eval.wording import percent

FIELDS = ("class", "cx", "cy", "w", "h")
SLACK = 0.01  # rounded fractions may lie outside 0..1 by this much
FEWEST, ORDERED, OUTSIDE = 2, 0.95, 0.1  # boxes, and their shares, from which one suspects corners


def read_objects(
    content: bytes, source: str, on_fault: FaultHandler, keypoints: int = 0
) -> tuple[np.ndarray, np.ndarray, int]:
    """The lines of one file as (N, 5) rows, their (N,) line numbers, and the number of polygons.

    A line with a class and three or more points is a polygon, or the four corners of a rotated
    box; it becomes the box around its points. With `keypoints`, lines may have that many further
    numbers behind the box.
    """
    polygons = 0

    def reshape(words: list[bytes]) -> list[float] | None:
        nonlocal polygons
        values = [number_of(word) for word in words]
        if any(map(math.isnan, values)):
            return None
        if keypoints and len(values) == len(FIELDS) + keypoints:
            return values[: len(FIELDS)]
        if len(values) < 7 or len(values) % 2 == 0:
            return None
        polygons += 1
        return [values[0], *box_around(values[1::2], values[2::2])]

    table, lines, _ = number_table(content, FIELDS, source, on_fault, reshape=reshape)
    return table, lines, polygons


def box_around(x: list[float], y: list[float]) -> tuple[float, float, float, float]:
    """Centre and sides of the box around points."""
    low, high = (min(x), min(y)), (max(x), max(y))
    return (
        (low[0] + high[0]) / 2,
        (low[1] + high[1]) / 2,
        high[0] - low[0],
        high[1] - low[1],
    )


def checked_rows(
    table: np.ndarray, lines: np.ndarray, source: str, on_fault: FaultHandler, classes: int | None
) -> np.ndarray:
    """(N,) bool: rows with a class number (below `classes`, if given) and a box in fractions."""
    numbers, boxes = table[:, 0], table[:, 1:5]
    wrong_class = (numbers < 0) | (numbers != np.floor(numbers))
    if classes is not None:
        wrong_class |= numbers >= classes
    lowest = np.array([-SLACK, -SLACK, 0, 0])
    wrong_box = np.asarray(((boxes > 1 + SLACK) | (boxes < lowest)).any(axis=1))
    for row in np.flatnonzero(wrong_class | wrong_box):
        where = f"{source}: line {lines[row]}"
        if wrong_class[row]:
            last = "" if classes is None else f" to {classes - 1}"
            message = f"class is {numbers[row]:g}; expected a whole number from 0{last}"
            listed = numbers[row] < 0 or numbers[row] != np.floor(numbers[row])
            kind = "no such class number" if listed else "unknown class"
            on_fault(Fault(where, "class", message, kind, f"{numbers[row]:g}"))
        if wrong_box[row]:
            shown = " ".join(f"{value:g}" for value in boxes[row])
            message = f"box is {shown}; expected cx cy w h in fractions of the image, 0 to 1"
            on_fault(Fault(where, "box", message, "box not in fractions"))
    good: np.ndarray = ~(wrong_class | wrong_box)
    return good


def about_corners(boxes: np.ndarray) -> tuple[str, ...]:
    """A note if (N, 4) boxes seem to be corners in fractions, in place of centres and sides."""
    if len(boxes) < FEWEST:
        return ()
    first, last = boxes[:, :2], boxes[:, 2:]
    ordered = (last >= first).all(axis=1).mean()
    outside = (np.abs(first - 0.5) + last / 2 > 0.5 + SLACK).any(axis=1).mean()
    if ordered < ORDERED or outside <= OUTSIDE:
        return ()
    return (
        f"labels seem to be x1 y1 x2 y2 in place of cx cy w h: {percent(outside)} of the boxes "
        "leave their image, and as corners all are inside",
    )


def in_pixels(rows: np.ndarray, image: ImageRecord) -> np.ndarray:
    """(N, 5) class, x, y, width, height in pixels from class, cx, cy, w, h in fractions."""
    sides = rows[:, 3:5] * (image.width, image.height)
    corners = rows[:, 1:3] * (image.width, image.height) - sides / 2
    return np.concatenate([rows[:, :1], corners, sides], axis=1)
