"""Greedy non-maximum suppression."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def non_maximum_suppression(
    boxes_xyxy: NDArray[np.float32], scores: NDArray[np.float32], iou: float
) -> NDArray[np.int64]:
    """The rows of boxes (N, 4) that non-maximum suppression at `iou` keeps, best first."""
    order = np.argsort(-scores, kind="stable")
    boxes_xywh = boxes_xyxy[order].astype(np.float64)
    boxes_xywh[:, 2:] -= boxes_xywh[:, :2]
    ranks = np.arange(len(order), 0, -1, dtype=np.float32)  # above 0: OpenCV drops boxes of score 0
    suppress_boxes: Any = cv2.dnn.NMSBoxes  # its stubs do not accept arrays
    rows = suppress_boxes(boxes_xywh, ranks, 0.0, iou)
    return order[np.asarray(rows, np.int64).reshape(-1)]
