"""The COCO protocol's arithmetic in compiled code: order, matching, curves.

pycocotools' results to the last bit (2.0.11: cocoeval.py, common/maskApi.c), reached by another
way. One walk down each class's scores does the matching of all images, areas and thresholds;
only detections that meet an object are looked at again for the curves.
"""

from __future__ import annotations

import numpy as np

from eval.compiled import helper, kernel

NAN_KEY = np.uint64(0xFFFFFFFFFFFFFFFF)


@helper
def falling_key(bits):  # type: ignore[no-untyped-def]
    """uint64 that rises as the double with these bits falls; NaN last, both zeros equal."""
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


@helper
def sort_falling(score_bits, rows, keys, other_keys, other_rows, counts):  # type: ignore[no-untyped-def]
    """Sort rows by falling score, equal ones as they are."""
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
    """maskApi.c's bbIou: IoU of two xywh boxes; of a crowd, the part of the detection inside."""
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
def passed_over(g, a, gt_crowd, gt_areas, areas):  # type: ignore[no-untyped-def]
    """Whether an object need not be found in an area range."""
    return gt_crowd[g] != 0 or gt_areas[g] < areas[a, 0] or gt_areas[g] > areas[a, 1]


@helper
def meet(  # type: ignore[no-untyped-def]
    i, first, count, boxes, gt_rows, gt_boxes, gt_crowd, thresholds, candidates, ious, reached,
):  # fmt: skip
    """Objects of its image that detection i overlaps enough; their number.

    The largest overlap first, the last in the file among equals: the order in which it would
    have them. reached gets a bit for each threshold.
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
    """Of the objects met, take at each threshold the first that is free; ignored ones come last.

    Returns the thresholds (a bit each) at which that makes the detection true, those at which it
    makes it ignored, and the object taken at the first threshold (-1: none).
    """
    true, ignored, matched = np.uint64(0), np.uint64(0), np.uint64(0)
    first = -1
    for turn in range(2):
        for c in range(met):
            g = candidates[c]
            g_ignored = passed_over(g, a, gt_crowd, gt_areas, areas)
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
def verdict(true, ignored, unseen):  # type: ignore[no-untyped-def]
    """The outcome of eval.matching at the first threshold."""
    if true & np.uint64(1):
        return 1
    return -1 if unseen or ignored & np.uint64(1) else 0


@kernel(
    "i8 i8 i8 i4[1] i4[1] f8[2] f8[1] u8[1] "
    "i8[1] i4[1] i4[1] f8[2] f8[1] u1[1] u1[1] "
    "f8[1] f8[1] f8[2] i8[1] f8 "
    "i8[1] i8[1] i4[1] i8[1] u8[1] u8[1] i4[1] i8[1] "
    "u8[2] f8[1] u8[1] u8[2] u8[2] i4[1] i4[2] f8[1] i8[1] i8[1] i8[1] i8[2] f8[2] "
    "i4[1] f8[1] f8[2] i1[1] i4[1] "
    "f8[4] f8[4] f8[3] i1[1] i4[1] i8[1]"
)
def judge_class(  # type: ignore[no-untyped-def]
    label, begin, end, rows, images, boxes, scores, score_bits,
    gt_starts, gt_rows, gt_images, gt_boxes, gt_areas, gt_crowd, gt_void,
    thresholds, recalls, areas, limits, spacing,
    first_of, count_of, seen, candidates, keys, other_keys, other_rows, counts,
    taken, ious, reached, event_true, event_false, event_limit, event_base, event_score,
    base, true_count, false_count, found_false, found_score,
    own_images, own_scores, own_boxes, own_outcomes, own_partners,
    precision, found_scores, recall, outcomes, partners, facts,
):  # fmt: skip
    """Detections rows[begin:end] of one class against its objects.

    rows are in image order; they are sorted by falling score in place. precision and
    found_scores are this class's (areas, limits, thresholds, recalls), recall its (areas,
    limits, thresholds). outcomes and partners get the verdict at the first threshold and area,
    facts the number of detections with the score of the one before and of those cut off.
    """
    n = end - begin
    rows = rows[begin:end]
    sort_falling(score_bits, rows, keys, other_keys, other_rows, counts)
    # Copies side by side: what follows would wait for each from memory otherwise.
    for i in range(n):
        d = rows[i]
        own_images[i] = images[d]
        own_scores[i] = scores[d]
        for side in range(4):
            own_boxes[i, side] = boxes[d, side]
    area_count, limit_count = len(areas), len(limits)
    threshold_count = len(thresholds)
    full = ~np.uint64(0) >> np.uint64(64 - threshold_count)
    for k in range(gt_starts[label], gt_starts[label + 1]):
        image = gt_images[gt_rows[k]]
        if count_of[image] == 0:
            first_of[image] = k
        count_of[image] += 1
        for a in range(area_count):
            taken[gt_rows[k], a] = 0
    for column in range(len(base)):
        base[column] = 0
    events = 0
    for i in range(n):
        image = own_images[i]
        rank = seen[image]
        seen[image] += 1
        facts[0] += i > 0 and own_scores[i] == own_scores[i - 1]
        if rank >= limits[limit_count - 1]:
            own_outcomes[i], own_partners[i] = -2, -1
            facts[1] += 1
            continue
        first_limit = 0
        while rank >= limits[first_limit]:
            first_limit += 1
        met = meet(
            i, first_of[image], count_of[image], own_boxes, gt_rows, gt_boxes, gt_crowd,
            thresholds, candidates, ious, reached,
        )  # fmt: skip
        size = own_boxes[i, 2] * own_boxes[i, 3]
        happened = False
        for a in range(area_count):
            outside = size < areas[a, 0] or size > areas[a, 1]
            true, ignored, first = np.uint64(0), np.uint64(0), -1
            if met:
                true, ignored, first = take(
                    met, a, candidates, reached, taken, gt_crowd, gt_areas, gt_void, areas
                )
            if a == 0:
                own_outcomes[i] = verdict(true, ignored, outside and first < 0)
                own_partners[i] = first if own_outcomes[i] != 0 else -1
            # Unmatched and outside the area: ignored.
            false = np.uint64(0) if outside else full & ~(true | ignored)
            event_true[events, a] = true
            event_false[events, a] = false
            if true or (false != full and false):
                happened = True
        if happened:
            event_limit[events] = first_limit
            event_score[events] = own_scores[i]
            for a in range(area_count):
                for m in range(limit_count):
                    event_base[events, a * limit_count + m] = base[a * limit_count + m]
            events += 1
        else:
            for a in range(area_count):
                if event_false[events, a]:
                    for m in range(first_limit, limit_count):
                        base[a * limit_count + m] += 1
    for i in range(n):
        seen[own_images[i]] = 0
        outcomes[rows[i]] = own_outcomes[i]
        partners[rows[i]] = own_partners[i]
    top_score = own_scores[0] if n else 0.0
    for a in range(area_count):
        positives = 0
        for k in range(gt_starts[label], gt_starts[label + 1]):
            positives += not passed_over(gt_rows[k], a, gt_crowd, gt_areas, areas)
        if positives == 0:
            continue
        for t in range(threshold_count):
            list_true(
                a, t, events, event_true, event_false, event_limit, event_base, event_score,
                true_count, false_count, found_false, found_score,
            )  # fmt: skip
            for m in range(limit_count):
                recall[a, m, t] = true_count[m] / positives
                follow(
                    true_count[m], positives, n > 0, top_score, recalls, spacing,
                    found_false[m], found_score[m], precision[a, m, t], found_scores[a, m, t],
                )  # fmt: skip
    for k in range(gt_starts[label], gt_starts[label + 1]):
        count_of[gt_images[gt_rows[k]]] = 0


@helper
def list_true(  # type: ignore[no-untyped-def]
    a, t, events, event_true, event_false, event_limit, event_base, event_score,
    true_count, false_count, found_false, found_score,
):  # fmt: skip
    """The true detections of each limit: found_false[m, k] false ones come before the k-th.

    Precision rises only where a true detection comes, so those alone are kept.
    """
    bit = np.uint64(1) << np.uint64(t)
    limits = len(true_count)
    for m in range(limits):
        true_count[m] = 0
        false_count[m] = 0
    for e in range(events):
        if event_true[e, a] & bit:
            for m in range(event_limit[e], limits):
                k = true_count[m]
                found_false[m, k] = event_base[e, a * limits + m] + false_count[m]
                found_score[m, k] = event_score[e]
                true_count[m] = k + 1
        elif event_false[e, a] & bit:
            for m in range(event_limit[e], limits):
                false_count[m] += 1


@helper
def follow(  # type: ignore[no-untyped-def]
    true, positives, any_detection, top_score, recalls, spacing,
    found_false, found_score, precision, scores,
):  # fmt: skip
    """Precision and score at each recall threshold, of one curve, from its right end."""
    best = 0.0
    k = true
    r = len(recalls) - 1
    while r >= 0 and true / positives < recalls[r]:  # never reached
        precision[r] = 0.0
        scores[r] = 0.0
        r -= 1
    while r >= 0 and k > 0:
        # The k-th is the first to reach recalls[r] unless the one before does too.
        found = np.float64(k)
        value = found / (np.float64(found_false[k - 1]) + found + spacing)
        if value > best:
            best = value
        before = (k - 1) / positives
        while r >= 0 and before < recalls[r]:
            precision[r] = best
            scores[r] = found_score[k - 1]
            r -= 1
        k -= 1
    while r >= 0:  # 0 is reached by the very first detection, whatever it is
        precision[r] = best if any_detection else 0.0
        scores[r] = top_score
        r -= 1
