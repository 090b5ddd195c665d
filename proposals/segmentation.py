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
from proposals.filters import filter_separable, gaussian_taps
from proposals.warmup import helper, kernel

LARGEST_K = 1e12  # above the heaviest weight, 442, times the most pixels, 2**29
INFINITE = 0x7F800000  # as the bits of a float32
BUCKET_BITS = 22  # two buckets of edges per power of two of their weight
BUCKETS = (INFINITE >> BUCKET_BITS) + 1  # the last holds edges that leave the image
CHUNKS = 16  # the forest is flattened about that often, after equal shares of the edges
PAIR_SLOTS = 1 << 14
BLOCK = 128  # edges looked up together


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
        total = _finish(
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
    _weigh(smooth, steps, connectivity == 8, weights, counts)
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
    keys = np.empty(weights.size, np.uint64)
    _scatter(bits, starts.copy(), keys)
    spare = np.empty(np.diff(chunks[:, 1]).max(initial=0), np.uint64)
    counters = np.empty(1 << 12, np.int64)
    roots, lowest = np.empty_like(labels), np.empty_like(heaviest)
    count = _join(
        keys, chunks, spare, counters, np.empty((2, BLOCK), np.uint32), steps, least_k, largest_k,
        labels, roots, sizes, heaviest, lowest, scratch,
    )  # fmt: skip
    pairs, places = np.zeros(PAIR_SLOTS, np.uint64), np.empty(PAIR_SLOTS, np.int64)
    left = _edges_between(bits, labels, steps, pairs, places, keys)
    edges = keys[:left].copy()
    ends = np.empty((left, 2), np.uint32)
    _sort_and_look_up(edges, keys, 0, INFINITE, counters, labels, steps, ends)
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


@helper
def _distances(smooth, step, weights):  # type: ignore[no-untyped-def]
    """Weigh the edges from each pixel to that ``step`` places on, as far as there is one."""
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
def _weigh(smooth, steps, has_diagonals, weights, counts):  # type: ignore[no-untyped-def]
    """Weigh all edges, direction by direction, and count the buckets."""
    pixels, width = smooth.shape[1], steps[1]
    # Positions in raster order wrap around at the right border; that is mended afterwards.
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


@kernel("u4[2] i8[1] u8[1]")
def _scatter(bits, places, keys):  # type: ignore[no-untyped-def]
    """Deal the edges out to their buckets, each in raster order; ``places`` moves along."""
    for pixel in range(bits.shape[1]):
        for direction in range(4):
            value = bits[direction, pixel]
            bucket = np.int64(value >> np.uint32(BUCKET_BITS))
            code = np.uint64(4 * pixel + direction)
            keys[np.uint64(places[bucket])] = (np.uint64(value) << np.uint64(32)) | code
            places[bucket] += 1


@helper
def _sort(keys, spare, low, high, counters):  # type: ignore[no-untyped-def]
    """Stable radix sort by the upper half, which lies in low..high: 2 or 4 passes."""
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
def _ends(key, steps):  # type: ignore[no-untyped-def]
    """Both pixels of an edge."""
    code = np.uint32(key)
    pixel = np.int64(code >> np.uint32(2))
    return pixel, np.int64(np.uint32(pixel + steps[np.int64(code & np.uint32(3))]))


@helper
def _weight(key):  # type: ignore[no-untyped-def]
    return np.uint32(key >> np.uint64(32)).view(np.float32)


@helper
def _find(roots, node):  # type: ignore[no-untyped-def]
    """Two steps without asking: chains are short after flattening, and a guess is dear."""
    up = np.int64(roots[np.int64(roots[node])])
    roots[node] = up
    while np.int64(roots[up]) != up:
        up = np.int64(roots[up])
    return up


FROZEN = np.uint32(1 << 31)  # set in the label of a component that cannot grow any more
LABEL = np.uint32((1 << 31) - 1)


@helper
def _flatten(  # type: ignore[no-untyped-def]
    labels, count, roots, sizes, heaviest, lowest, renumbered, weight, largest_k
):
    """Renumber the trees in raster order; returns their number, negative if all are frozen.

    A root is the first pixel of its tree, so every node comes after its parent.
    """
    fresh = np.uint64(0)
    is_any_live = False
    for node in range(count):
        root = np.int64(roots[np.int64(roots[node])])
        roots[node] = root
        is_root = root == node
        frozen = (lowest[node] < 0) | (
            heaviest[node] + largest_k / np.float32(sizes[node]) < weight
        )
        is_any_live |= is_root & (not frozen)
        mine = np.uint32(fresh) | (np.uint32(frozen) << np.uint32(31))
        renumbered[node] = mine if is_root else renumbered[root]
        sizes[fresh] = sizes[node]
        heaviest[fresh] = heaviest[node]
        lowest[fresh] = lowest[node]
        fresh += np.uint64(is_root)
    for pixel in range(len(labels)):
        labels[pixel] = renumbered[np.int64(labels[pixel] & LABEL)]
    total = np.int64(fresh)
    for node in range(total):
        roots[node] = node
    return total if is_any_live else -total


@helper
def _keep_useful(keys, labels, steps):  # type: ignore[no-untyped-def]
    """Move the edges that can still change a component to the front; returns their number."""
    kept = np.uint64(0)
    for key in keys:
        pixel, neighbour = _ends(key, steps)
        a, b = labels[pixel], labels[neighbour]
        keys[kept] = key
        kept += np.uint64((a != b) & ((a & b & FROZEN) == 0))
    return np.int64(kept)


@helper
def _join_along(  # type: ignore[no-untyped-def]
    keys, ahead, labels, steps, roots, sizes, heaviest, lowest, least_k, largest_k
):
    infinite = np.float32(np.inf)
    for start in range(0, len(keys), BLOCK):
        block = keys[start : start + BLOCK]
        # Look-ups for many edges first: without branches between them they overlap in time.
        for i in range(len(block)):
            pixel, neighbour = _ends(block[i], steps)
            ahead[0, i] = roots[np.int64(labels[pixel] & LABEL)]
            ahead[1, i] = roots[np.int64(labels[neighbour] & LABEL)]
        for i in range(len(block)):
            a, b = _find(roots, np.int64(ahead[0, i])), _find(roots, np.int64(ahead[1, i]))
            if a == b:
                continue
            weight = _weight(block[i])
            if weight <= min(lowest[a], lowest[b]):
                first, second = min(a, b), max(a, b)
                roots[second] = first
                size = sizes[first] + sizes[second]
                sizes[first] = size
                heaviest[first] = weight
                lowest[first] = weight + least_k / np.float32(size)
            else:
                # An open component may have grown, for some k, to any threshold.
                limit_a = heaviest[a] + largest_k / np.float32(sizes[a])
                limit_b = heaviest[b] + largest_k / np.float32(sizes[b])
                if lowest[a] < 0:
                    limit_a = infinite
                if lowest[b] < 0:
                    limit_b = infinite
                if weight <= min(limit_a, limit_b):
                    lowest[a] = lowest[b] = -1


@kernel("u8[1] i8[2] u8[1] i8[1] u4[2] i8[1] f4 f4 u4[1] u4[1] i4[1] f4[1] f4[1] u4[1] -> i8")
def _join(  # type: ignore[no-untyped-def]
    keys, chunks, spare, counters, ahead, steps, least_k, largest_k,
    labels, roots, sizes, heaviest, lowest, renumbered,
):  # fmt: skip
    """Build the components that all k agree on; returns their number.

    ``lowest`` is the threshold under the smallest k, -1 for open components. Only the edges
    that are still of use are sorted, chunk by chunk.
    """
    count = len(labels)
    for pixel in range(count):
        labels[pixel] = pixel
        roots[pixel] = pixel
        sizes[pixel] = 1
        heaviest[pixel] = 0
        lowest[pixel] = least_k
    for i in range(len(chunks) - 1):
        low, high = chunks[i, 0] << BUCKET_BITS, (chunks[i + 1, 0] << BUCKET_BITS) - 1
        if i > 0:
            lightest = np.uint32(low).view(np.float32)
            count = _flatten(
                labels, count, roots, sizes, heaviest, lowest, renumbered, lightest, largest_k
            )
            if count < 0:
                break
        chunk = keys[chunks[i, 1] : chunks[i + 1, 1]]
        useful = chunk[: _keep_useful(chunk, labels, steps)]
        _sort(useful, spare, low, high, counters)
        _join_along(
            useful, ahead, labels, steps, roots, sizes, heaviest, lowest, least_k, largest_k
        )
    count = _flatten(
        labels, abs(count), roots, sizes, heaviest, lowest, renumbered, np.float32(0), largest_k
    )
    for pixel in range(len(labels)):
        labels[pixel] &= LABEL
    return abs(count)


@kernel("u4[2] u4[1] i8[1] u8[1] i8[1] u8[1] -> i8")
def _edges_between(bits, labels, steps, pairs, places, keys):  # type: ignore[no-untyped-def]
    """Write the lightest edge between each two components, unsorted; returns how many.

    A table with one slot per hash forgets some pairs: their edges appear more than once, which
    costs time and nothing else.
    """
    pixels = len(labels)
    crossing = np.uint64(0)
    for pixel in range(pixels):
        for direction in range(4):
            # Where an edge leaves the image any pixel will do; its weight tells.
            neighbour = min(max(pixel + steps[direction], 0), pixels - 1)
            value = bits[direction, pixel]
            code = np.uint64(4 * pixel + direction)
            keys[crossing] = (np.uint64(value) << np.uint64(32)) | code
            crossing += np.uint64(
                (labels[pixel] != labels[neighbour]) & (value != np.uint32(INFINITE))
            )
    found = 0
    for key in keys[:crossing]:
        pixel, neighbour = _ends(key, steps)
        a, b = labels[pixel], labels[neighbour]
        pair = (np.uint64(min(a, b)) << np.uint64(32)) | np.uint64(max(a, b))
        # Multiplying by an odd constant (2**64 / golden ratio) spreads near numbers.
        mixed = (pair * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(40)
        slot = np.int64(mixed & np.uint64(len(pairs) - 1))
        if pairs[slot] == pair:
            keys[places[slot]] = min(keys[places[slot]], key)
        else:
            pairs[slot] = pair
            places[slot] = found
            keys[found] = key
            found += 1
    return found


@kernel("u8[1] u8[1] i8 i8 i8[1] u4[1] i8[1] u4[2]")
def _sort_and_look_up(edges, spare, low, high, counters, labels, steps, ends):  # type: ignore[no-untyped-def]
    """Sort edges; write the labels of their two ends."""
    _sort(edges, spare, low, high, counters)
    for i in range(len(edges)):
        pixel, neighbour = _ends(edges[i], steps)
        ends[i, 0] = labels[pixel]
        ends[i, 1] = labels[neighbour]


@kernel("u8[1] u4[2] u4[1] i4[1] f4[1] f4 i8 u4[1] u4[1] i4[1] -> i8")
def _finish(  # type: ignore[no-untyped-def]
    edges, ends, roots, sizes, thresholds, k, min_size, labels, renumbered, result
):
    """Both passes of one k over the edges left, then the labels; returns their number."""
    for i in range(len(edges)):
        a = _find(roots, np.int64(ends[i, 0]))
        b = _find(roots, np.int64(ends[i, 1]))
        weight = _weight(edges[i])
        if a != b and weight <= min(thresholds[a], thresholds[b]):
            first, second = min(a, b), max(a, b)
            roots[second] = first
            sizes[first] += sizes[second]
            thresholds[first] = weight + k / np.float32(sizes[first])
    for i in range(len(edges)):
        a = _find(roots, np.int64(ends[i, 0]))
        b = _find(roots, np.int64(ends[i, 1]))
        if a != b and min(sizes[a], sizes[b]) < min_size:
            first, second = min(a, b), max(a, b)
            roots[second] = first
            sizes[first] += sizes[second]
    count = 0
    for node in range(len(roots)):
        root = roots[np.int64(roots[node])]
        roots[node] = root
        if np.int64(root) == node:
            renumbered[node] = count
            count += 1
        else:
            renumbered[node] = renumbered[np.int64(root)]
    for pixel in range(len(labels)):
        result[pixel] = renumbered[np.int64(labels[pixel])]
    return count
