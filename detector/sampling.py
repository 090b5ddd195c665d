"""Which regions of a photograph one training step looks at, and what they should answer.

R-CNN's rule (IoU >= .5 with a truth: its class, else background; a quarter positive), with two
changes: regions that lie in something marked difficult or in a crowd teach nothing, and part of
the background is drawn from what the objectness score would keep, since that is what the head will
meet.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from configs import TrainingOptions
from detector.regions import DELTA_SCALE
from proposals.boxes import area, encode_boxes, intersection_over_union

Floats = NDArray[np.float32]


class Truths(NamedTuple):
    """Objects of one photograph: boxes (T, 4) xyxy, labels (T,) from 1, ignored (T,) bool."""

    boxes_xyxy: Floats
    labels: NDArray[np.int64]
    ignored: NDArray[np.bool_]


class Assignment(NamedTuple):
    """For each of N boxes: best IoU with a truth (N,), that truth's row (N,), usable (N,) bool."""

    overlap: Floats
    truth: NDArray[np.int64]
    usable: NDArray[np.bool_]


class Regions(NamedTuple):
    """Training regions: boxes (R, 4), labels (R,) with 0 = background, deltas (R, 4) scaled."""

    boxes_xyxy: Floats
    labels: NDArray[np.int64]
    deltas: Floats


def assign(boxes_xyxy: Floats, truths: Truths, foreground_iou: float) -> Assignment:
    """Match boxes to truths; background inside an ignored truth (over half of it) is unusable."""
    real = np.flatnonzero(~truths.ignored)
    overlap = np.zeros(len(boxes_xyxy), np.float32)
    truth = np.zeros(len(boxes_xyxy), np.int64)
    if len(real):
        table = intersection_over_union(boxes_xyxy, truths.boxes_xyxy[real])
        truth = real[table.argmax(1)]
        overlap = table.max(1)
    covered = _covered(boxes_xyxy, truths.boxes_xyxy[truths.ignored]) > 0.5
    return Assignment(overlap, truth, (overlap >= foreground_iou) | ~covered)


def _covered(boxes_xyxy: Floats, others: Floats) -> Floats:
    """Largest share of each box that lies inside one of `others` (N,)."""
    if not len(others):
        return np.zeros(len(boxes_xyxy), np.float32)
    low = np.maximum(boxes_xyxy[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes_xyxy[:, None, 2:], others[None, :, 2:])
    inside = np.prod(np.maximum(high - low, 0), axis=2)
    share: Floats = inside.max(1) / np.maximum(area(boxes_xyxy), np.float32(1e-6))
    return share


def sample_regions(
    boxes_xyxy: Floats,
    hardness: Floats,
    truths: Truths,
    options: TrainingOptions,
    rng: np.random.Generator,
) -> Regions:
    """Draw `regions_per_image` regions: foreground up to its share, background for the rest.

    `hardness` (N,) is the objectness score. With too few foreground regions the background fills
    up; with too few of both, fewer regions are returned, never the same one twice.
    """
    matched = assign(boxes_xyxy, truths, options.foreground_iou)
    is_foreground = matched.overlap >= options.foreground_iou
    wanted = round(options.regions_per_image * options.foreground_fraction)
    foreground = _draw(np.flatnonzero(is_foreground), wanted, rng)

    background = np.flatnonzero(~is_foreground & matched.usable)
    wanted = options.regions_per_image - len(foreground)
    by_hardness = background[np.argsort(-hardness[background], kind="stable")]
    pool = by_hardness[: 4 * wanted]  # about what the objectness score keeps
    hard = _draw(pool, round(wanted * options.hard_fraction), rng)
    easy = _draw(np.setdiff1d(background, hard), wanted - len(hard), rng)

    rows = np.concatenate([foreground, hard, easy])
    boxes = boxes_xyxy[rows]
    labels = np.zeros(len(rows), np.int64)
    deltas = np.zeros((len(rows), 4), np.float32)
    count = len(foreground)
    if count:
        target = matched.truth[foreground]
        labels[:count] = truths.labels[target]
        deltas[:count] = encode_boxes(boxes[:count], truths.boxes_xyxy[target]) / DELTA_SCALE
    return Regions(boxes, labels, deltas)


def sample_objectness(
    boxes_xyxy: Floats, truths: Truths, options: TrainingOptions, rng: np.random.Generator
) -> tuple[NDArray[np.int64], Floats]:
    """Rows for the objectness score, at most half of them objects, and their 0/1 targets."""
    matched = assign(boxes_xyxy, truths, options.foreground_iou)
    is_object = matched.overlap >= options.foreground_iou
    objects = _draw(np.flatnonzero(is_object), options.objectness_regions // 2, rng)
    rest = np.flatnonzero(~is_object & matched.usable)
    rest = _draw(rest, options.objectness_regions - len(objects), rng)
    target = np.zeros(len(objects) + len(rest), np.float32)
    target[: len(objects)] = 1
    return np.concatenate([objects, rest]), target


def _draw(rows: NDArray[np.int64], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return rng.permutation(rows)[:count]
