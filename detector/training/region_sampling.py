"""The regions that a training step learns from, and the classes and boxes that they stand for.

R-CNN's rule (a region with IoU >= 0.5 with an object has its class, any other is background; a
quarter are objects), with two changes. Background inside a difficult object or a crowd is not used,
and part of the background is drawn from the regions that the objectness score would keep, since
those are the ones that the head has to classify.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.networks.regions import DELTA_SCALE
from detector.recipes import TrainingOptions
from proposals.boxes import covered_share, encode_boxes, intersection_over_union

Floats = NDArray[np.float32]
FOREGROUND_IOU = 0.5  # R-CNN's: least overlap of an object and a region that stands for it
OBJECTNESS_REGIONS = 256  # regions of a photograph that train the objectness score
HARD_FRACTION = 0.5  # share of background regions that are drawn from the likeliest objects


class Truths(NamedTuple):
    """Objects of one photograph: boxes (T, 4) xyxy, labels (T,) from 1, ignored (T,) bool."""

    boxes_xyxy: Floats
    labels: NDArray[np.int64]
    ignored: NDArray[np.bool_]


class Assignment(NamedTuple):
    """For N boxes: best IoU with a truth (N,), that truth's row (N,), and usable (N,) bool."""

    overlap: Floats
    truth: NDArray[np.int64]
    usable: NDArray[np.bool_]


class Regions(NamedTuple):
    """Training regions: boxes (R, 4), labels (R,) with 0 = background, deltas (R, 4) scaled."""

    boxes_xyxy: Floats
    labels: NDArray[np.int64]
    deltas: Floats


def assign(boxes_xyxy: Floats, truths: Truths) -> Assignment:
    """Match boxes to truths; background of which over half lies in an ignored truth is unusable."""
    real = np.flatnonzero(~truths.ignored)
    overlap = np.zeros(len(boxes_xyxy), np.float32)
    truth = np.zeros(len(boxes_xyxy), np.int64)
    if len(real):
        table = intersection_over_union(boxes_xyxy, truths.boxes_xyxy[real])
        truth = real[table.argmax(1)]
        overlap = table.max(1)
    covered = covered_share(boxes_xyxy, truths.boxes_xyxy[truths.ignored]) > 0.5
    return Assignment(overlap, truth, (overlap >= FOREGROUND_IOU) | ~covered)


