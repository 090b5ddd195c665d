"""Hierarchical grouping: merge the most similar neighbours until one region is left.

Uijlings et al. 2013, algorithm 1 and section 3.2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from proposals.search.compiled import kernel
from proposals.search.features import HISTOGRAM_LENGTH, Regions
from proposals.search.similarity import similarity_of, unite_boxes
from rcnn_kernels import helper

NONE = -1


def merge_order(regions: Regions, terms: str, image_size: int) -> NDArray[np.int32]:
    """Merge neighbours, most similar first.

    Among equally similar pairs, the pair added last is merged first. The initial pairs are added in
    the order of ``regions.pairs``. After a merge, the new region is paired with the neighbours of
    its first part, then with those of its second, in the order in which each became a neighbour.

    Parameters
    ----------
    regions
        R regions of one segmentation.
    terms
        Similarity terms to average: letters of "CTSF" for colour, texture, size and fill.
    image_size
        Number of pixels of the image.

    Returns
    -------
    (R - 1, 2) int32: the two regions of each merge. Merge i creates region R + i.
    """
    initial, pairs = len(regions.sizes), regions.pairs
    total = 2 * initial - 1
    histograms = regions.histograms.copy()
    sizes = np.empty(total, np.int64)
    sizes[:initial] = regions.sizes
    uses = np.array([letter in terms for letter in "CTSF"], np.uint8)
    rows = np.arange(total)
    regions_of = np.full((4, total), NONE, np.int32)
    links = np.full((2, 2 * len(pairs)), NONE, np.int32)
    # The number of valid pairs never grows, so 3 E + R pairs fit between two clearings.
    capacity = 4 * len(pairs) + total
    heap = np.empty(capacity, np.uint64)
    ends = np.empty((capacity, 2), np.int32)
    similarities = np.empty(capacity, np.uint32)
    merges = np.empty((initial - 1, 2), np.int32)
    _merge(
        histograms, sizes, _with_room(regions.boxes, total), pairs, initial, uses, image_size,
        rows, regions_of, links, heap, ends, similarities, merges,
    )  # fmt: skip
    return merges


def merged_boxes(boxes: NDArray[np.int32], merges: NDArray[np.int32]) -> NDArray[np.int32]:
    """Boxes (R - 1, 4) of the regions that the merges of ``merge_order`` create."""
    result = _with_room(boxes, len(boxes) + len(merges))
    _merged_boxes(result, merges, len(boxes))
    return result[len(boxes) :]


def _with_room(boxes: NDArray[np.int32], total: int) -> NDArray[np.int32]:
    result = np.empty((total, 4), np.int32)
    result[: len(boxes)] = boxes
    return result


@kernel("i4[2] i4[2] i8")
def _merged_boxes(boxes, merges, initial):  # type: ignore[no-untyped-def]
    for i in range(len(merges)):
        unite_boxes(boxes, merges[i, 0], merges[i, 1], initial + i)


@helper
def _push(heap, length, key):  # type: ignore[no-untyped-def]
    """Add a key to a max-heap of ``length`` keys."""
    i = length
    while i > 0 and heap[(i - 1) >> 1] < key:
        heap[i] = heap[(i - 1) >> 1]
        i = (i - 1) >> 1
    heap[i] = key


@helper
def _pop(heap, length):  # type: ignore[no-untyped-def]
    """Remove the largest key from a max-heap of ``length`` keys."""
    top = heap[0]
    key = heap[length - 1]
    i = 0
    while True:
        child = 2 * i + 1
        if child >= length - 1:
            break
        if child + 1 < length - 1 and heap[child + 1] > heap[child]:
            child += 1
        if heap[child] <= key:
            break
        heap[i] = heap[child]
        i = child
    heap[i] = key
    return top


@helper
def _key(similarity, number):  # type: ignore[no-untyped-def]
    """Heap key: the similarity, then the pair's number, so that the last pair wins ties."""
    return (np.uint64(similarity) << np.uint64(32)) | np.uint64(number)


