"""Sorting and matching of the COCO protocol, as helpers of coco_kernels."""

from __future__ import annotations

import numpy as np

from rcnn_kernels import helper, subroutine

NAN_KEY = np.uint64(0xFFFFFFFFFFFFFFFF)


@helper
def falling_key(bits):  # type: ignore[no-untyped-def]
    """A uint64 that rises as the double with these bits falls; NaN is last, zeros are equal."""
    sign = np.uint64(1) << np.uint64(63)
    if bits & ~sign > np.uint64(0x7FF0000000000000):
        return NAN_KEY
    if bits == sign:
        bits = np.uint64(0)
    return bits if bits & sign else ~(bits | sign)


@helper
def pass_over(shift, n, keys, rows, to_keys, to_rows, counts):  # type: ignore[no-untyped-def]
    """One pass of a radix sort, by the 11 bits from `shift` on."""
    for digit in range(len(counts)):
        counts[digit] = 0
    for i in range(n):
        counts[((keys[i] >> np.uint64(shift)) & np.uint64(2047)) + np.uint64(1)] += 1
    for digit in range(1, 2048):
        counts[digit] += counts[digit - 1]
    for i in range(n):
        digit = (keys[i] >> np.uint64(shift)) & np.uint64(2047)
        place = counts[digit]
        counts[digit] += 1
        to_keys[place] = keys[i]
        to_rows[place] = rows[i]


@subroutine
def sort_falling(score_bits, rows, keys, other_keys, other_rows, counts):  # type: ignore[no-untyped-def]
    """Stable sort of rows by falling score."""
    n = len(rows)
    different = np.uint64(0)
    for i in range(n):
        keys[i] = falling_key(score_bits[rows[i]])
        different |= keys[i] ^ keys[0]
    swapped = False
    for shift in range(0, 64, 11):
        if (different >> np.uint64(shift)) & np.uint64(2047) == np.uint64(0):
            continue
        if swapped:
            pass_over(shift, n, other_keys, other_rows, keys, rows, counts)
        else:
            pass_over(shift, n, keys, rows, other_keys, other_rows, counts)
        swapped = not swapped
    if swapped:
        for i in range(n):
            rows[i] = other_rows[i]


@helper
def overlap(d, g, dt, gt, crowd):  # type: ignore[no-untyped-def]
    """bbIou of maskApi.c: IoU of two xywh boxes; for a crowd, the share of the detection inside."""
    width = min(dt[d, 2] + dt[d, 0], gt[g, 2] + gt[g, 0]) - max(dt[d, 0], gt[g, 0])
    if width <= 0:
        return 0.0
    height = min(dt[d, 3] + dt[d, 1], gt[g, 3] + gt[g, 1]) - max(dt[d, 1], gt[g, 1])
    if height <= 0:
        return 0.0
    shared = width * height
    area = dt[d, 2] * dt[d, 3]
    union = area if crowd else area + gt[g, 2] * gt[g, 3] - shared
    return shared / union


@helper
def is_ignored(g, a, gt_crowd, gt_areas, areas):  # type: ignore[no-untyped-def]
    """Whether an object does not count in an area range."""
    return gt_crowd[g] != 0 or gt_areas[g] < areas[a, 0] or gt_areas[g] > areas[a, 1]


@helper
def meet(  # type: ignore[no-untyped-def]
    i, first, count, boxes, gt_rows, gt_boxes, gt_crowd, thresholds, candidates, ious, reached,
):  # fmt: skip
    """Collect the objects that detection i overlaps enough, and return their number.

    They are in the order in which the detection prefers them: the largest overlap first, of equals
    the last in the file. `reached` gets one bit for each threshold.
    """
    met = 0
    for k in range(first, first + count):
        g = gt_rows[k]
        iou = overlap(i, g, boxes, gt_boxes, gt_crowd[g])
        if not iou >= min(thresholds[0], 1 - 1e-10):
            continue
        place = met
        while place > 0 and ious[place - 1] <= iou:
            candidates[place], ious[place] = candidates[place - 1], ious[place - 1]
            place -= 1
        candidates[place], ious[place] = g, iou
        met += 1
    for c in range(met):
        bits = np.uint64(0)
        t = 0
        while t < len(thresholds) and min(thresholds[t], 1 - 1e-10) <= ious[c]:
            bits |= np.uint64(1) << np.uint64(t)
            t += 1
        reached[c] = bits
    return met


@helper
def take(  # type: ignore[no-untyped-def]
    met, a, candidates, reached, taken, gt_crowd, gt_areas, gt_void, areas
):  # fmt: skip
    """Match the first free candidate at each threshold; ignored objects come last.

    Returns the thresholds (one bit each) at which the detection is true, those at which it is
    ignored, and the object matched at the first threshold (-1: none).
    """
    true, ignored, matched = np.uint64(0), np.uint64(0), np.uint64(0)
    first = -1
    for turn in range(2):
        for c in range(met):
            g = candidates[c]
            g_ignored = is_ignored(g, a, gt_crowd, gt_areas, areas)
            if g_ignored != (turn == 1):
                continue
            won = reached[c] & ~matched
            if not gt_crowd[g]:
                won &= ~taken[g, a]
            if not won:
                continue
            taken[g, a] |= won
            matched |= won
            if won & np.uint64(1):
                first = g
            if g_ignored:
                ignored |= won
            elif not gt_void[g]:
                true |= won
    return true, ignored, first


@helper
def outcome_of(true, ignored, unseen):  # type: ignore[no-untyped-def]
    """The outcome (see eval.matching) at the first threshold."""
    if true & np.uint64(1):
        return 1
    return -1 if unseen or ignored & np.uint64(1) else 0
