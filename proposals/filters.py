"""Separable filters with a fixed order of additions.

A library's float filters may add in another order, or fuse multiply and add, from one CPU
to the next. Here every sum is written out, so that segments and histograms do not depend on
the machine.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


def gaussian_taps(sigma: float) -> NDArray[np.float32]:
    """Sample a Gaussian that sums to 1, with ceil(4 sigma) taps on each side of the middle."""
    _, weights = _gaussian(sigma)
    return weights.astype(np.float32)


def gaussian_derivative_taps(sigma: float) -> NDArray[np.float32]:
    """Sample its first derivative, signed so that rising values answer positively."""
    positions, weights = _gaussian(sigma)
    return (positions / sigma**2 * weights).astype(np.float32)


def filter_separable(
    image: NDArray[np.uint8],
    taps_x: NDArray[np.float32],
    taps_y: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Correlate every channel with ``taps_x`` along rows and ``taps_y`` along columns.

    Parameters
    ----------
    image
        (H, W, 3) uint8; pixels outside repeat the border.
    taps_x, taps_y
        (2 R + 1,) float32 each, of the same length.

    Returns
    -------
    (H, W, 3) float32, in the units of the image.
    """
    height, width, channels = image.shape
    # A copy: numba compiles once more for an array that is read-only.
    flat = np.array(image, np.float32, order="C").reshape(height, width * channels)
    return np.asarray(_filter(flat, channels, taps_x, taps_y)).reshape(image.shape)


def _gaussian(sigma: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    radius = int(np.ceil(4 * sigma))
    positions = np.arange(-radius, radius + 1, dtype=np.float64)
    weights = np.exp(-0.5 * (positions / sigma) ** 2)
    return positions, weights / weights.sum()


@njit(nogil=True, cache=True)
def _filter(image, channels, taps_x, taps_y):  # type: ignore[no-untyped-def]
    height, row_length = image.shape
    radius = len(taps_x) // 2
    padded = np.empty(row_length + 2 * radius * channels, np.float32)
    horizontal = np.zeros((height, row_length), np.float32)
    result = np.zeros((height, row_length), np.float32)
    # Taps outside, positions inside: each inner loop is a plain vector operation.
    for y in range(height):
        for i in range(row_length):
            padded[radius * channels + i] = image[y, i]
        for i in range(radius * channels):
            padded[i] = image[y, i % channels]
            padded[radius * channels + row_length + i] = image[
                y, row_length - channels + i % channels
            ]
        out = horizontal[y]
        for tap in range(len(taps_x)):
            weight = taps_x[tap]
            shifted = padded[tap * channels : tap * channels + row_length]
            for i in range(row_length):
                out[i] += weight * shifted[i]
    for y in range(height):
        out = result[y]
        for tap in range(len(taps_y)):
            weight = taps_y[tap]
            shifted = horizontal[min(max(y + tap - radius, 0), height - 1)]
            for i in range(row_length):
                out[i] += weight * shifted[i]
    return result
