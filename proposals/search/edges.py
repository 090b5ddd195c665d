"""Edges between neighbouring pixels: weights, buckets and sorting.

An edge is one number, its key. The upper half holds the bits of its weight, which sort like the
weights; the lower half holds its code, 4 x pixel + direction. Sorted keys therefore list edges from
light to heavy, and edges of equal weight in raster order.
"""

from __future__ import annotations

import numpy as np

from proposals.search.compiled import kernel
from rcnn_kernels import helper

INFINITE = 0x7F800000  # as the bits of a float32
BUCKET_BITS = 22  # two buckets of edges per power of two of their weight
BUCKETS = (INFINITE >> BUCKET_BITS) + 1  # the last one holds edges that leave the image


@helper
def _distances(smooth, step, weights):  # type: ignore[no-untyped-def]
    """Weights of the edges from each pixel to the pixel ``step`` places on, if it exists."""
    start, other = max(0, -step), max(0, step)
    count = max(0, smooth.shape[1] - abs(step))
    stop = start + count
    red, red_1 = smooth[0, start:stop], smooth[0, other : other + count]
    green, green_1 = smooth[1, start:stop], smooth[1, other : other + count]
    blue, blue_1 = smooth[2, start:stop], smooth[2, other : other + count]
    out = weights[start:stop]
    for i in range(count):
        d0 = red[i] - red_1[i]
        d1 = green[i] - green_1[i]
        d2 = blue[i] - blue_1[i]
        out[i] = np.sqrt(d0 * d0 + d1 * d1 + d2 * d2)


@kernel("f4[2] i8[1] i8 f4[2] i8[1]")
def weigh(smooth, steps, has_diagonals, weights, counts):  # type: ignore[no-untyped-def]
    """Compute all edge weights, direction by direction, and the number of edges per bucket."""
    pixels, width = smooth.shape[1], steps[1]
    # Raster positions wrap around at the right border; the loops below correct those weights.
    for direction in range(4):
        _distances(smooth, steps[direction], weights[direction])
    infinite = np.float32(np.inf)
    for x in range(width):
        weights[1, pixels - width + x] = infinite
        weights[2, pixels - width + x] = infinite
        weights[3, x] = infinite
    for last in range(width - 1, pixels, width):
        weights[0, last] = infinite
        weights[2, last] = infinite
        weights[3, last] = infinite
    if not has_diagonals:
        for pixel in range(pixels):
            weights[2, pixel] = infinite
            weights[3, pixel] = infinite
    bits = weights.view(np.uint32)
    for direction in range(4):
        for value in bits[direction]:
            counts[np.int64(value >> np.uint32(BUCKET_BITS))] += 1


@helper
def sort(keys, spare, low, high, counters):  # type: ignore[no-untyped-def]
    """Sort keys by their upper half, which lies in low..high: stable radix sort, 2 or 4 passes."""
    bits = 1
    while (high - low) >> bits > 0:
        bits += 1
    rounds = 1 if bits <= 24 else 2
    digit = (bits + 2 * rounds - 1) // (2 * rounds)
    mask = np.uint32((1 << digit) - 1)
    count = len(keys)
    for half_pass in range(2 * rounds):
        source, target = keys, spare
        if half_pass % 2 == 1:
            source, target = spare, keys
        shift = np.uint32(half_pass * digit)
        for i in range(1 << digit):
            counters[i] = 0
        for key in source[:count]:
            value = ((np.uint32(key >> np.uint64(32)) - np.uint32(low)) >> shift) & mask
            counters[np.int64(value)] += 1
        position = 0
        for i in range(1 << digit):
            size = counters[i]
            counters[i] = position
            position += size
        for key in source[:count]:
            value = ((np.uint32(key >> np.uint64(32)) - np.uint32(low)) >> shift) & mask
            place = counters[np.int64(value)]
            target[np.uint64(place)] = key
            counters[np.int64(value)] = place + 1


@helper
def ends_of(key, steps):  # type: ignore[no-untyped-def]
    """The two pixels of an edge."""
    code = np.uint32(key)
    pixel = np.int64(code >> np.uint32(2))
    return pixel, np.int64(np.uint32(pixel + steps[np.int64(code & np.uint32(3))]))


@helper
def weight_of(key):  # type: ignore[no-untyped-def]
    return np.uint32(key >> np.uint64(32)).view(np.float32)
