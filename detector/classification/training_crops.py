"""The random crop a picture is learned from (section 6): its place, its scaling, its mirror.

Section 6: patches whose area is spread evenly between 8 % and 100 % of the picture's, their
aspect ratio between 3/4 and 4/3; photometric distortion; at last a random interpolation.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.training_loop.photometric import INTERPOLATIONS, distort

AREAS = (0.08, 1.0)  # of the picture's
ASPECTS = (3 / 4, 4 / 3)  # width over height
ATTEMPTS = 10


def training_crop(
    image: NDArray[np.uint8],
    side: int,
    rng: np.random.Generator,
    *,
    photometric: bool = True,
    random_interpolation: bool = True,
) -> NDArray[np.uint8]:
    """One crop of (H, W, 3), scaled to (side, side, 3), mirrored every second time."""
    height, width = image.shape[:2]
    x1, y1, x2, y2 = draw_crop(height, width, rng)
    patch = image[y1:y2, x1:x2]
    if random_interpolation:
        method = INTERPOLATIONS[rng.integers(len(INTERPOLATIONS))]
    else:
        method = cv2.INTER_AREA if min(patch.shape[:2]) > side else cv2.INTER_LINEAR
    crop: NDArray[np.uint8] = cv2.resize(
        np.ascontiguousarray(patch), (side, side), interpolation=method
    )
    if rng.random() < 0.5:
        crop = np.ascontiguousarray(crop[:, ::-1])
    return distort(crop, rng) if photometric else crop


def draw_crop(height: int, width: int, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """Edges (x1, y1, x2, y2) of a random crop, whole pixels inside the picture.

    The area is uniform, the aspect ratio uniform in its logarithm, so that lying and upright
    crops are as likely; sides are rounded. A crop that sticks out is drawn again; after ten of
    them the largest central window of an allowed aspect ratio is taken.
    """
    for _ in range(ATTEMPTS):
        area = rng.uniform(*AREAS) * height * width
        aspect = math.exp(rng.uniform(*np.log(ASPECTS)))
        w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 1 <= w <= width and 1 <= h <= height:
            x1, y1 = int(rng.integers(width - w + 1)), int(rng.integers(height - h + 1))
            return x1, y1, x1 + w, y1 + h
    w = min(width, max(1, round(height * ASPECTS[1])))
    h = min(height, max(1, round(width / ASPECTS[0])))
    x1, y1 = (width - w) // 2, (height - h) // 2
    return x1, y1, x1 + w, y1 + h
