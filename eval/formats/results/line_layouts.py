"""The order of the five numbers behind the class in text files of results, one per image.

YOLO writes `cx cy w h confidence` in fractions. Other programs put the confidence first, or write
pixels. Numbers that fit one order often fit another, so the objects of the ground truth decide.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eval.datasets import Dataset

SAMPLE = 2000  # lines that are compared with the ground truth
SLACK = 0.01  # of the image's side


class Layout(NamedTuple):
    """The order of the numbers: the column of the score, those of the box, and what they mean."""

    columns: str
    score: int
    box: slice
    centred: bool = False
    sized: bool = False
    pixels: bool = True


YOLO = Layout("cx cy w h confidence", 4, slice(0, 4), centred=True, sized=True, pixels=False)
# The order of Padilla's evaluator, and of most others with pixels
PADILLA = Layout("confidence xmin ymin xmax ymax", 0, slice(1, 5))
OTHERS = (
    Layout("confidence cx cy w h", 0, slice(1, 5), centred=True, sized=True, pixels=False),
    PADILLA,
    Layout("confidence x y width height", 0, slice(1, 5), sized=True),
    Layout("xmin ymin xmax ymax confidence", 4, slice(0, 4)),
    Layout("x y width height confidence", 4, slice(0, 4), sized=True),
    Layout("cx cy w h confidence", 4, slice(0, 4), centred=True, sized=True),
    Layout("confidence cx cy w h", 0, slice(1, 5), centred=True, sized=True),
    Layout("x1 y1 x2 y2 confidence", 4, slice(0, 4), pixels=False),
    Layout("confidence x1 y1 x2 y2", 0, slice(1, 5), pixels=False),
    Layout("x y w h confidence", 4, slice(0, 4), sized=True, pixels=False),
    Layout("confidence x y w h", 0, slice(1, 5), sized=True, pixels=False),
)


@np.errstate(over="ignore", invalid="ignore")
def corners(numbers: np.ndarray, sides: np.ndarray, layout: Layout) -> np.ndarray:
    """(N, 4) continuous corners in pixels from (N, 5) numbers and (N, 2) width and height."""
    boxes = numbers[:, layout.box]
    if not layout.pixels:
        boxes = boxes * np.tile(sides, 2)
    low, high = boxes[:, :2], boxes[:, 2:]
    if layout.centred:
        return np.concatenate([low - high / 2, low + high / 2], axis=1)
    return np.concatenate([low, low + high if layout.sized else high], axis=1)


@np.errstate(over="ignore", invalid="ignore")  # infinite corners fit no image
def layout_of(
    numbers: np.ndarray, images: np.ndarray, dataset: Dataset, usual: Layout = YOLO
) -> Layout:
    """The layout of (N, 5) numbers of detections on the images of indices (N,).

    It is the usual one unless another fits the images and finds clearly more objects, of any class.
    """
    chosen = np.linspace(0, len(numbers) - 1, min(len(numbers), SAMPLE)).astype(int)
    numbers, images = numbers[chosen], images[chosen]
    sides = np.array([(i.width, i.height) for i in dataset.images], float).reshape(-1, 2)[images]
    fit = _fitting(numbers, sides, usual)
    found = _overlapping(corners(numbers, sides, usual), images, dataset)
    best, most = usual, found
    for layout in (YOLO, *OTHERS):
        if layout is usual or _fitting(numbers, sides, layout) < 0.95:
            continue
        others = _overlapping(corners(numbers, sides, layout), images, dataset)
        clearly = others > 2 * found + 1 or (fit < 0.95 and others > found) or fit < 0.5
        if clearly and (others > most or (fit < 0.5 and best is usual)):
            best, most = layout, others
    return best


def found_objects(numbers: np.ndarray, images: np.ndarray, dataset: Dataset, layout: Layout) -> int:
    """How many boxes of (N, 5) numbers have an IoU of 0.5 or more with an object of any class."""
    sides = np.array([(i.width, i.height) for i in dataset.images], float).reshape(-1, 2)[images]
    return _overlapping(corners(numbers, sides, layout), images, dataset)


def _fitting(numbers: np.ndarray, sides: np.ndarray, layout: Layout) -> float:
    """The share of lines with a score of 0 to 1 and a box in its image."""
    if not len(numbers):
        return 0.0
    scores, xyxy = numbers[:, layout.score], corners(numbers, sides, layout)
    slack = SLACK * sides + layout.pixels
    good = (scores >= 0) & (scores <= 1) & (xyxy[:, 2:] >= xyxy[:, :2]).all(axis=1)
    good &= (xyxy[:, :2] >= -slack).all(axis=1) & (xyxy[:, 2:] <= sides + slack).all(axis=1)
    if layout.pixels:
        good &= (xyxy[:, 2:] > 1).all(axis=1)
    return float(good.mean())


def _overlapping(xyxy: np.ndarray, images: np.ndarray, dataset: Dataset) -> int:
    """How many boxes have an IoU of 0.5 or more with an object of their image."""
    count = 0
    for row in np.unique(images).tolist():
        found, objects = xyxy[images == row][:, None], dataset.truths(row).boxes_xyxy[None]
        low = np.maximum(found[..., :2], objects[..., :2])
        high = np.minimum(found[..., 2:], objects[..., 2:])
        shared = np.maximum(high - low, 0).prod(axis=2)
        areas = [np.maximum(b[..., 2:] - b[..., :2], 0).prod(axis=2) for b in (found, objects)]
        count += int((2 * shared >= areas[0] + areas[1] - shared).any(axis=1).sum())
    return count
