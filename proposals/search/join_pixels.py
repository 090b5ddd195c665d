"""Join pixels to components along the edges, as long as all k agree.

Components are trees in the array ``roots``; the root is a component's first pixel in raster order.
At intervals they are flattened: each component is numbered, and ``labels`` holds the number of each
pixel's component.
"""

from __future__ import annotations

import numpy as np

from proposals.search.compiled import kernel
from proposals.search.edges import BUCKET_BITS, ends_of, sort, weight_of
from rcnn_kernels import helper

BLOCK = 128  # edges whose look-ups run together
PIXELS_AT_A_TIME = 512  # their edges stay in the first-level cache
FROZEN = np.uint32(1 << 31)  # bit in the label of a component that can no longer grow
LABEL = np.uint32((1 << 31) - 1)


@helper
def find(roots, node):  # type: ignore[no-untyped-def]
    """Find the root of a node.

    The first two steps are unrolled: chains are short after flattening, and a mispredicted branch
    is expensive.
    """
    up = np.int64(roots[np.int64(roots[node])])
    roots[node] = up
    while np.int64(roots[up]) != up:
        up = np.int64(roots[up])
    return up


@helper
def _flatten(  # type: ignore[no-untyped-def]
    labels, count, roots, sizes, heaviest, lowest, renumbered, weight, largest_k
):
    """Renumber the components in raster order; returns their number, negative if all are frozen.

    A root is the first pixel of its tree, so every node has a higher number than its parent.
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
def _deal_out_all(bits, chunk_of, chunks, places, keys):  # type: ignore[no-untyped-def]
    """Write all edges, chunk by chunk, each chunk in raster order.

    ``places`` receives the end of each chunk. Edges that leave the image form the last chunk.
    """
    for chunk in range(len(chunks)):
        places[chunk] = chunks[chunk, 1]
    for pixel in range(bits.shape[1]):
        for direction in range(4):
            value = bits[direction, pixel]
            chunk = chunk_of[np.int64(value >> np.uint32(BUCKET_BITS))]
            code = np.uint64(4 * pixel + direction)
            keys[np.uint64(places[chunk])] = (np.uint64(value) << np.uint64(32)) | code
            places[chunk] += 1


@helper
def _deal_out_useful(  # type: ignore[no-untyped-def]
    bits, chunk_of, chunks, first, last, places, labels, steps, marks, useful, keys
):
    """Write the useful edges of the chunks ``first`` to ``last`` - 1, like `_deal_out_all`.

    An edge is useful if its ends lie in different components that are not both frozen.
    """
    for chunk in range(first, last):
        places[chunk] = chunks[chunk, 1] - chunks[first, 1]
    lightest = np.uint32(chunks[first, 0] << BUCKET_BITS)
    span = np.uint32(chunks[last, 0] << BUCKET_BITS) - lightest
    pixels = len(labels)
    for start in range(0, pixels, PIXELS_AT_A_TIME):
        stop = min(start + PIXELS_AT_A_TIME, pixels)
        for i in range(stop - start):
            marks[i] = 0
        for direction in range(4):
            step = steps[direction]
            # Edges to pixels before the first or after the last do not exist.
            low = max(start, -step)
            high = max(low, min(stop, pixels - step))
            _mark(
                bits[direction, low:high], labels[low:high], labels[low + step : high + step],
                lightest, span, np.uint8(1 << direction), marks[low - start : high - start],
            )  # fmt: skip
        count = np.uint64(0)
        for pixel in range(start, stop):
            mark = np.uint64(marks[pixel - start])
            if mark == 0:
                continue
            for direction in range(4):
                code = np.uint64(4 * pixel + direction)
                useful[count] = (np.uint64(bits[direction, pixel]) << np.uint64(32)) | code
                count += (mark >> np.uint64(direction)) & np.uint64(1)
        for key in useful[:count]:
            chunk = chunk_of[np.int64(key >> np.uint64(32 + BUCKET_BITS))]
            keys[np.uint64(places[chunk])] = key
            places[chunk] += 1


@helper
def _mark(bits, labels, others, lightest, span, mark, marks):  # type: ignore[no-untyped-def]
    """Mark the pixels whose edge is useful and has a weight in the range."""
    for i in range(len(bits)):
        is_useful = (labels[i] != others[i]) & ((labels[i] & others[i] & FROZEN) == 0)
        is_wanted = is_useful & (np.uint32(bits[i] - lightest) < span)
        marks[i] |= mark if is_wanted else np.uint8(0)


@helper
def _keep_useful(keys, labels, steps):  # type: ignore[no-untyped-def]
    """Move the useful edges to the front; returns their number."""
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
        # Look up many edges first: memory accesses overlap if no branches separate them.
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
                # For some k, an open component may have grown to any threshold.
                limit_a = heaviest[a] + largest_k / np.float32(sizes[a])
                limit_b = heaviest[b] + largest_k / np.float32(sizes[b])
                if lowest[a] < 0:
                    limit_a = infinite
                if lowest[b] < 0:
                    limit_b = infinite
                if weight <= min(limit_a, limit_b):
                    lowest[a] = lowest[b] = -1


@kernel(
    "u4[2] i8[1] i8[2] i8 i8[1] u1[1] u8[1] u8[1] i8[1] u4[2] i8[1] f4 f4 "
    "u4[1] u4[1] i4[1] f4[1] f4[1] u4[1] -> i8"
)
def join(  # type: ignore[no-untyped-def]
    bits, chunk_of, chunks, edges_at_a_time, places, marks, keys, spare, counters, ahead,
    steps, least_k, largest_k,
    labels, roots, sizes, heaviest, lowest, renumbered,
):  # fmt: skip
    """Build the components that all k agree on; returns their number.

    ``lowest`` is a component's threshold under the smallest k, or -1 if it is open. Only useful
    edges are sorted, chunk by chunk. In a large image, the edges are dealt out to the chunks in
    several parts, because by the time of the later parts most edges lie inside a component.
    """
    count = len(labels)
    for pixel in range(count):
        labels[pixel] = pixel
        roots[pixel] = pixel
        sizes[pixel] = 1
        heaviest[pixel] = 0
        lowest[pixel] = least_k
    last = len(chunks) - 1
    dealt = offset = 0
    for i in range(last):
        low, high = chunks[i, 0] << BUCKET_BITS, (chunks[i + 1, 0] << BUCKET_BITS) - 1
        if i > 0:
            lightest = np.uint32(low).view(np.float32)
            count = _flatten(
                labels, count, roots, sizes, heaviest, lowest, renumbered, lightest, largest_k
            )
            if count < 0:
                break
        if i == dealt:
            offset = chunks[i, 1]
            dealt = i + 1
            while dealt < last and chunks[dealt + 1, 1] - offset <= edges_at_a_time:
                dealt += 1
            if i == 0 and dealt == last:
                _deal_out_all(bits, chunk_of, chunks, places, keys)
            else:
                _deal_out_useful(
                    bits, chunk_of, chunks, i, dealt, places, labels, steps, marks, spare, keys
                )
        chunk = keys[chunks[i, 1] - offset : places[i]]
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
