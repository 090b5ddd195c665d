"""Colour spaces in which selective search runs (Uijlings et al. 2013, section 3.2).

Each colour image is (H, W, 3) uint8 and is input to both the segmentation and the histograms, so
that one step of colour has the same meaning in both.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


def hsv(image: Image) -> Image:
    """Hue, saturation, value; all three range over 0..255."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2HSV_FULL), np.uint8)


def lab(image: Image) -> Image:
    """CIE L*a*b* in 8 bits: L stretched to 0..255, a and b shifted by 128."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2LAB), np.uint8)


def normalised_rg_intensity(image: Image) -> Image:
    """Chromaticities r and g, each stretched to 0..255 within the image, and grey."""
    total = image.sum(axis=2, dtype=np.float32)
    is_black = total == 0
    total[is_black] = 1
    channels = []
    for channel in (0, 1):
        share = image[..., channel] / total
        share[is_black] = 1 / 3
        channels.append(_stretch(share))
    return np.stack([*channels, _grey(image)], axis=2)


def hue(image: Image) -> Image:
    """Hue alone, in all three channels."""
    return _replicate(hsv(image)[..., 0])


def intensity(image: Image) -> Image:
    """Grey, in all three channels."""
    return _replicate(_grey(image))


COLOUR_SPACES: dict[str, Callable[[Image], Image]] = {
    "HSV": hsv,
    "Lab": lab,
    "rgI": normalised_rg_intensity,
    "H": hue,
    "I": intensity,
}


def _grey(image: Image) -> Image:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)


def _replicate(channel: Image) -> Image:
    return np.repeat(channel[..., None], 3, axis=2)


def _stretch(values: NDArray[np.float32]) -> Image:
    low, high = values.min(), values.max()
    if high <= low:
        return np.zeros(values.shape, np.uint8)
    return np.asarray(np.rint((values - low) * (255 / (high - low))), np.uint8)
