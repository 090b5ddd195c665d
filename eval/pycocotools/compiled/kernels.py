"""Overlaps, matches and curves of COCOeval in compiled code.

`eval.protocols.coco_kernels` is faster, but keeps neither overlaps nor the matches at all
thresholds and areas, which the attributes of COCOeval show. Here the overlaps may be those of
masks and keypoints, and identical ids, ids of 0 and unsorted thresholds have the effect that they
have in pycocotools 2.0.11 (cocoeval.py).

A group is the detections and objects of one category in one image. `starts` and `gt_starts` tell
which rows belong to a group, and `iou_starts` where its overlaps are: detections by objects.
"""

from __future__ import annotations

from eval.protocols.coco_matching import overlap
from eval.pycocotools.compiled import kernel

FALSE, TRUE, IGNORED = 0, 1, 2


@kernel("i8[1] i8[1] i8[1] f8[2] f8[2] u1[1] f8[1]")
def overlap_groups(  # type: ignore[no-untyped-def]
    starts, gt_starts, iou_starts, boxes, gt_boxes, gt_crowd, ious
):
    """Write the IoU of each detection with each object of its group; boxes are xywh."""
    for group in range(len(starts) - 1):
        place = iou_starts[group]
        for d in range(starts[group], starts[group + 1]):
            for g in range(gt_starts[group], gt_starts[group + 1]):
                ious[place] = overlap(d, g, boxes, gt_boxes, gt_crowd[g])
                place += 1


@kernel("i8[1] i8[1] i8[1] f8[1] f8[1] f8[1] f8[1] u1[1] u1[2] u1[2] i8[1] f8[1] u1[3] i4[3] i1[3]")
def match_groups(  # type: ignore[no-untyped-def]
    starts, gt_starts, iou_starts, ious, thresholds, ids, gt_ids, gt_crowd, gt_ignored, outside,
    candidates, candidate_ious, taken, partners, states,
):  # fmt: skip
    """Match the detections of each group, which are in order of falling score.

    `gt_ignored` is (areas, objects), `outside` (areas, detections), `taken` (areas, thresholds,
    objects). `partners`, the matched object or -1, and `states` are (areas, thresholds,
    detections).
    """
    lowest = 1.0
    for t in range(len(thresholds)):
        lowest = min(lowest, thresholds[t])
    lowest = min(lowest, 1 - 1e-10)
    for group in range(len(starts) - 1):
        objects = gt_starts[group + 1] - gt_starts[group]
        for d in range(starts[group], starts[group + 1]):
            met = 0
            if iou_starts[group + 1] > iou_starts[group]:
                first = iou_starts[group] + (d - starts[group]) * objects
                for k in range(objects):
                    if not ious[first + k] < lowest:  # a NaN counts as a match
                        candidates[met] = gt_starts[group] + k
                        candidate_ious[met] = ious[first + k]
                        met += 1
            for a in range(len(gt_ignored)):
                for t in range(len(thresholds)):
                    best = -1
                    least = min(thresholds[t], 1 - 1e-10)
                    for turn in range(2):  # ignored objects only where no other one matches
                        if best >= 0:
                            break
                        for c in range(met):
                            g = candidates[c]
                            if gt_ignored[a, g] != turn or (taken[a, t, g] and not gt_crowd[g]):
                                continue
                            if candidate_ious[c] < least:
                                continue
                            best = g
                            least = candidate_ious[c]
                    partners[a, t, d] = best
                    states[a, t, d] = IGNORED if outside[a, d] else FALSE
                    if best >= 0:
                        taken[a, t, best] = ids[d] > 0
                        if gt_ignored[a, best]:
                            states[a, t, d] = IGNORED
                        elif gt_ids[best] != 0:
                            states[a, t, d] = TRUE


@kernel("i8[1] i8[1] f8[1] i1[2] i8 i8 f8[1] f8 f8[1] f8[1] i8[1] f8[2] f8[2] f8[1]")
def trace_curves(  # type: ignore[no-untyped-def]
    order, ranks, scores, states, limit, positives, recalls, spacing,
    own_recalls, own_precisions, own_rows, precision, found_scores, recall,
):  # fmt: skip
    """Precision and score at each recall threshold, and the final recall, of each IoU threshold.

    `order` has the detections of one category by falling score, `ranks` their places within their
    group. `states` is (thresholds, detections), `precision` and `found_scores` are (thresholds,
    recalls), `recall` is (thresholds,).
    """
    for t in range(len(recall)):
        n, true, false = 0, 0, 0
        for i in range(len(order)):
            d = order[i]
            if ranks[d] >= limit:
                continue
            true += states[t, d] == TRUE
            false += states[t, d] == FALSE
            own_recalls[n] = true / positives
            own_precisions[n] = true / (float(false + true) + spacing)
            own_rows[n] = d
            n += 1
        for i in range(n - 1, 0, -1):
            if own_precisions[i] > own_precisions[i - 1]:
                own_precisions[i - 1] = own_precisions[i]
        recall[t] = own_recalls[n - 1] if n else 0.0
        for r in range(len(recalls)):
            precision[t, r] = 0.0
            found_scores[t, r] = 0.0
        for r in range(len(recalls)):
            low, high = 0, n
            while low < high:
                middle = (low + high) // 2
                if own_recalls[middle] >= recalls[r]:
                    high = middle
                else:
                    low = middle + 1
            if low == n:  # pycocotools leaves out all that follows, even if thresholds are unsorted
                break
            precision[t, r] = own_precisions[low]
            found_scores[t, r] = scores[own_rows[low]]
