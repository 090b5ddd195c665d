"""Validation of boxes passed by the caller."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.errors import DetectorError

Floats = NDArray[np.float32]
FARTHEST = 2**24  # pixels; beyond it, float32 cannot represent every pixel


def as_boxes(boxes: Any) -> Floats:
    """Validate boxes: Proposals, a tensor or anything array-like -> (N, 4) float32.

    Raises
    ------
    DetectorError
        Another shape, values that are not finite or beyond 2^24 pixels, or x2 < x1 or y2 < y1.
    """
    expected = "proposals: expected finite (N, 4) boxes [x1, y1, x2, y2], got"
    given = getattr(boxes, "boxes_xyxy", boxes)
    if hasattr(given, "detach"):  # a tensor of any device and dtype, with or without gradients
        given = given.detach().double().cpu()
    try:
        array = np.asarray(given, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise DetectorError(f"{expected} {boxes!r:.60}") from None
    if array.shape == (0,):  # an empty list
        return array.astype(np.float32).reshape(0, 4)
    if array.ndim != 2 or array.shape[1] != 4:
        got = f"shape {array.shape}" if array.ndim else f"{boxes!r:.60}"
        raise DetectorError(f"{expected} {got}")
    not_finite = np.flatnonzero(~np.isfinite(array).all(1))
    if len(not_finite):
        row = not_finite[0]
        raise DetectorError(f"{expected} {array[row].tolist()} as box {row}")
    too_far = np.flatnonzero((np.abs(array) > FARTHEST).any(1))
    if len(too_far):
        row = too_far[0]
        raise DetectorError(
            f"proposals: box {row} is {array[row].tolist()}, beyond {FARTHEST:,} pixels; give "
            "pixels of the picture"
        )
    crossed = np.flatnonzero((array[:, 2:] < array[:, :2]).any(1))
    if len(crossed):
        row = crossed[0]
        raise DetectorError(
            f"proposals: box {row} is {array[row].tolist()}, which has x2 < x1 or y2 < y1; "
            "give corners [x1, y1, x2, y2], not sides"
        )
    return np.require(array, np.float32, ["C", "W"])  # torch needs both
