"""Graph segmentation into superpixels (Felzenszwalb & Huttenlocher 2004).

Pixels are joined along edges of growing weight, as long as the edge is no heavier than what
either side already holds together with: its heaviest edge plus k / size. Larger k, larger
segments.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from proposals.checks import check_count, check_image, check_positive
from proposals.filters import filter_separable, gaussian_taps

LARGEST_K = 1e12  # above the heaviest weight, 442, times the most pixels, 2**29


class Edges(NamedTuple):
    """The edges of the pixel grid, lightest first; shared by every k."""

    height: int
    width: int
    weights: NDArray[np.float32]  # (E,) colour distance, ascending
    codes: NDArray[np.uint32]  # (E,) pixel index x 4 + direction (0 E, 1 S, 2 SE, 3 NE)


def segment(
    image: NDArray[np.uint8], k: float, min_size: int, sigma: float = 0.8
) -> tuple[NDArray[np.int32], int]:
    """Cut an image into segments of similar colour.

    Parameters
    ----------
    image
        (H, W, 3) uint8 in any colour space; distances are Euclidean over the 3 channels.
    k
        Scale of observation, in colour steps x pixels, above 0. Larger k, larger segments.
    min_size
        Segments of fewer pixels are joined to a neighbour.
    sigma
        Width in pixels of the Gaussian that smooths the image first, above 0.

    Returns
    -------
    labels
        (H, W) int32, 0..count-1, numbered in the order a raster scan meets them.
    count
        Number of segments, at least 1.

    Raises
    ------
    ProposalError
        If the image is not (H, W, 3) uint8, k or sigma not above 0, or min_size negative.
    """
    check_image(image)
    check_positive("k", k)
    check_positive("sigma", sigma)
    check_count("min_size", min_size, least=0)
    return join_edges(sorted_edges(image, sigma), k, min_size)


def sorted_edges(image: NDArray[np.uint8], sigma: float, connectivity: int = 8) -> Edges:
    """Smooth the image, then weigh and sort the edges of its pixel grid.

    Ties keep raster order and, within a pixel, the order E, S, SE, NE. With a ``connectivity``
    of 4 there are no diagonal edges.
    """
    taps = gaussian_taps(sigma)
    smooth = filter_separable(image, taps, taps)
    weights, codes = _sort_edges(_weigh_edges(smooth, connectivity == 8))
    return Edges(image.shape[0], image.shape[1], weights, codes)


def join_edges(edges: Edges, k: float, min_size: float) -> tuple[NDArray[np.int32], int]:
    """Segment a weighed grid; see ``segment`` for the parameters and the result."""
    pixels = edges.height * edges.width
    # Beyond these limits nothing changes, and float32 and int64 would overflow.
    threshold = np.float32(min(k, LARGEST_K))
    smallest = round(min(min_size, pixels))
    parent = _join(edges.weights, edges.codes, pixels, edges.width, threshold, smallest)
    labels, count = _label(parent)
    return labels.reshape(edges.height, edges.width), count


@njit(nogil=True, cache=True)
def _distance(smooth, y0, x0, y1, x1):  # type: ignore[no-untyped-def]
    d0 = smooth[y0, x0, 0] - smooth[y1, x1, 0]
    d1 = smooth[y0, x0, 1] - smooth[y1, x1, 1]
    d2 = smooth[y0, x0, 2] - smooth[y1, x1, 2]
    return np.sqrt(d0 * d0 + d1 * d1 + d2 * d2)


@njit(nogil=True, cache=True)
def _weigh_edges(smooth, diagonals):  # type: ignore[no-untyped-def]
    """Weight and code of every edge, in raster order: two (E,) arrays."""
    height, width, _ = smooth.shape
    count = height * (width - 1) + (height - 1) * width
    if diagonals:
        count += 2 * (height - 1) * (width - 1)
    weights = np.empty(count, np.float32)
    codes = np.empty(count, np.uint32)
    i = 0
    for y in range(height):
        for x in range(width):
            code = np.uint32(4 * (y * width + x))
            if x + 1 < width:
                weights[i] = _distance(smooth, y, x, y, x + 1)
                codes[i] = code
                i += 1
            if y + 1 < height:
                weights[i] = _distance(smooth, y, x, y + 1, x)
                codes[i] = code + np.uint32(1)
                i += 1
            if diagonals and x + 1 < width and y + 1 < height:
                weights[i] = _distance(smooth, y, x, y + 1, x + 1)
                codes[i] = code + np.uint32(2)
                i += 1
            if diagonals and x + 1 < width and y > 0:
                weights[i] = _distance(smooth, y, x, y - 1, x + 1)
                codes[i] = code + np.uint32(3)
                i += 1
    return weights, codes


@njit(nogil=True, cache=True)
def _sort_edges(edges):  # type: ignore[no-untyped-def]
    """Stable radix sort by weight: floats >= 0 order as their bit patterns do."""
    weights, codes = edges
    bits = weights.view(np.uint32)
    count = len(bits)
    # 11 + 11 + 10 bits: three passes whose counters stay in the first-level cache.
    starts = np.zeros((3, 2048), np.int64)
    for i in range(count):
        starts[0, bits[i] & np.uint32(2047)] += 1
        starts[1, (bits[i] >> np.uint32(11)) & np.uint32(2047)] += 1
        starts[2, bits[i] >> np.uint32(22)] += 1
    for digit in range(3):
        position = 0
        for value in range(2048):
            size = starts[digit, value]
            starts[digit, value] = position
            position += size
    source = np.empty(count, np.uint64)
    target = np.empty(count, np.uint64)
    # The first pass packs weight and code into one word, the last unpacks them.
    for i in range(count):
        digit_0 = bits[i] & np.uint32(2047)
        source[starts[0, digit_0]] = (np.uint64(bits[i]) << np.uint64(32)) | np.uint64(codes[i])
        starts[0, digit_0] += 1
    for i in range(count):
        digit_1 = (source[i] >> np.uint64(43)) & np.uint64(2047)
        target[starts[1, digit_1]] = source[i]
        starts[1, digit_1] += 1
    for i in range(count):
        digit_2 = target[i] >> np.uint64(54)
        position = starts[2, digit_2]
        bits[position] = np.uint32(target[i] >> np.uint64(32))
        codes[position] = np.uint32(target[i] & np.uint64(0xFFFFFFFF))
        starts[2, digit_2] += 1
    return weights, codes


@njit(nogil=True, cache=True)
def _find(parent, node):  # type: ignore[no-untyped-def]
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@njit(nogil=True, cache=True)
def _join(weights, codes, pixels, width, k, min_size):  # type: ignore[no-untyped-def]
    """Both passes over the sorted edges; returns the (pixels,) union-find forest."""
    parent = np.arange(pixels).astype(np.int32)
    size = np.ones(pixels, np.int32)
    threshold = np.full(pixels, k, np.float32)
    steps = np.array([1, width, width + 1, 1 - width])
    # The second pass needs only the edges the first one refused.
    refused = np.empty((len(weights), 2), np.int32)
    refusals = 0
    for i in range(len(weights)):
        pixel = np.int64(codes[i] >> np.uint32(2))
        a = _find(parent, pixel)
        b = _find(parent, pixel + steps[codes[i] & np.uint32(3)])
        if a == b:
            continue
        weight = weights[i]
        if weight <= threshold[a] and weight <= threshold[b]:
            if size[a] < size[b]:
                a, b = b, a
            parent[b] = a
            size[a] += size[b]
            threshold[a] = weight + k / np.float32(size[a])
        else:
            refused[refusals, 0] = a
            refused[refusals, 1] = b
            refusals += 1
    for i in range(refusals):
        a = _find(parent, refused[i, 0])
        b = _find(parent, refused[i, 1])
        if a != b and (size[a] < min_size or size[b] < min_size):
            if size[a] < size[b]:
                a, b = b, a
            parent[b] = a
            size[a] += size[b]
    return parent


@njit(nogil=True, cache=True)
def _label(parent):  # type: ignore[no-untyped-def]
    """Assign numbers to the trees of a union-find forest in raster order."""
    labels = np.empty(len(parent), np.int32)
    label_of_root = np.full(len(parent), -1, np.int32)
    count = 0
    for pixel in range(len(parent)):
        root = _find(parent, pixel)
        if label_of_root[root] < 0:
            label_of_root[root] = count
            count += 1
        labels[pixel] = label_of_root[root]
    return labels, count
