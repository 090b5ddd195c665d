"""A photograph's way to the size at which the network sees it."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.networks.googlenet import TRUNK_STRIDE


def resize_for_network(
    image: NDArray[np.uint8],
    short_side: int,
    long_side: int,
    interpolation: int | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Scale the short side to `short_side` pixels, bounded by the long side.

    `interpolation` is OpenCV's; None takes area where the picture shrinks, else linear.

    Returns the picture and the factors (x, y, x, y) that take boxes into it. Never smaller than
    one trunk cell, so that a 1x500 strip has a map.
    """
    height, width = image.shape[:2]
    scale = min(short_side / min(height, width), long_side / max(height, width))
    new_width, new_height = (max(TRUNK_STRIDE, round(side * scale)) for side in (width, height))
    if interpolation is None:
        interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    resized = cv2.resize(image, (new_width, new_height), interpolation=interpolation)
    factors = np.array([new_width / width, new_height / height] * 2, np.float32)
    return cast("NDArray[np.uint8]", resized), factors