@helper
def _drop_stale(heap, length, ends, added, union_of, similarities):  # type: ignore[no-untyped-def]
    """Remove the pairs of merged regions and renumber the others in order; returns their number."""
    for i in range(length):
        similarities[heap[i] & np.uint64(0xFFFFFFFF)] = heap[i] >> np.uint64(32)
    kept = 0
    for number in range(added):
        if union_of[ends[number, 0]] == NONE and union_of[ends[number, 1]] == NONE:
            ends[kept, 0] = ends[number, 0]
            ends[kept, 1] = ends[number, 1]
            _push(heap, kept, _key(similarities[number], kept))
            kept += 1
    return kept


@helper
def _link_neighbours(pairs, heads, tails, nexts, neighbours):  # type: ignore[no-untyped-def]
    """Build linked lists of neighbours; nodes 2 i and 2 i + 1 are the two sides of pair i."""
    for i in range(len(pairs)):
        for side in range(2):
            node = 2 * i + side
            region = pairs[i, side]
            neighbours[node] = pairs[i, 1 - side]
            if heads[region] == NONE:
                heads[region] = node
            else:
                nexts[tails[region]] = node
            tails[region] = node


@helper
def _unmerged(union_of, region):  # type: ignore[no-untyped-def]
    """Find the unmerged region that contains ``region``, and shorten the chain to it."""
    while union_of[region] != NONE:
        if union_of[union_of[region]] != NONE:
            union_of[region] = union_of[union_of[region]]
        region = union_of[region]
    return region


@kernel("f4[2] i8[1] i4[2] i4[2] i8 u1[1] i8 i8[1] i4[2] i4[2] u8[1] i4[2] u4[1] i4[2]")
def _merge(  # type: ignore[no-untyped-def]
    histograms, sizes, boxes, pairs, initial, uses, image_size,
    rows, regions_of, links, heap, ends, similarities, merges,
):  # fmt: skip
    """See merge_order. A popped pair is skipped if one of its regions has been merged already.

    A merged region reuses the histogram row of its first part: ``rows`` maps regions to rows.
    """
    union_of, met_by, heads, tails = regions_of[0], regions_of[1], regions_of[2], regions_of[3]
    nexts, neighbours = links[0], links[1]
    _link_neighbours(pairs, heads, tails, nexts, neighbours)
    for i in range(len(pairs)):
        a, b = np.int64(pairs[i, 0]), np.int64(pairs[i, 1])
        ends[i, 0] = a
        ends[i, 1] = b
        similarity = similarity_of(histograms, rows, sizes, boxes, a, b, uses, image_size)
        _push(heap, i, _key(similarity, i))
    length = added = len(pairs)
    for step in range(initial - 1):
        while True:
            number = _pop(heap, length) & np.uint64(0xFFFFFFFF)
            length -= 1
            a, b = ends[number, 0], ends[number, 1]
            if union_of[a] == NONE and union_of[b] == NONE:
                break
        union = initial + step
        merges[step, 0] = a
        merges[step, 1] = b
        union_of[a] = union
        union_of[b] = union
        sizes[union] = sizes[a] + sizes[b]
        unite_boxes(boxes, a, b, union)
        share_a = np.float32(sizes[a] / sizes[union])
        share_b = np.float32(sizes[b] / sizes[union])
        row_a = histograms[rows[a]]
        row_b = histograms[rows[b]]
        for i in range(HISTOGRAM_LENGTH):
            row_a[i] = share_a * row_a[i] + share_b * row_b[i]
        rows[union] = rows[a]
        if added + initial > len(ends):
            length = added = _drop_stale(heap, length, ends, added, union_of, similarities)
        # Append b's list to a's; remove nodes of the union itself and repeated neighbours.
        nexts[tails[a]] = heads[b]
        node = heads[a]
        last = NONE
        while node != NONE:
            other = np.int64(_unmerged(union_of, neighbours[node]))
            if other != union and met_by[other] != union:
                met_by[other] = union
                neighbours[node] = other
                if last == NONE:
                    heads[union] = node
                else:
                    nexts[last] = node
                last = node
                ends[added, 0] = other
                ends[added, 1] = union
                similarity = similarity_of(
                    histograms, rows, sizes, boxes, other, union, uses, image_size
                )
                _push(heap, length, _key(similarity, added))
                length += 1
                added += 1
            node = nexts[node]
        tails[union] = last
        if last != NONE:
            nexts[last] = NONE