def sample_regions(
    boxes_xyxy: Floats,
    hardness: Floats,
    truths: Truths,
    options: TrainingOptions,
    rng: np.random.Generator,
) -> Regions:
    """Draw `regions_per_image` regions: foreground up to its fraction, then background.

    `hardness` (N,) is the objectness score. No region is drawn twice: if there are too few
    foreground regions, background takes their places; if there are too few of both, fewer are
    returned.
    """
    matched = assign(boxes_xyxy, truths)
    is_foreground = matched.overlap >= FOREGROUND_IOU
    wanted = round(options.regions_per_image * options.foreground_fraction)
    foreground = _draw(np.flatnonzero(is_foreground), wanted, rng)

    background = np.flatnonzero(~is_foreground & matched.usable)
    wanted = options.regions_per_image - len(foreground)
    by_hardness = background[np.argsort(-hardness[background], kind="stable")]
    pool = by_hardness[: 4 * wanted]  # about as many as the objectness score keeps
    hard = _draw(pool, round(wanted * HARD_FRACTION), rng)
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
    boxes_xyxy: Floats, truths: Truths, rng: np.random.Generator
) -> tuple[NDArray[np.int64], Floats]:
    """Rows of the boxes that train the objectness score, at most half objects, and 0/1 targets."""
    matched = assign(boxes_xyxy, truths)
    is_object = matched.overlap >= FOREGROUND_IOU
    objects = _draw(np.flatnonzero(is_object), OBJECTNESS_REGIONS // 2, rng)
    rest = np.flatnonzero(~is_object & matched.usable)
    rest = _draw(rest, OBJECTNESS_REGIONS - len(objects), rng)
    target = np.zeros(len(objects) + len(rest), np.float32)
    target[: len(objects)] = 1
    return np.concatenate([objects, rest]), target


@dataclass(frozen=True)
class Windows:
    """All boxes of many photographs, sorted into foreground and background for warp mode.

    Foreground rows are in order of label. Unusable boxes (`assign`) are in neither.
    """

    boxes_xyxy: list[Floats]  # (N, 4) of each photograph
    foreground: NDArray[np.int64]  # (F, 2) photograph, and row of its boxes
    labels: NDArray[np.int64]  # (F,)
    targets_xyxy: Floats  # (F, 4) box of the object
    background: list[NDArray[np.int64]]  # rows of each photograph's boxes


class DrawnWindows(NamedTuple):
    """R windows; where the label is 0, the target is the window itself."""

    photograph: NDArray[np.int64]  # (R,)
    boxes_xyxy: Floats  # (R, 4)
    labels: NDArray[np.int64]  # (R,)
    targets_xyxy: Floats  # (R, 4)


def sort_windows(boxes_xyxy: Sequence[Floats], truths: Sequence[Truths]) -> Windows:
    """Sort the boxes of each photograph into foreground and background, by `assign`'s rule."""
    foreground, labels, targets, background = [], [], [], []
    for photograph, (boxes, objects) in enumerate(zip(boxes_xyxy, truths, strict=True)):
        matched = assign(boxes, objects)
        is_foreground = matched.overlap >= FOREGROUND_IOU
        rows = np.flatnonzero(is_foreground)
        foreground.append(np.stack([np.full_like(rows, photograph), rows], 1))
        labels.append(objects.labels[matched.truth[rows]] if len(rows) else rows)
        targets.append(objects.boxes_xyxy[matched.truth[rows]] if len(rows) else boxes[:0])
        background.append(np.flatnonzero(~is_foreground & matched.usable))
    order = np.argsort(np.concatenate(labels), kind="stable")
    return Windows(
        list(boxes_xyxy),
        np.concatenate(foreground)[order],
        np.concatenate(labels)[order],
        np.concatenate(targets)[order],
        background,
    )


def draw_windows(
    windows: Windows, count: int, options: TrainingOptions, rng: np.random.Generator
) -> DrawnWindows:
    """Draw `count` windows of all photographs as in R-CNN: 32 objects in 128, with replacement.

    All foreground windows are equally likely, and so are all background windows, so a photograph
    with many of them contributes more. `class_balance` b gives a class of n windows the weight
    n^(1 - b). A few foreground windows are drawn again and again; without any background, all
    windows are foreground.
    """
    per_photograph = np.array([len(rows) for rows in windows.background])
    ends = np.cumsum(per_photograph)
    wanted = round(count * options.foreground_fraction) if ends[-1] else count
    rows = _draw_balanced(windows.labels, wanted, options.class_balance, rng)
    places = windows.foreground[rows]
    number = rng.integers(0, max(1, ends[-1]), count - wanted)
    photograph = np.searchsorted(ends, number, side="right")
    row = number - (ends - per_photograph)[photograph]
    behind = [windows.background[p][r] for p, r in zip(photograph, row, strict=True)]
    places = np.concatenate([places, np.stack([photograph, np.array(behind, np.int64)], 1)])
    boxes = np.stack([windows.boxes_xyxy[p][r] for p, r in places])
    labels, targets = np.zeros(count, np.int64), boxes.copy()
    labels[:wanted], targets[:wanted] = windows.labels[rows], windows.targets_xyxy[rows]
    return DrawnWindows(places[:, 0], boxes, labels, targets)


def _draw_balanced(
    labels: NDArray[np.int64], count: int, balance: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw rows of labels: a class by its size to the power 1 - balance, and a row of it."""
    sizes = np.bincount(labels)
    weights = np.where(sizes > 0, np.maximum(sizes, 1.0) ** (1 - balance), 0.0)
    drawn = rng.choice(len(sizes), size=count, p=weights / weights.sum())
    starts = np.cumsum(sizes) - sizes
    rows: NDArray[np.int64] = starts[drawn] + rng.integers(0, sizes[drawn])
    return rows


def _draw(rows: NDArray[np.int64], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return rng.permutation(rows)[:count]
