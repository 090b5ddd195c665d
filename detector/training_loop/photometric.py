"""Photometric distortion: random brightness, contrast, saturation and hue.

After Howard (arXiv 1312.5402), whom the GoogLeNet paper (section 6) follows: brightness, contrast
and colour change by random amounts, one after another in random order. Here colour is saturation
and hue.

Each of the four changes is an affine map of (red, green, blue), and so is any sequence of them:
together they are one 3x4 matrix, which is applied to the picture once. Values are clipped to 0..255
only at the end, so no change clips what a later one would bring back into range.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
FACTORS = (0.5, 1.5)  # of brightness, contrast and saturation, as in Howard
HUE = 18.0  # degrees to either side

GREY = np.array([0.299, 0.587, 0.114])  # luminance (BT.601)

MIRRORED = 0.5  # share of training pictures that are mirrored
# Section 6: late in training the paper chose among these with equal probability
INTERPOLATIONS = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST)


def distort(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Change brightness, contrast, saturation and hue of an RGB picture (H, W, 3) at random."""
    pixels = np.ascontiguousarray(image)
    matrix = random_matrix(pixels.reshape(-1, 3)[::16].mean(0), rng)  # the mean of a sample
    return cast("NDArray[np.uint8]", cv2.transform(pixels, matrix))  # rounds and clips


def random_matrix(mean_rgb: Sequence[float] | Matrix, rng: np.random.Generator) -> Matrix:
    """A random distortion (3, 4) for pictures with this mean colour; the last column is added."""
    brightness, contrast, saturation = rng.uniform(*FACTORS, 3)
    degrees = rng.uniform(-HUE, HUE)
    mean = np.append(np.asarray(mean_rgb, np.float64), 1.0)
    matrix = np.eye(4)
    for change in rng.permutation(4):
        if change == 0:
            step = scale_brightness(brightness)
        elif change == 1:
            step = scale_contrast(contrast, float(GREY @ (matrix @ mean)[:3]))
        elif change == 2:
            step = scale_saturation(saturation)
        else:
            step = turn_hue(degrees)
        matrix = step @ matrix
    return matrix[:3]


def scale_brightness(factor: float) -> Matrix:
    """Matrix (4, 4) that multiplies all values; black stays black."""
    return np.diag([factor, factor, factor, 1.0])


def scale_contrast(factor: float, mean_grey: float) -> Matrix:
    """Matrix (4, 4) that multiplies the distances from the picture's mean luminance."""
    matrix = scale_brightness(factor)
    matrix[:3, 3] = (1 - factor) * mean_grey
    return matrix


def scale_saturation(factor: float) -> Matrix:
    """Matrix (4, 4) that multiplies each pixel's distance from the grey of its luminance."""
    matrix = np.eye(4)
    matrix[:3, :3] = factor * np.eye(3) + (1 - factor) * GREY
    return matrix


def turn_hue(degrees: float) -> Matrix:
    """Matrix (4, 4) that turns colours about the grey axis; 120 degrees turn red into green."""
    angle = math.radians(degrees)
    # Rodrigues' rotation about (1, 1, 1) / sqrt(3)
    cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    matrix = np.eye(4)
    matrix[:3, :3] = (
        math.cos(angle) * np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) / 3
    )
    return matrix
