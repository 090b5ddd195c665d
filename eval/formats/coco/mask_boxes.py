"""The box around a mask of COCO JSON: a run-length encoding or polygons."""

from __future__ import annotations

from typing import Any

import numpy as np


def box_of_mask(segmentation: Any) -> list[float] | None:
    """`[x, y, width, height]` in pixels around a mask; None if it is not a mask with an object.

    A run-length encoding counts the pixels outside and inside in turn, down one column after the
    other, as numbers or in the text of pycocotools; polygons are lists of x and y in turn.
    """
    if isinstance(segmentation, dict):
        return _box_of_runs(segmentation)
    polygons = segmentation if isinstance(segmentation, list) else []
    if not polygons or not all(_is_polygon(polygon) for polygon in polygons):
        return None
    points = np.concatenate([np.array(p, dtype=np.float64).reshape(-1, 2) for p in polygons])
    if not np.isfinite(points).all():
        return None
    low, high = points.min(axis=0), points.max(axis=0)
    return [*low.tolist(), *(high - low).tolist()]


def _is_polygon(polygon: Any) -> bool:
    return (
        isinstance(polygon, list)
        and len(polygon) >= 6
        and len(polygon) % 2 == 0
        and all(type(number) in (int, float) and abs(number) < 1e300 for number in polygon)
    )


def _box_of_runs(mask: dict[str, Any]) -> list[float] | None:
    size, counts = mask.get("size"), mask.get("counts")
    if isinstance(counts, str):
        counts = _decoded(counts)
    sides = size if isinstance(size, list) and len(size) == 2 else [0, 0]
    if not isinstance(counts, list) or not all(
        type(number) is int and 0 <= number < 2**40 for number in (*sides, *counts)
    ):
        return None
    height, width = sides
    ends = np.cumsum(np.array([0, *counts], dtype=np.int64))
    if ends[-1] != height * width:
        return None
    begins, ends = ends[1:-1:2], ends[2::2]
    begins, ends = begins[: len(ends)][begins[: len(ends)] < ends], ends[begins[: len(ends)] < ends]
    if not len(begins):
        return None
    last = ends - 1
    left, right = int(begins[0] // height), int(last[-1] // height)
    # A run that goes on in the next column touches the last row and the first one.
    within = begins // height == last // height
    top = int(np.where(within, begins % height, 0).min())
    bottom = int(np.where(within, last % height, height - 1).max())
    return [float(left), float(top), float(right - left + 1), float(bottom - top + 1)]


def _decoded(text: str) -> list[int] | None:
    """The counts in the text of pycocotools (as LEB128, with 6 bits in each character).

    From the fourth on, each count is written as its difference to the one two before.
    """
    counts: list[int] = []
    value = shift = 0
    for character in text.encode("utf-8"):
        part = character - 48
        if not 0 <= part < 64 or shift > 60:
            return None
        value |= (part & 31) << shift
        shift += 5
        if not part & 32:
            if part & 16:
                value -= 1 << shift
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value = shift = 0
    return None if shift else counts
