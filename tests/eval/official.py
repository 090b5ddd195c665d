"""The official MATLAB programs in plain, slow Python, as the reference for the kernels.

Boxes are inclusive pixels [x1, y1, x2, y2]. Each function follows its program statement by
statement (VOCevaldet.m and VOCap.m of the VOC devkits, eval_detection.m of the ILSVRC devkit),
with MATLAB's rules: max and min skip NaN, and a descending sort puts NaN first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

Box = tuple[float, float, float, float]
FALSE, NOT_COUNTED = -1, -2  # in place of the row of the object that a true detection matches


class Found(NamedTuple):
    """A detection."""

    image: int
    label: int
    score: float
    box: Box


class Given(NamedTuple):
    """An object."""

    image: int
    label: int
    box: Box
    difficult: bool = False


def overlap(found: Box, given: Box) -> float:
    """Overlap as both programs compute it; -inf where they skip the pair."""
    width = min(found[2], given[2]) - max(found[0], given[0]) + 1
    height = min(found[3], given[3]) - max(found[1], given[1]) + 1
    if not (width > 0 and height > 0):
        return -math.inf
    union = (
        (found[2] - found[0] + 1) * (found[3] - found[1] + 1)
        + (given[2] - given[0] + 1) * (given[3] - given[1] + 1)
        - width * height
    )
    return width * height / union


def divided(a: float, b: float) -> float:
    return a / b if b else math.nan  # only 0 / 0 occurs


def largest(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return max(known) if known else math.nan


def vocevaldet(
    found: Sequence[Found], given: Sequence[Given], threshold: float
) -> tuple[list[int], list[float], list[float], list[int]]:
    """One class: outcome of each detection; recall, precision and rows by falling score."""
    wanted = sum(not one.difficult for one in given)
    rows = sorted(range(len(found)), key=lambda d: (math.isnan(found[d].score), -found[d].score))
    taken = [False] * len(given)
    outcomes = [FALSE] * len(found)
    recall, precision, true, false = [], [], 0, 0
    for d in rows:
        best, at = -math.inf, -1
        for j, one in enumerate(given):
            if one.image == found[d].image:
                shared = overlap(found[d].box, one.box)
                if shared > best:
                    best, at = shared, j
        if best >= threshold and given[at].difficult:
            outcomes[d] = NOT_COUNTED
        elif best >= threshold and not taken[at]:
            taken[at], outcomes[d] = True, at
            true += 1
        else:
            false += 1
        recall.append(divided(true, wanted))
        precision.append(divided(true, true + false))
    return outcomes, recall, precision, rows


def vocap(recall: Sequence[float], precision: Sequence[float]) -> float:
    steps = [0.0, *recall, 1.0]
    envelope = [0.0, *precision, 0.0]
    for i in reversed(range(len(envelope) - 1)):
        envelope[i] = largest(envelope[i : i + 2])
    area = 0.0
    for i in range(1, len(steps)):
        if steps[i] != steps[i - 1]:
            area += (steps[i] - steps[i - 1]) * envelope[i]
    return area


def eleven_points(recall: Sequence[float], precision: Sequence[float]) -> float:
    average = 0.0
    for point in range(11):
        beyond = [p for r, p in zip(recall, precision, strict=True) if r >= point * 0.1]
        average += (largest(beyond) if beyond else 0.0) / 11
    return average


def object_threshold(box: Box) -> float:
    width, height = box[2] - box[0] + 1, box[3] - box[1] + 1
    below = (width + 10) * (height + 10)
    if below == 0:
        # x / 0 in MATLAB
        return min(0.5, math.copysign(math.inf, width * height)) if width * height else 0.5
    return min(0.5, width * height / below)


def eval_detection(
    found: Sequence[Found], given: Sequence[Given], blacklist: set[tuple[int, int]], images: int
) -> tuple[list[int], list[list[int]], list[float]]:
    """All classes: outcome of each detection; of each class up to the last with objects, the
    rows by falling score and the average precision."""
    classes = max((one.label for one in given), default=-1) + 1
    wanted = [sum(one.label == label for one in given) for label in range(classes)]
    outcomes = [FALSE] * len(found)
    everything: list[int] = []
    for image in range(images):
        own = [d for d in range(len(found)) if found[d].image == image]
        own.sort(key=lambda d: (not math.isnan(found[d].score), -found[d].score))
        everything += own
        objects = [j for j in range(len(given)) if given[j].image == image]
        taken = set()
        for d in own:
            if (image, found[d].label) in blacklist:
                outcomes[d] = NOT_COUNTED
                continue
            best, at = -math.inf, -1
            for j in objects:
                if given[j].label == found[d].label and j not in taken:
                    shared = overlap(found[d].box, given[j].box)
                    if shared >= object_threshold(given[j].box) and shared > best:
                        best, at = shared, j
            if at >= 0:
                outcomes[d] = at
                taken.add(at)
        for j in objects:
            if (image, given[j].label) in blacklist:
                wanted[given[j].label] -= 1
    everything.sort(key=lambda d: (not math.isnan(found[d].score), -found[d].score))
    rows = [[d for d in everything if found[d].label == label] for label in range(classes)]
    averages = []
    for label in range(classes):
        recall, precision, true, false = [], [], 0, 0
        for d in rows[label]:
            true += outcomes[d] >= 0
            false += outcomes[d] == FALSE
            recall.append(divided(true, wanted[label]))
            precision.append(divided(true, true + false))
        averages.append(vocap(recall, precision))
    return outcomes, rows, averages
