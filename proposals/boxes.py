"""Box geometry: areas, overlaps, clipping, mirroring, and box deltas.

A box is float32 ``[x1, y1, x2, y2]``: 0-based, continuous, width = x2 - x1 (no + 1). The
pixels a..b of a row span x1 = a, x2 = b + 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Larger log ratios would enlarge a box more than 62.5 times, for example from 16 px to 1000 px.
MAX_LOG_RATIO = float(np.log(1000.0 / 16.0))


def area(boxes_xyxy: ArrayLike) -> NDArray[np.float32]:
    """Area in square pixels; 0 for a box with x2 < x1 or y2 < y1.

    Parameters
    ----------
    boxes_xyxy
        (..., 4) numbers.

    Returns
    -------
    (...) float32, never negative.
    """
    boxes = np.asarray(boxes_xyxy, np.float32)
    sides = np.maximum(boxes[..., 2:] - boxes[..., :2], 0)
    return np.asarray(sides[..., 0] * sides[..., 1], np.float32)


def intersection_over_union(boxes_a: ArrayLike, boxes_b: ArrayLike) -> NDArray[np.float32]:
    """IoU of every box of ``boxes_a`` with every box of ``boxes_b``.

    Parameters
    ----------
    boxes_a, boxes_b
        (N, 4) and (M, 4) numbers, ``[x1, y1, x2, y2]``.

    Returns
    -------
    (N, M) float32 in [0, 1]; 0 where both boxes are empty.
    """
    a = _as_boxes(boxes_a)
    b = _as_boxes(boxes_b)
    # Columns (N, 1) against rows (1, M): four flat broadcasts, faster than one of (N, M, 2).
    width = np.minimum(a[:, 2:3], b[:, 2]) - np.maximum(a[:, 0:1], b[:, 0])
    height = np.minimum(a[:, 3:4], b[:, 3]) - np.maximum(a[:, 1:2], b[:, 1])
    intersection = np.maximum(width, 0, out=width)
    intersection *= np.maximum(height, 0, out=height)
    union = area(a)[:, None] + area(b)[None, :] - intersection
    # Where the union is empty the intersection is 0 too, and dividing by 1 yields 0.
    union[union <= 0] = 1
    return np.asarray(intersection / union, np.float32)


def covered_share(boxes_xyxy: ArrayLike, others_xyxy: ArrayLike) -> NDArray[np.float32]:
    """Largest share of each box's area that lies inside one of the others.

    Parameters
    ----------
    boxes_xyxy, others_xyxy
        (N, 4) and (M, 4) numbers, ``[x1, y1, x2, y2]``.

    Returns
    -------
    (N,) float32 in [0, 1]; 0 for an empty box, and if there are no others.
    """
    boxes, others = _as_boxes(boxes_xyxy), _as_boxes(others_xyxy)
    if not len(others):
        return np.zeros(len(boxes), np.float32)
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    inside = area(np.concatenate([low, high], axis=2)).max(axis=1)
    whole = area(boxes)
    return np.asarray(inside / np.where(whole > 0, whole, 1), np.float32)


def clip_boxes(boxes_xyxy: ArrayLike, height: float, width: float) -> NDArray[np.float32]:
    """Clip boxes to the borders of an image.

    Parameters
    ----------
    boxes_xyxy
        (..., 4) numbers.
    height, width
        Size of the image in pixels.

    Returns
    -------
    (..., 4) float32, a new array. A box that lies outside becomes empty; it is not removed.
    """
    limits = np.array([width, height, width, height], np.float32)
    return np.clip(np.asarray(boxes_xyxy, np.float32), np.float32(0), limits)


def flip_boxes(boxes_xyxy: ArrayLike, width: float) -> NDArray[np.float32]:
    """Mirror boxes left to right in an image of ``width`` pixels.

    Returns
    -------
    (..., 4) float32, a new array.
    """
    boxes = np.array(boxes_xyxy, np.float32)
    left = width - boxes[..., 2]
    boxes[..., 2] = width - boxes[..., 0]
    boxes[..., 0] = left
    return boxes


def encode_boxes(boxes_xyxy: ArrayLike, targets_xyxy: ArrayLike) -> NDArray[np.float32]:
    """Deltas that turn each box into its target (R-CNN, appendix C, equations 6-9).

    Parameters
    ----------
    boxes_xyxy, targets_xyxy
        (N, 4) numbers each, every width and height above 0.

    Returns
    -------
    (N, 4) float32: dx and dy as shares of the box's width and height, log dw, log dh.
    """
    boxes = _as_boxes(boxes_xyxy)
    targets = _as_boxes(targets_xyxy)
    sides = boxes[:, 2:] - boxes[:, :2]
    target_sides = targets[:, 2:] - targets[:, :2]
    shift = (targets[:, :2] + targets[:, 2:] - boxes[:, :2] - boxes[:, 2:]) / (2 * sides)
    return np.concatenate([shift, np.log(target_sides / sides)], axis=1)


def decode_boxes(boxes_xyxy: ArrayLike, deltas: ArrayLike) -> NDArray[np.float32]:
    """Apply deltas to boxes (R-CNN, appendix C, equations 1-4); inverts ``encode_boxes``.

    Parameters
    ----------
    boxes_xyxy
        (N, 4) numbers.
    deltas
        (N, 4) numbers, or (N, K, 4) for K versions of each box, e.g. one per class. Log ratios
        are clamped at log(1000 / 16), so that no network output overflows.

    Returns
    -------
    float32, in the shape of ``deltas``; not clipped to an image.
    """
    boxes = _as_boxes(boxes_xyxy)
    steps = np.asarray(deltas, np.float32)
    boxes = boxes.reshape(len(boxes), *(1,) * (steps.ndim - 2), 4)
    sides = boxes[..., 2:] - boxes[..., :2]
    centres = (boxes[..., :2] + boxes[..., 2:]) / 2 + steps[..., :2] * sides
    half_sides = sides * np.exp(np.minimum(steps[..., 2:], np.float32(MAX_LOG_RATIO))) / 2
    return np.concatenate([centres - half_sides, centres + half_sides], axis=-1)


def unique_boxes(boxes_xyxy: ArrayLike) -> NDArray[np.intp]:
    """Rows of the first occurrence of every distinct box.

    Parameters
    ----------
    boxes_xyxy
        (N, 4) numbers, compared exactly.

    Returns
    -------
    (number of distinct boxes,) int, ascending; ``boxes[unique_boxes(boxes)]`` keeps the order.
    """
    boxes = np.asarray(boxes_xyxy).reshape(-1, 4)
    # A stable sort by all columns puts equal boxes side by side, the first occurrence first.
    order = np.lexsort(boxes.T[::-1])
    ordered = boxes[order]
    is_first = np.ones(len(boxes), bool)
    is_first[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    return np.sort(order[is_first])


def _as_boxes(values: ArrayLike) -> NDArray[np.float32]:
    # An empty list means no boxes.
    array = np.asarray(values, np.float32)
    return array.reshape(0, 4) if array.size == 0 else array
