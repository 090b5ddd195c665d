"""Graph segmentation into superpixels (Felzenszwalb & Huttenlocher 2004).

Edges join pixels in order of growing weight. An edge joins two components if its weight exceeds the
threshold of neither: the component's heaviest edge plus k / size. Larger k yield larger segments.

Several k share almost all of the work. As long as the smallest k accepts an edge, every larger k
does too, so they all build the same components. An edge that the smallest k rejects and the largest
would accept makes both its components "open": beyond it the components depend on k, so open
components stop growing in the shared pass. That pass leaves a few thousand components and the
lightest edge between each two of them. (Heavier edges between the same two have no effect: the
lightest one is accepted, or one component rejects all of them.) Each k then finishes alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from proposals.checks import check_count, check_image, check_positive
from proposals.search.edges import BUCKETS, INFINITE, weigh
from proposals.search.filters import filter_separable, gaussian_taps
from proposals.search.finish_components import edges_between, finish, sort_and_look_up
from proposals.search.join_pixels import BLOCK, PIXELS_AT_A_TIME, join

LARGEST_K = 1e12  # above the heaviest weight, 442, times the most pixels, 2**29
CHUNKS = 16  # equal shares of the edges; the components are flattened after each
EDGES_AT_A_TIME = 12_000_000  # edges dealt out to chunks together; their keys take 96 MB
PAIR_SLOTS = 1 << 14


class Components(NamedTuple):
    """The C components on which all k agree, and the edges between them."""

    labels: NDArray[np.uint32]  # (P,) component of each pixel
    sizes: NDArray[np.int32]  # (C,) pixels
    heaviest: NDArray[np.float32]  # (C,) weight of the heaviest edge inside
    edges: NDArray[np.uint64]  # (E,) sorted keys: the lightest edge of each pair, and some more
    ends: NDArray[np.uint32]  # (E, 2) components that each edge connects


def segment(
    image: NDArray[np.uint8], k: float, min_size: int, sigma: float = 0.8
) -> tuple[NDArray[np.int32], int]:
    """Divide an image into segments of similar colour.

    Parameters
    ----------
    image
        (H, W, 3) uint8 in any colour space; distances are Euclidean over the 3 channels.
    k
        Scale, in colour steps x pixels, above 0. Larger k yield larger segments.
    min_size
        Smaller segments, in pixels, are joined to a neighbour.
    sigma
        Standard deviation in pixels of the Gaussian that smooths the image first, above 0.

    Returns
    -------
    labels
        (H, W) int32, 0..count-1, numbered in raster order.
    count
        Number of segments, at least 1.

    Raises
    ------
    ProposalError
        The image is not (H, W, 3) uint8, k or sigma is not above 0, or min_size is negative.
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
    """Segment with several (k, min_size) at once; each result is as returned by ``segment``.

    Edges of equal weight stay in raster order and, within a pixel, in the order E, S, SE, NE.
    With ``connectivity`` 4 there are no diagonal edges.
    """
    height, width, _ = image.shape
    pixels = height * width
    # Larger numbers would overflow float32 and int64 and do not change the segments.
    ks = [np.float32(min(k, LARGEST_K)) for k, _ in scales]
    smallest = [round(min(min_size, pixels)) for _, min_size in scales]
    # Neighbour in direction 0 E, 1 S, 2 SE, 3 NE; an edge's code is 4 x pixel + direction.
    steps = np.array([1, width, width + 1, 1 - width])
    weights, counts = _weighed_edges(image, steps, sigma, connectivity)
    shared = _shared_components(weights, counts, steps, ks)
    count = len(shared.sizes)
    renumbered = np.empty(count, np.uint32)
    results = []
    for k, min_size in zip(ks, smallest, strict=True):
        result = np.empty((height, width), np.int32)
        total = finish(
            shared.edges, shared.ends, np.arange(count, dtype=np.uint32), shared.sizes.copy(),
            shared.heaviest + k / shared.sizes.astype(np.float32), k, min_size,
            shared.labels, renumbered, result.reshape(-1),
        )  # fmt: skip
        results.append((result, int(total)))
    return results


def _weighed_edges(
    image: NDArray[np.uint8], steps: NDArray[np.int64], sigma: float, connectivity: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Weights (4, P) by direction, infinite for edges that leave the image, and bucket sizes."""
    taps = gaussian_taps(sigma)
    smooth = filter_separable(image, taps, taps).reshape(3, -1)
    weights = np.empty((4, smooth.shape[1]), np.float32)
    counts = np.zeros(BUCKETS, np.int64)
    weigh(smooth, steps, connectivity == 8, weights, counts)
    return weights, counts


def _shared_components(
    weights: NDArray[np.float32],
    counts: NDArray[np.int64],
    steps: NDArray[np.int64],
    ks: list[np.float32],
) -> Components:
    """Build the components on which all k agree."""
    pixels = weights.shape[1]
    labels, scratch = np.empty(pixels, np.uint32), np.empty(pixels, np.uint32)
    sizes, heaviest = np.empty(pixels, np.int32), np.empty(pixels, np.float32)
    bits = weights.view(np.uint32)
    starts = np.concatenate([[0], np.cumsum(counts)])
    chunks = _chunks(starts)
    chunk_of = np.searchsorted(chunks[:, 0], np.arange(BUCKETS), "right") - 1
    # An upper bound that is rarely reached: pages never written take no memory.
    keys = np.empty(weights.size, np.uint64)
    largest = np.diff(chunks[:, 1]).max(initial=0)
    spare = np.empty(max(largest, 4 * PIXELS_AT_A_TIME + 1), np.uint64)
    counters = np.empty(1 << 12, np.int64)
    roots, lowest = np.empty_like(labels), np.empty_like(heaviest)
    places, marks = np.empty(len(chunks), np.int64), np.empty(PIXELS_AT_A_TIME, np.uint8)
    count = join(
        bits, chunk_of, chunks, EDGES_AT_A_TIME, places, marks, keys, spare, counters,
        np.empty((2, BLOCK), np.uint32), steps, min(ks), max(ks),
        labels, roots, sizes, heaviest, lowest, scratch,
    )  # fmt: skip
    pairs, places = np.zeros(PAIR_SLOTS, np.uint64), np.empty(PAIR_SLOTS, np.int64)
    remaining = edges_between(bits, labels, steps, pairs, places, keys)
    edges = keys[:remaining].copy()
    ends = np.empty((remaining, 2), np.uint32)
    sort_and_look_up(edges, keys, 0, INFINITE, counters, labels, steps, ends)
    return Components(labels, sizes[:count], heaviest[:count], edges, ends)


def _chunks(starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows (first bucket, first edge) of runs of buckets with about the same number of edges."""
    last = BUCKETS - 1
    rows = [(0, 0)]
    for bucket in range(1, last + 1):
        fresh = starts[bucket] - rows[-1][1]
        if fresh > 0 and (bucket == last or fresh >= starts[last] / CHUNKS):
            rows.append((bucket, int(starts[bucket])))
    return np.array(rows)
