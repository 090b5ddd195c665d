"""Separable filters with a fixed order of additions.

A library's float filters may add in a different order on each CPU, or fuse multiplications with
additions. Here every sum is written out, so that segments and histograms do not depend on the
machine.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from proposals.search.compiled import kernel
from rcnn_kernels import helper

SWEEP = 9  # taps applied in one pass over a row; a Gaussian of sigma 0.8 has 9


def gaussian_taps(sigma: float) -> NDArray[np.float32]:
    """Sample a Gaussian with ceil(4 sigma) taps on each side of the middle; the sum is 1."""
    _, weights = _gaussian(sigma)
    return weights.astype(np.float32)


def gaussian_derivative_taps(sigma: float) -> NDArray[np.float32]:
    """Sample a Gaussian's first derivative; rising values have a positive response."""
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
        (H, W, 3) uint8; the border pixels continue outside the image.
    taps_x, taps_y
        (2 R + 1,) float32 each, of the same length.

    Returns
    -------
    (3, H, W) float32, channel after channel, in the units of the image.
    """
    height, width, channels = image.shape
    radius = len(taps_x) // 2
    # Trailing taps of weight 0 do not change the sums.
    count = -(-len(taps_x) // SWEEP) * SWEEP
    taps = np.zeros((2, count), np.float32)
    taps[:, : len(taps_x)] = taps_x, taps_y
    row = np.zeros(width + count - 1, np.float32)
    middle = np.zeros((height + count - 1) * width, np.float32)
    result = np.empty((channels, height, width), np.float32)
    _filter(np.ascontiguousarray(image), taps[0], taps[1], radius, row, middle, result)
    return result


def _gaussian(sigma: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    radius = int(np.ceil(4 * sigma))
    positions = np.arange(-radius, radius + 1, dtype=np.float64)
    weights = np.exp(-0.5 * (positions / sigma) ** 2)
    return positions, weights / weights.sum()


@helper
def _correlate(source, stride, taps, result):  # type: ignore[no-untyped-def]
    """Write the sum over t of taps[t] x source[i + t x stride] to result[i], adding in order."""
    count = len(result)
    for i in range(count):
        result[i] = 0
    # Nine taps per sweep: the inner loop is a plain vector operation, its sum in a register.
    for first in range(0, len(taps), SWEEP):
        t0, t1, t2 = taps[first], taps[first + 1], taps[first + 2]
        t3, t4, t5 = taps[first + 3], taps[first + 4], taps[first + 5]
        t6, t7, t8 = taps[first + 6], taps[first + 7], taps[first + 8]
        start = first * stride
        s0, s1 = source[start:], source[start + stride :]
        s2, s3 = source[start + 2 * stride :], source[start + 3 * stride :]
        s4, s5 = source[start + 4 * stride :], source[start + 5 * stride :]
        s6, s7 = source[start + 6 * stride :], source[start + 7 * stride :]
        s8 = source[start + 8 * stride :]
        for i in range(count):
            total = result[i] + t0 * s0[i]
            total += t1 * s1[i]
            total += t2 * s2[i]
            total += t3 * s3[i]
            total += t4 * s4[i]
            total += t5 * s5[i]
            total += t6 * s6[i]
            total += t7 * s7[i]
            total += t8 * s8[i]
            result[i] = total


@kernel("u1[3] f4[1] f4[1] i8 f4[1] f4[1] f4[3]")
def _filter(image, taps_x, taps_y, radius, row, middle, result):  # type: ignore[no-untyped-def]
    height, width, channels = image.shape
    for channel in range(channels):
        for y in range(height):
            for x in range(radius):
                row[x] = image[y, 0, channel]
                row[radius + width + x] = image[y, width - 1, channel]
            for x in range(width):
                row[radius + x] = image[y, x, channel]
            _correlate(row, 1, taps_x, middle[(radius + y) * width : (radius + y + 1) * width])
        for y in range(radius):
            for x in range(width):
                middle[y * width + x] = middle[radius * width + x]
                bottom = (radius + height) * width
                middle[bottom + y * width + x] = middle[bottom - width + x]
        for y in range(height):
            _correlate(middle[y * width :], width, taps_y, result[channel, y])
