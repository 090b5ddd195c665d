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
def sort_falling(score_bits, rows, begin, end, keys, other_keys, other_rows, counts):  # type: ignore[no-untyped-def]
    """Sort rows[begin:end] by falling score, equal ones as they are (radix sort, 11 bits)."""
    n = end - begin
    different = np.uint64(0)
    for i in range(n):
        keys[i] = falling_key(score_bits[rows[begin + i]])
        different |= keys[i] ^ keys[0]
    for shift in range(0, 64, 11):
        if (different >> np.uint64(shift)) & np.uint64(2047) == np.uint64(0):
            continue
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
            other_keys[place] = keys[i]
            other_rows[place] = rows[begin + i]
        for i in range(n):
            keys[i] = other_keys[i]
            rows[begin + i] = other_rows[i]


@helper
def overlap(d, g, dt, gt, crowd):  # type: ignore[no-untyped-def]
    """maskApi.c's bbIou: IoU of two xywh boxes; of a crowd, the part of the detection inside.

    Comparisons are written so that NaN takes the way it takes through C's fmin and fmax.
    """
    right, other = dt[d, 2] + dt[d, 0], gt[g, 2] + gt[g, 0]
    right = other if not right <= other and other == other else right
    left, other = dt[d, 0], gt[g, 0]
    left = other if not left >= other and other == other else left
    width = right - left
    if width <= 0:
        return 0.0
    bottom, other = dt[d, 3] + dt[d, 1], gt[g, 3] + gt[g, 1]
    bottom = other if not bottom <= other and other == other else bottom
    top, other = dt[d, 1], gt[g, 1]
    top = other if not top >= other and other == other else top
    height = bottom - top
    if height <= 0:
        return 0.0
    shared = width * height
    area = dt[d, 2] * dt[d, 3]
    union = area if crowd else area + gt[g, 2] * gt[g, 3] - shared
    return shared / union


