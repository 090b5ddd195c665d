"""The meaning of the four numbers of a box in each family of files.

xywh        [x, y, width, height], 0-based, continuous (COCO)
xyxy        [xmin, ymin, xmax, ymax], 0-based, continuous (Open Images)
inclusive0  [xmin, ymin, xmax, ymax], whole pixels counted from 0, the last one included (ILSVRC)
inclusive1  the same, counted from 1 (PASCAL VOC)

An inclusive box contains its last pixel, so that its width is xmax - xmin + 1. The continuous box
that covers the same pixels is [xmin - origin, ymin - origin, xmax - origin + 1, ymax - origin + 1].
"""

from __future__ import annotations

import numpy as np

LAYOUTS = ("xywh", "xyxy", "inclusive0", "inclusive1")
INCLUSIVE = LAYOUTS[2:]


def to_xyxy(boxes: np.ndarray, layout: str) -> np.ndarray:
    """(N, 4) boxes of a layout -> (N, 4) 0-based continuous [x1, y1, x2, y2]."""
    if layout == "xywh":
        with np.errstate(
            over="ignore"
        ):  # a corner may overflow to infinity, which is outside as well
            return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
    if layout == "xyxy":
        return boxes
    return boxes + (np.array([0.0, 0, 1, 1]) - _origin(layout))


def to_xywh(boxes: np.ndarray, layout: str) -> np.ndarray:
    """(N, 4) boxes of a layout -> (N, 4) 0-based continuous [x, y, width, height]."""
    if layout == "xywh":
        return boxes
    origin = boxes[:, :2] - (_origin(layout) if layout in INCLUSIVE else 0.0)
    with np.errstate(over="ignore"):
        sides = boxes[:, 2:] - boxes[:, :2] + float(layout in INCLUSIVE)
    return np.concatenate([origin, sides], axis=1)


def comparable_corners(
    boxes: np.ndarray, layout: str, other_boxes: np.ndarray, other_layout: str
) -> tuple[np.ndarray, np.ndarray, float]:
    """Corners of detections and objects as VOC and ILSVRC compare them, and the added side length.

    Two sets in the same inclusive layout stay unchanged, and 1 is added to each side, which
    reproduces the devkits' arithmetic to the last bit. Otherwise both become continuous, and 0 is
    added; for whole numbers the overlaps are the same.
    """
    if layout == other_layout and layout in INCLUSIVE:
        return boxes, other_boxes, 1.0
    return to_xyxy(boxes, layout), to_xyxy(other_boxes, other_layout), 0.0


def _origin(layout: str) -> float:
    return {"inclusive0": 0.0, "inclusive1": 1.0}[layout]
