"""The LVIS protocol in plain, slow Python, as the reference where the lvis package is missing.

It is written after the rules in section 2.2 of Gupta et al. (CVPR 2019) and COCO's matching, one
class, range of area and IoU threshold after the other.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

THRESHOLDS = [0.5 + 0.05 * step for step in range(10)]
# The package's levels of recall, digit for digit: 7 of 10 objects are below its 0.7000000000000001.
LEVELS = np.linspace(0, 1, 101).tolist()
RANGES = {"": (0, 1e10), "s": (0, 32**2), "m": (32**2, 96**2), "l": (96**2, 1e10)}


def overlap(a: list[float], b: list[float]) -> float:
    """IoU of two boxes [x, y, width, height]."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / (a[2] * a[3] + b[2] * b[3] - width * height)


def kept(truth: dict[str, Any], detections: list[dict[str, Any]], most: int) -> list[int]:
    """The rows of detections within the limit whose class was checked in their image."""
    objects = [a for a in truth["annotations"] if a["area"] > 0]
    rows: list[int] = []
    for image in truth["images"]:
        own = [d for d, one in enumerate(detections) if one["image_id"] == image["id"]]
        own = sorted(own, key=lambda d: -detections[d]["score"])[:most]
        checked = {*image["neg_category_ids"]}
        checked |= {a["category_id"] for a in objects if a["image_id"] == image["id"]}
        rows += [d for d in own if detections[d]["category_id"] in checked]
    return [d for d in rows if detections[d]["bbox"][2] * detections[d]["bbox"][3] > 0]


def curve(
    truth: dict[str, Any],
    detections: list[dict[str, Any]],
    category: int,
    bounds: tuple[float, float],
    threshold: float,
) -> tuple[float, float]:
    """Average precision and recall of one class; NaN without objects that count.

    `detections` are those that `kept` names.
    """
    low, high = bounds
    outcomes: list[tuple[float, bool]] = []
    positives = 0
    for image in sorted(truth["images"], key=lambda image: image["id"]):

        def own(records: list[dict[str, Any]], identity: int = image["id"]) -> list[Any]:
            pair = (identity, category)
            return [r for r in records if (r["image_id"], r["category_id"]) == pair]

        objects = [a for a in own(truth["annotations"]) if a["area"] > 0]
        ignored = [bool(a.get("ignore")) or not low <= a["area"] <= high for a in objects]
        positives += ignored.count(False)
        free = [True] * len(objects)
        for found in sorted(own(detections), key=lambda one: -one["score"]):
            best = -1
            # Objects that count come first; of equal overlaps the last one is taken.
            for wanted in (False, True):
                most = threshold
                for j, given in enumerate(objects):
                    shared = overlap(found["bbox"], given["bbox"])
                    if free[j] and ignored[j] == wanted and shared >= most:
                        best, most = j, shared
                if best >= 0:
                    break
            if best >= 0:
                free[best] = False
                if not ignored[best]:
                    outcomes.append((found["score"], True))
                continue
            lenient = category in image["not_exhaustive_category_ids"]
            if not lenient and low <= found["bbox"][2] * found["bbox"][3] <= high:
                outcomes.append((found["score"], False))
    if not positives:
        return math.nan, math.nan
    points: list[tuple[float, float]] = []
    true = 0
    for number, (_, hit) in enumerate(sorted(outcomes, key=lambda one: -one[0]), start=1):
        true += hit
        points.append((true / positives, true / number))
    precisions = [max((p for r, p in points if r >= level), default=0.0) for level in LEVELS]
    return math.fsum(precisions) / len(precisions), true / positives


def mean(values: list[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return math.fsum(known) / len(known) if known else math.nan


def figures(
    truth: dict[str, Any], detections: list[dict[str, Any]], most: int = 300
) -> dict[str, float]:
    """The thirteen figures by name."""
    chosen = [detections[d] for d in sorted(kept(truth, detections, most))]
    frequencies = {c["id"]: c["frequency"] for c in truth["categories"]}
    cells = {
        (size, category, threshold): curve(truth, chosen, category, bounds, threshold)
        for size, bounds in RANGES.items()
        for category in frequencies
        for threshold in THRESHOLDS
    }

    def over(column: int, size: str = "", threshold: float = 0, group: str = "rcf") -> float:
        return mean(
            [
                values[column]
                for (s, category, t), values in cells.items()
                if s == size and (not threshold or t == threshold)
                and frequencies[category] in group
            ]
        )  # fmt: skip

    result = {"AP": over(0), "AP50": over(0, threshold=0.5), "AP75": over(0, threshold=0.75)}
    result |= {f"AP{size}": over(0, size) for size in "sml"}
    result |= {f"AP{group}": over(0, group=group) for group in "rcf"}
    return result | {f"AR{size}@{most}": over(1, size) for size in ("", "s", "m", "l")}
