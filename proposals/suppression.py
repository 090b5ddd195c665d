"""Greedy non-maximum suppression."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def distinct(
    boxes_xyxy: NDArray[np.float32], scores: NDArray[np.float32], iou: float
) -> NDArray[np.int64]:
    """Rows of boxes (N, 4) that overlap no better one by more than `iou`, best first."""
    order = np.argsort(-scores, kind="stable")
    boxes_xywh = boxes_xyxy[order].astype(np.float64)
    boxes_xywh[:, 2:] -= boxes_xywh[:, :2]
    places = np.arange(len(order), 0, -1, dtype=np.float32)  # OpenCV drops boxes of score 0
    suppress_boxes: Any = cv2.dnn.NMSBoxes  # its stubs know no arrays
    rows = suppress_boxes(boxes_xywh, places, 0.0, iou)
    return order[np.asarray(rows, np.int64).reshape(-1)]
