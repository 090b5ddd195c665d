"""The protocols of Open Images in plain, slow Python, written from their description.

https://storage.googleapis.com/openimages/web/evaluation.html (the challenge) and
g3doc/evaluation_protocols.md of TensorFlow's object detection API (version 2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

Box = tuple[float, float, float, float]


class Found(NamedTuple):
    """A detection; corners x1, y1, x2, y2."""

    image: int
    label: int
    score: float
    box: Box


class Given(NamedTuple):
    """An object, or a group of them."""

    image: int
    label: int
    box: Box
    group: bool = False


def area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def shared(one: Box, other: Box) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(width, 0.0) * max(height, 0.0)


def iou(one: Box, other: Box) -> float:
    both = shared(one, other)
    return both / (area(one) + area(other) - both) if both else 0.0


def average_precision(
    found: Sequence[Found],
    given: Sequence[Given],
    label: int,
    verified: set[tuple[int, int]] | None,
    groups_count: bool,
) -> float:
    """The area under the curve of one class; NaN without objects that count.

    `verified` holds pairs of image and class; None verifies all.
    """
    objects = [one for one in given if one.label == label]
    known = {one.image for one in objects}
    if verified is not None:
        known |= {image for image, its in verified if its == label}
    taken: set[int] = set()
    outcomes: list[bool] = []
    rows = [one for one in found if one.label == label]
    for one in sorted(rows, key=lambda row: -row.score):
        if one.box[0] >= one.box[2] or one.box[1] >= one.box[3]:
            continue
        if verified is not None and one.image not in known:
            continue
        own = [n for n, there in enumerate(objects) if there.image == one.image]
        singles = [n for n in own if not objects[n].group]
        groups = [n for n in own if objects[n].group]
        best = max(singles, key=lambda n: iou(one.box, objects[n].box), default=-1)
        if best >= 0 and iou(one.box, objects[best].box) >= 0.5 and best not in taken:
            taken.add(best)
            outcomes.append(True)
            continue
        around = max(groups, key=lambda n: shared(one.box, objects[n].box), default=-1)
        if around >= 0 and shared(one.box, objects[around].box) / area(one.box) >= 0.5:
            if groups_count and around not in taken:
                taken.add(around)
                outcomes.append(True)
            continue
        outcomes.append(False)
    counted = sum(groups_count or not one.group for one in objects)
    return area_under(outcomes, counted) if counted else math.nan


def area_under(outcomes: Sequence[bool], counted: int) -> float:
    """Each true detection adds 1 / counted times the best precision from it on."""
    precisions = [sum(outcomes[: n + 1]) / (n + 1) for n in range(len(outcomes))]
    return sum(max(precisions[n:]) for n, true in enumerate(outcomes) if true) / counted
