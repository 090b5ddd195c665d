"""How well the best detections overlap objects, to compare two ways to read the same numbers.

The comparison is cheap: it takes few images, and of each as many detections, those with the highest
scores, as it has objects.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.wording import amount

IMAGES, DETECTIONS = 100, 10  # at most so many images, and detections in each
PAIRS = 10_000  # at most so many pairs of a detection and an object, as far as possible
OVERLAP, CLEARLY = 0.5, 0.1  # IoU of a hit; difference of IoU from which a reading is better
# Chance that a detection has at least such an IoU with an object in a wrong reading, but not in the
# right one. If both have it with the same chance p and independently, it is p(1 - p), at most 1/4.
CHANCES = {OVERLAP: 0.25, 0.7: 0.1, 0.95: 0.02}
UNLIKELY = 0.02  # chance below which it is no accident that one of several readings fits
MANY, ONE_SIDED = 0.1, 5  # least share of better detections; how many for each one that is worse


class Fit(NamedTuple):
    """For N detections, the IoU (N,) with the object (N,) of their image that fits best; or 0."""

    overlaps: np.ndarray
    objects: np.ndarray

    @property
    def hits(self) -> int:
        """How many overlap an object."""
        return int(np.count_nonzero(self.overlaps >= OVERLAP))


def best_detections(table: DetectionTable, dataset: Dataset) -> DetectionTable:
    """The detections with the highest scores on a sample of the images, image by image."""
    holding = np.zeros(len(dataset), dtype=bool)
    holding[table.images] = True
    sample = np.flatnonzero(holding)
    sample = sample[:: max(1, -(-len(sample) // IMAGES))]
    counts = np.diff(dataset.starts)
    wanted = np.clip(counts, 1, DETECTIONS)
    holding[:] = False
    holding[sample] = True
    rows = np.flatnonzero(holding[table.images])
    rows = rows[np.lexsort((-table.scores[rows], table.images[rows]))]
    images = table.images[rows]
    rows = rows[np.arange(len(rows)) - np.searchsorted(images, images) < wanted[images]]
    pairs = int(counts[table.images[rows]].sum())
    rows = rows[:: max(1, -(-pairs // PAIRS))]
    return DetectionTable(
        table.images[rows], table.labels[rows], table.boxes[rows], table.scores[rows], table.layout
    )


def fit(xyxy: np.ndarray, images: np.ndarray, objects_xyxy: np.ndarray, starts: np.ndarray) -> Fit:
    """Compare (N, 4) boxes on images (N,), -1 for none, with the objects of these images.

    The objects are (M, 4); image i owns the rows starts[i] to starts[i + 1].
    """
    overlaps, objects = np.zeros(len(xyxy)), np.full(len(xyxy), -1)
    first = np.where(images < 0, 0, starts[images])
    counts = np.where(images < 0, 0, starts[images + 1] - first)
    with_objects = np.flatnonzero(counts)
    counts, begins = counts[with_objects], np.cumsum(counts[with_objects])
    if not len(counts):
        return Fit(overlaps, objects)
    begins -= counts
    rows = np.repeat(with_objects, counts)
    others = np.arange(len(rows)) + np.repeat(first[with_objects] - begins, counts)
    shared = _ious(xyxy[rows], objects_xyxy[others])
    best = np.maximum.reduceat(shared, begins)
    overlaps[with_objects] = best
    equal = np.flatnonzero(shared == np.repeat(best, counts))[::-1]  # the first one is set last
    objects[rows[equal]] = others[equal]
    return Fit(overlaps, objects)


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def _ious(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    low, high = np.maximum(ours[:, :2], theirs[:, :2]), np.minimum(ours[:, 2:], theirs[:, 2:])
    shared = np.maximum(high - low, 0).prod(axis=1)
    areas = [np.maximum(boxes[:, 2:] - boxes[:, :2], 0).prod(axis=1) for boxes in (ours, theirs)]
    shares = shared / (areas[0] + areas[1] - shared)
    shares[~(shares <= 1)] = 0  # nothing by nothing
    return shares


def is_probable(given: Fit, other: Fit, readings: int) -> bool:
    """Whether another reading fits so much better that it is no accident among so many readings.

    Several detections of one object count once.
    """
    better = (other.overlaps >= OVERLAP) & (other.overlaps > given.overlaps + CLEARLY)
    worse = (given.overlaps >= OVERLAP) & (given.overlaps > other.overlaps + CLEARLY)
    more = len(np.unique(other.objects[better]))
    fewer = len(np.unique(given.objects[worse]))
    count = len(better)
    if more < MANY * count or more < ONE_SIDED * fewer or not more:
        return False
    chances = [_chance(more, more + fewer, 0.5)]
    for overlap, chance in CHANCES.items():
        found = len(np.unique(other.objects[better & (other.overlaps >= overlap)]))
        chances.append(_chance(found, count, chance))
    return readings * min(chances) <= UNLIKELY


def _chance(successes: int, trials: int, probability: float) -> float:
    """Chernoff's bound of the chance of so many successes or more."""
    share = successes / trials
    if share <= probability:
        return 1.0
    exponent = share * math.log(share / probability)
    if share < 1:
        exponent += (1 - share) * math.log((1 - share) / (1 - probability))
    return math.exp(-trials * exponent)


def evidence(given: Fit, other: Fit) -> str:
    """The evidence in words."""
    count = amount(len(given.overlaps), "detection")
    return (
        f"read so, {other.hits} of {count} with the highest scores overlap an object (IoU at least "
        f"{OVERLAP:g}), as given {given.hits}"
    )
