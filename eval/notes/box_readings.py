"""A note where the four numbers of boxes seem to mean something else than was assumed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eval.boxes import to_xyxy
from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.notes.overlaps import evidence, fit, is_probable

VALID, SLACK = 0.9, 0.1  # share of boxes that end in their image; beyond it, in sides
SIDES, CORNERS = "[x, y, width, height]", "[x1, y1, x2, y2]"
CENTRES = "[centre x, centre y, width, height]"
SWAPPED_SIDES, SWAPPED_CORNERS = "[y, x, height, width]", "[y1, x1, y2, x2]"
ORDERS = (SIDES, CORNERS, CENTRES, SWAPPED_SIDES, SWAPPED_CORNERS)
# What the numbers are divided by if they are relative to the sides of their image
UNITS = {"in pixels": 0, "in fractions of the image": 1, "in per cent of the image": 100,
         "in thousandths of the image": 1000}  # fmt: skip


class _Reading(NamedTuple):
    """Another reading in words, what was expected, and the (N, 4) corners that come of it."""

    seems: str
    expected: str
    corners: np.ndarray


class _Boxes(NamedTuple):
    """(N, 4) boxes as in their file, their layout, and (N, 2) width and height of their images."""

    numbers: np.ndarray
    layout: str
    sides: np.ndarray

    def readings(self) -> list[_Reading]:
        """Every other reading that makes nearly all boxes valid."""
        expected = SIDES if self.layout == "xywh" else CORNERS
        read = []
        for unit, divisor in UNITS.items():
            if divisor and (self.sides <= 0).any():
                continue
            factor = np.tile(self.sides / divisor, 2) if divisor else 1.0
            for order in ORDERS:
                if divisor or order != expected:
                    words = (order != expected) * [order] + bool(divisor) * [unit]
                    corners = _corners_of(self.numbers, order) * factor
                    read.append(_Reading(" ".join(words), f"{expected} in pixels", corners))
        if self.layout == "xywh":  # such boxes may come from centres and sides, as YOLO has them
            first, last = self.numbers[:, :2], self.numbers[:, 2:]
            centred = np.concatenate([first + last / 2, last], axis=1)
            read += [_Reading(order, CENTRES, _corners_of(centred, order))
                     for order in (SIDES, CORNERS)]  # fmt: skip
        return [reading for reading in read if self._are_valid(reading.corners)]

    def _are_valid(self, corners: np.ndarray) -> bool:
        slack = np.where(self.sides > 0, SLACK * self.sides, np.inf)
        low, high = corners[:, :2], corners[:, 2:]
        good = (high >= low) & (high <= self.sides + slack) & (low >= -slack)
        return bool(good.all(axis=1).mean() >= VALID)


def _corners_of(numbers: np.ndarray, order: str) -> np.ndarray:
    """(N, 4) numbers in one of ORDERS -> (N, 4) [x1, y1, x2, y2]."""
    if order in (SWAPPED_SIDES, SWAPPED_CORNERS):
        numbers = numbers[:, [1, 0, 3, 2]]
    first, last = numbers[:, :2], numbers[:, 2:]
    if order in (CORNERS, SWAPPED_CORNERS):
        return numbers
    if order == CENTRES:
        return np.concatenate([first - last / 2, first + last / 2], axis=1)
    return np.concatenate([first, first + last], axis=1)


@np.errstate(over="ignore", invalid="ignore")  # boxes without end are valid in no reading
def about_readings(best: DetectionTable, dataset: Dataset) -> tuple[str, ...]:
    """A note if detections overlap objects far better when the boxes of either are read otherwise.

    The readings are those of other programs: corners or centres for sides, x and y swapped, and
    numbers relative to the image. `best` are the detections of best_detections.
    """
    used, images = np.unique(best.images, return_inverse=True)
    counts = np.diff(dataset.starts)[used]
    if not counts.sum():
        return ()
    starts = np.concatenate([[0], np.cumsum(counts)])
    owned = np.concatenate([np.arange(*dataset.starts[i : i + 2]) for i in used])
    sides = np.array([(dataset.images[i].width, dataset.images[i].height) for i in used], float)
    if dataset.in_fractions:
        sides[:] = 0
    truths = dataset.all_truths
    found = _Boxes(best.boxes, best.layout, sides[images])
    objects = _Boxes(truths.boxes[owned], truths.layout, np.repeat(sides, counts, axis=0))
    ours, theirs = (to_xyxy(boxes.numbers, boxes.layout) for boxes in (found, objects))
    given = fit(ours, images, theirs, starts)
    others = [
        ("", reading, fit(reading.corners, images, theirs, starts)) for reading in found.readings()
    ] + [
        (" of the ground truth", reading, fit(ours, images, reading.corners, starts))
        for reading in objects.readings()
    ]
    probable = [one for one in others if is_probable(given, one[-1], len(others))]
    if not probable:
        return ()
    whose, reading, other = max(probable, key=lambda one: one[-1].overlaps.sum())
    return (
        f"bbox{whose} seems to be {reading.seems}: {evidence(given, other)}; expected "
        f"{reading.expected}",
    )
