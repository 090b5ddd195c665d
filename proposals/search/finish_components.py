"""Finish the segmentation of each k over the few remaining components and edges."""

from __future__ import annotations

import numpy as np

from proposals.search.compiled import kernel
from proposals.search.edges import INFINITE, ends_of, sort, weight_of
from proposals.search.join_pixels import find

REPLACED = 0xFFFFFFFFFFFFFFFF  # no edge


@kernel("u4[2] u4[1] i8[1] u8[1] i8[1] u8[1] -> i8")
def edges_between(bits, labels, steps, pairs, places, keys):  # type: ignore[no-untyped-def]
    """Write the lightest edge between each two components, in raster order; returns their number.

    A table with one slot per hash forgets some pairs. Such a pair has several edges in the result,
    which takes time but does not change the segments.
    """
    pixels = len(labels)
    crossing = np.uint64(0)
    for pixel in range(pixels):
        for direction in range(4):
            # If an edge leaves the image, its infinite weight excludes it below.
            neighbour = min(max(pixel + steps[direction], 0), pixels - 1)
            value = bits[direction, pixel]
            code = np.uint64(4 * pixel + direction)
            keys[crossing] = (np.uint64(value) << np.uint64(32)) | code
            crossing += np.uint64(
                (labels[pixel] != labels[neighbour]) & (value != np.uint32(INFINITE))
            )
    written = 0
    for key in keys[:crossing]:
        pixel, neighbour = ends_of(key, steps)
        a, b = labels[pixel], labels[neighbour]
        pair = (np.uint64(min(a, b)) << np.uint64(32)) | np.uint64(max(a, b))
        # Multiplication by 2**64 / golden ratio, an odd number, spreads near numbers.
        mixed = (pair * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(40)
        slot = np.int64(mixed & np.uint64(len(pairs) - 1))
        if pairs[slot] == pair:
            if keys[places[slot]] <= key:
                continue
            # Overwriting the heavier edge here would break the raster order of equal weights.
            keys[places[slot]] = np.uint64(REPLACED)
        pairs[slot] = pair
        places[slot] = written
        keys[written] = key
        written += 1
    kept = 0
    for key in keys[:written]:
        keys[kept] = key
        kept += key != np.uint64(REPLACED)
    return kept


@kernel("u8[1] u8[1] i8 i8 i8[1] u4[1] i8[1] u4[2]")
def sort_and_look_up(edges, spare, low, high, counters, labels, steps, ends):  # type: ignore[no-untyped-def]
    """Sort edges and write the labels of their two ends."""
    sort(edges, spare, low, high, counters)
    for i in range(len(edges)):
        pixel, neighbour = ends_of(edges[i], steps)
        ends[i, 0] = labels[pixel]
        ends[i, 1] = labels[neighbour]


@kernel("u8[1] u4[2] u4[1] i4[1] f4[1] f4 i8 u4[1] u4[1] i4[1] -> i8")
def finish(  # type: ignore[no-untyped-def]
    edges, ends, roots, sizes, thresholds, k, min_size, labels, renumbered, result
):
    """Run both passes of one k over the remaining edges, then write the labels.

    Returns the number of segments.
    """
    for i in range(len(edges)):
        a = find(roots, np.int64(ends[i, 0]))
        b = find(roots, np.int64(ends[i, 1]))
        weight = weight_of(edges[i])
        if a != b and weight <= min(thresholds[a], thresholds[b]):
            first, second = min(a, b), max(a, b)
            roots[second] = first
            sizes[first] += sizes[second]
            thresholds[first] = weight + k / np.float32(sizes[first])
    for i in range(len(edges)):
        a = find(roots, np.int64(ends[i, 0]))
        b = find(roots, np.int64(ends[i, 1]))
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
