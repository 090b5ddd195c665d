"""Graph segmentation into superpixels (Felzenszwalb & Huttenlocher 2004).

Pixels are joined along edges of growing weight, as long as the edge is no heavier than what
either side already holds together with: its heaviest edge plus k / size. Larger k, larger
segments.

Several k share almost all of the work. While the smallest k accepts an edge, every larger one
does too, so they all build the same components. An edge that the smallest k refuses and the
largest would take makes both its components "open": from there on each k goes its own way.
Open components grow no more in the shared pass. What it leaves, a few thousand components and
the lightest edge between each two of them (later ones can change nothing: the first is
accepted, or one side is closed to it for good), is finished for each k alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from proposals.checks import check_count, check_image, check_positive
from proposals.search.edges import BUCKETS, INFINITE, weigh
from proposals.search.filters import filter_separable, gaussian_taps
from proposals.search.finish_components import edges_between, finish, sort_and_look_up
from proposals.search.join_pixels import BLOCK, PIXELS_AT_A_TIME, join

LARGEST_K = 1e12  # above the heaviest weight, 442, times the most pixels, 2**29
CHUNKS = 16  # the forest is flattened about that often, after equal shares of the edges
EDGES_AT_A_TIME = 12_000_000  # dealt out to chunks; their keys take 96 MB
PAIR_SLOTS = 1 << 14


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
    return segmentations(image, [(k, min_size)], sigma)[0]


def segmentations(
    image: NDArray[np.uint8],
    scales: Sequence[tuple[float, float]],
    sigma: float,
    connectivity: int = 8,
) -> list[tuple[NDArray[np.int32], int]]:
    """Segment with several (k, min_size) at once: labels and count of each, as of ``segment``.

    Equally heavy edges keep raster order and, within a pixel, the order E, S, SE, NE. With a
    ``connectivity`` of 4 there are no diagonal edges.
    """
    height, width, _ = image.shape
    pixels = height * width
    # Beyond these limits nothing changes, and float32 and int64 would overflow.
    ks = [np.float32(min(k, LARGEST_K)) for k, _ in scales]
    smallest = [round(min(min_size, pixels)) for _, min_size in scales]
    # Neighbour in direction 0 E, 1 S, 2 SE, 3 NE; an edge's code is 4 x pixel + direction.
    steps = np.array([1, width, width + 1, 1 - width])
    weights, counts = _weighed_edges(image, steps, sigma, connectivity)
    labels = np.empty(pixels, np.uint32)
    sizes = np.empty(pixels, np.int32)
    heaviest = np.empty(pixels, np.float32)
    scratch = np.empty(pixels, np.uint32)
    count, edges, ends = _shared_part(weights, counts, steps, min(ks), max(ks),
                                labels, sizes, heaviest, scratch)  # fmt: skip
    found = []
    for k, min_size in zip(ks, smallest, strict=True):
        result = np.empty((height, width), np.int32)
        total = finish(
            edges, ends, np.arange(count, dtype=np.uint32), sizes[:count].copy(),
            heaviest[:count] + k / sizes[:count].astype(np.float32), k, min_size,
            labels, scratch, result.reshape(-1),
        )  # fmt: skip
        found.append((result, int(total)))
    return found


def _weighed_edges(
    image: NDArray[np.uint8], steps: NDArray[np.int64], sigma: float, connectivity: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Weights (4, P) per direction, infinite where an edge leaves the image; bucket sizes."""
    taps = gaussian_taps(sigma)
    smooth = filter_separable(image, taps, taps).reshape(3, -1)
    weights = np.empty((4, smooth.shape[1]), np.float32)
    counts = np.zeros(BUCKETS, np.int64)
    weigh(smooth, steps, connectivity == 8, weights, counts)
    return weights, counts


def _shared_part(
    weights: NDArray[np.float32], counts: NDArray[np.int64], steps: NDArray[np.int64],
    least_k: np.float32, largest_k: np.float32,
    labels: NDArray[np.uint32], sizes: NDArray[np.int32],
    heaviest: NDArray[np.float32], scratch: NDArray[np.uint32],
) -> tuple[int, NDArray[np.uint64], NDArray[np.uint32]]:  # fmt: skip
    """Do what all k agree on.

    Fills labels, sizes and heaviest edges; returns the number of components and the sorted
    edges (weight bits << 32 | code) between them, the lightest of each pair and some more, with
    the labels of their ends.
    """
    bits = weights.view(np.uint32)
    starts = np.concatenate([[0], np.cumsum(counts)])
    chunks = _chunks(starts)
    chunk_of = np.searchsorted(chunks[:, 0], np.arange(BUCKETS), "right") - 1
    # Hardly ever filled; memory never written costs nothing.
    keys = np.empty(weights.size, np.uint64)
    largest = np.diff(chunks[:, 1]).max(initial=0)
    spare = np.empty(max(largest, 4 * PIXELS_AT_A_TIME + 1), np.uint64)
    counters = np.empty(1 << 12, np.int64)
    roots, lowest = np.empty_like(labels), np.empty_like(heaviest)
    places, marks = np.empty(len(chunks), np.int64), np.empty(PIXELS_AT_A_TIME, np.uint8)
    count = join(
        bits, chunk_of, chunks, EDGES_AT_A_TIME, places, marks, keys, spare, counters,
        np.empty((2, BLOCK), np.uint32), steps, least_k, largest_k,
        labels, roots, sizes, heaviest, lowest, scratch,
    )  # fmt: skip
    pairs, places = np.zeros(PAIR_SLOTS, np.uint64), np.empty(PAIR_SLOTS, np.int64)
    left = edges_between(bits, labels, steps, pairs, places, keys)
    edges = keys[:left].copy()
    ends = np.empty((left, 2), np.uint32)
    sort_and_look_up(edges, keys, 0, INFINITE, counters, labels, steps, ends)
    return count, edges, ends


def _chunks(starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows (first bucket, first edge) of runs of buckets with about equally many edges."""
    last = BUCKETS - 1
    rows = [(0, 0)]
    for bucket in range(1, last + 1):
        fresh = starts[bucket] - rows[-1][1]
        if fresh > 0 and (bucket == last or fresh >= starts[last] / CHUNKS):
            rows.append((bucket, int(starts[bucket])))
    return np.array(rows)
