"""The COCO protocol in compiled code: sorting, matching and curves.

The results equal those of pycocotools 2.0.11 (cocoeval.py, common/maskApi.c) to the last bit. The
algorithm differs: one pass over the detections of a class by falling score matches all images,
areas and thresholds at once, and only detections that overlap an object enough are used for the
curves.
"""

from __future__ import annotations

import numpy as np

from eval.compiled import kernel
from eval.protocols.coco_matching import is_ignored, meet, outcome_of, sort_falling, take
from rcnn_kernels import subroutine


@kernel(
    "i8 i8 i8 i4[1] i4[1] f8[2] f8[1] u8[1] u1[1] "
    "i8[1] i4[1] i4[1] f8[2] f8[1] u1[1] u1[1] "
    "f8[1] f8[1] f8[2] i8[1] f8 "
    "i8[1] i8[1] i4[1] i8[1] u8[1] u8[1] i4[1] i8[1] "
    "u8[2] f8[1] u8[1] u8[2] u8[2] i4[1] i4[2] f8[1] i8[1] i8[1] i8[1] i8[2] f8[2] "
    "i4[1] f8[1] f8[2] i1[1] i4[1] "
    "f8[4] f8[4] f8[3] i1[1] i4[1] i8[1]"
)
def measure_class(  # type: ignore[no-untyped-def]
    label, begin, end, rows, images, boxes, scores, score_bits, forgiven,
    gt_starts, gt_rows, gt_images, gt_boxes, gt_areas, gt_crowd, gt_void,
    thresholds, recalls, areas, limits, spacing,
    first_of, count_of, seen, candidates, keys, other_keys, other_rows, counts,
    taken, ious, reached, event_true, event_false, event_limit, event_base, event_score,
    base, true_count, false_count, found_false, found_score,
    own_images, own_scores, own_boxes, own_outcomes, own_partners,
    precision, found_scores, recall, outcomes, partners, facts,
):  # fmt: skip
    """Match the detections rows[begin:end] of one class, and compute its curves.

    `rows` are in image order and are sorted by falling score in place. `forgiven` detections are
    ignored where they would be false; an array of length 0 forgives none. `precision` and
    `found_scores` are (areas, limits, thresholds, recalls), `recall` is (areas, limits,
    thresholds). `outcomes` and `partners` are those at the first threshold and area. `facts` are
    the number of detections with the score of the previous one, and of those beyond the limit.
    """
    n = end - begin
    rows = rows[begin:end]
    sort_falling(score_bits, rows, keys, other_keys, other_rows, counts)
    # Contiguous copies: scattered reads would dominate the time of the loops below.
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
    events = np.int64(0)
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
        spared = len(forgiven) > 0 and forgiven[rows[i]] != 0
        happened = False
        for a in range(area_count):
            outside = spared or size < areas[a, 0] or size > areas[a, 1]
            true, ignored, first = np.uint64(0), np.uint64(0), -1
            if met:
                true, ignored, first = take(
                    met, a, candidates, reached, taken, gt_crowd, gt_areas, gt_void, areas
                )
            if a == 0:
                own_outcomes[i] = outcome_of(true, ignored, outside and first < 0)
                own_partners[i] = first if own_outcomes[i] != 0 else -1
            # An unmatched detection that is forgiven or outside the area range is ignored.
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
        positives = np.int64(0)
        for k in range(gt_starts[label], gt_starts[label + 1]):
            positives += not is_ignored(gt_rows[k], a, gt_crowd, gt_areas, areas)
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


@subroutine
def list_true(  # type: ignore[no-untyped-def]
    a, t, events, event_true, event_false, event_limit, event_base, event_score,
    true_count, false_count, found_false, found_score,
):  # fmt: skip
    """List the true detections of each limit; found_false[m, k] false ones precede the k-th.

    Precision rises only at true detections, so the others need no entry.
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


@subroutine
def follow(  # type: ignore[no-untyped-def]
    true, positives, any_detection, top_score, recalls, spacing,
    found_false, found_score, precision, scores,
):  # fmt: skip
    """Precision and score at each recall threshold of one curve, from its right end."""
    best = 0.0
    k = true
    r = len(recalls) - 1
    while r >= 0 and true / positives < recalls[r]:  # recalls that the curve does not reach
        precision[r] = 0.0
        scores[r] = 0.0
        r -= 1
    while r >= 0 and k > 0:
        # The k-th true detection is the first to reach recalls[r] unless the previous one does too.
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
    while r >= 0:  # any first detection reaches recall 0
        precision[r] = best if any_detection else 0.0
        scores[r] = top_score
        r -= 1