@kernel(
    "i8 i8 i8 i4[1] i4[1] f8[2] f8[1] u8[1] "
    "i8[1] i4[1] i4[1] f8[2] f8[1] u1[1] u1[1] "
    "f8[1] f8[1] f8[2] i8[1] f8 "
    "i8[1] i8[1] i4[1] i8[1] u8[1] u8[1] i4[1] i8[1] "
    "u8[2] f8[1] u8[2] u8[2] i4[1] i4[2] f8[1] i8[1] i8[1] f8[1] "
    "f8[4] f8[4] f8[3] i1[1] i4[1] i8[1]"
)
def judge_class(  # type: ignore[no-untyped-def]
    label, begin, end, rows, images, boxes, scores, score_bits,
    gt_starts, gt_rows, gt_images, gt_boxes, gt_areas, gt_crowd, gt_void,
    thresholds, recalls, areas, limits, spacing,
    first_of, count_of, seen, candidates, keys, other_keys, other_rows, counts,
    taken, ious, event_true, event_false, event_limit, event_base, event_score,
    base, found_false, found_score,
    precision, found_scores, recall, outcomes, partners, facts,
):  # fmt: skip
    """Detections rows[begin:end] of one class against its objects.

    rows are in image order; they are sorted by falling score in place. precision and
    found_scores are this class's (areas, limits, thresholds, recalls), recall its (areas,
    limits, thresholds). outcomes and partners get the verdict at the first threshold and area,
    facts the number of detections with the score of the one before and of those cut off.
    """
    sort_falling(score_bits, rows, begin, end, keys, other_keys, other_rows, counts)
    area_count, limit_count = len(areas), len(limits)
    threshold_count = len(thresholds)
    lowest = min(thresholds[0], 1 - 1e-10)  # they rise
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
    for i in range(begin, end):
        d = rows[i]
        image = images[d]
        rank = seen[image]
        seen[image] += 1
        outcomes[d] = 0
        partners[d] = -1
        facts[0] += i > begin and scores[d] == scores[rows[i - 1]]
        if rank >= limits[limit_count - 1]:
            outcomes[d] = -2
            facts[1] += 1
            continue
        first_limit = 0
        while rank >= limits[first_limit]:
            first_limit += 1
        # Objects with too small an overlap change nothing.
        met = 0
        for k in range(first_of[image], first_of[image] + count_of[image]):
            g = gt_rows[k]
            iou = overlap(d, g, boxes, gt_boxes, gt_crowd[g])
            if not iou < lowest:
                candidates[met] = g
                ious[met] = iou
                met += 1
        size = boxes[d, 2] * boxes[d, 3]
        happened = False
        for a in range(area_count):
            outside = size < areas[a, 0] or size > areas[a, 1]
            true, ignored = np.uint64(0), np.uint64(0)
            if met:
                for t in range(threshold_count):
                    bit = np.uint64(1) << np.uint64(t)
                    best, best_iou = -1, min(thresholds[t], 1 - 1e-10)
                    best_ignored = False
                    # Objects that count first, then, if none was met, the ignored ones.
                    for wanted in range(2):
                        for c in range(met):
                            g = candidates[c]
                            g_ignored = (
                                gt_crowd[g] != 0
                                or gt_areas[g] < areas[a, 0]
                                or gt_areas[g] > areas[a, 1]
                            )
                            if g_ignored != (wanted == 1):
                                continue
                            if taken[g, a] & bit and not gt_crowd[g]:
                                continue
                            if ious[c] < best_iou:
                                continue
                            best, best_iou, best_ignored = g, ious[c], g_ignored
                        if best >= 0:
                            break
                    if best < 0:
                        continue
                    taken[best, a] |= bit
                    if best_ignored:
                        ignored |= bit
                    elif not gt_void[best]:
                        true |= bit
                    if a == 0 and t == 0:
                        partners[d] = best
                        outcomes[d] = -1 if best_ignored else (0 if gt_void[best] else 1)
            full = (np.uint64(1) << np.uint64(threshold_count)) - np.uint64(1)
            if threshold_count == 64:
                full = ~np.uint64(0)
            # Unmatched and outside the area: ignored.
            false = np.uint64(0) if outside else full & ~(true | ignored)
            event_true[events, a] = true
            event_false[events, a] = false
            if a == 0 and outside and partners[d] < 0:
                outcomes[d] = -1
            if true or (false != full and false):
                happened = True
        if happened:
            event_limit[events] = first_limit
            event_score[events] = scores[d]
            for a in range(area_count):
                for m in range(limit_count):
                    event_base[events, a * limit_count + m] = base[a * limit_count + m]
            events += 1
        else:
            for a in range(area_count):
                if event_false[events, a]:
                    for m in range(first_limit, limit_count):
                        base[a * limit_count + m] += 1
    top_score = scores[rows[begin]] if end > begin else 0.0
    for a in range(area_count):
        positives = 0
        for k in range(gt_starts[label], gt_starts[label + 1]):
            g = gt_rows[k]
            if not (gt_crowd[g] or gt_areas[g] < areas[a, 0] or gt_areas[g] > areas[a, 1]):
                positives += 1
        if positives == 0:
            continue
        for m in range(limit_count):
            for t in range(threshold_count):
                curve(
                    a, m, t, events, positives, end > begin, top_score, recalls, spacing,
                    event_true, event_false, event_limit, event_base, event_score,
                    a * limit_count + m, found_false, found_score,
                    precision[a, m, t], found_scores[a, m, t], recall[a, m],
                )  # fmt: skip
    for k in range(gt_starts[label], gt_starts[label + 1]):
        count_of[gt_images[gt_rows[k]]] = 0
    for i in range(begin, end):
        seen[images[rows[i]]] = 0


@helper
def curve(  # type: ignore[no-untyped-def]
    a, m, t, events, positives, any_detection, top_score, recalls, spacing,
    event_true, event_false, event_limit, event_base, event_score,
    column, found_false, found_score, precision, scores, recall,
):  # fmt: skip
    """Precision at each recall threshold, its score, and the final recall, of one curve.

    Precision rises only where a true detection comes, so those alone are kept: found_false[k]
    is the number of false ones before the k-th true one.
    """
    bit = np.uint64(1) << np.uint64(t)
    true = 0
    false = 0
    for e in range(events):
        if event_limit[e] > m:
            continue
        if event_true[e, a] & bit:
            found_false[true] = event_base[e, column] + false
            found_score[true] = event_score[e]
            true += 1
        elif event_false[e, a] & bit:
            false += 1
    recall[t] = true / positives
    # From the right: the best precision from the k-th true detection on.
    r = len(recalls) - 1
    best = 0.0
    k = true  # true detections needed for recalls[r]
    for r in range(len(recalls)):
        precision[r] = 0.0
        scores[r] = 0.0
    r = len(recalls) - 1
    while r >= 0 and true / positives < recalls[r]:
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
    # Reached by the very first detection, whatever it is.
    while r >= 0:
        if any_detection:
            precision[r] = best
            scores[r] = top_score
        r -= 1
