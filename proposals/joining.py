"""Join pixels to components along the edges, as far as every k agrees.

Components are trees in the array ``roots``, the first pixel in raster order at the root. From
time to time they are flattened: each is numbered, and ``labels`` holds the number per pixel.
"""

from __future__ import annotations

import numpy as np

from proposals.edges import BUCKET_BITS, ends_of, sort, weight_of
from proposals.warmup import helper, kernel

BLOCK = 128  # edges looked up together
FROZEN = np.uint32(1 << 31)  # set in the label of a component that cannot grow any more
LABEL = np.uint32((1 << 31) - 1)


@helper
def find(roots, node):  # type: ignore[no-untyped-def]
    """Two steps without asking: chains are short after flattening, and a guess is dear."""
    up = np.int64(roots[np.int64(roots[node])])
    roots[node] = up
    while np.int64(roots[up]) != up:
        up = np.int64(roots[up])
    return up


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
        pixel, neighbour = ends_of(key, steps)
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
            pixel, neighbour = ends_of(block[i], steps)
            ahead[0, i] = roots[np.int64(labels[pixel] & LABEL)]
            ahead[1, i] = roots[np.int64(labels[neighbour] & LABEL)]
        for i in range(len(block)):
            a, b = find(roots, np.int64(ahead[0, i])), find(roots, np.int64(ahead[1, i]))
            if a == b:
                continue
            weight = weight_of(block[i])
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
def join(  # type: ignore[no-untyped-def]
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
        sort(useful, spare, low, high, counters)
        _join_along(
            useful, ahead, labels, steps, roots, sizes, heaviest, lowest, least_k, largest_k
        )
    count = _flatten(
        labels, abs(count), roots, sizes, heaviest, lowest, renumbered, np.float32(0), largest_k
    )
    for pixel in range(len(labels)):
        labels[pixel] &= LABEL
    return abs(count)
