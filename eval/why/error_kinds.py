"""Which kind of error each false detection is; definitions and choices in eval.why.tide."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eval.datasets import Dataset
from eval.why.compiled import kernel
from eval.why.images import ByImage, overlap_xywh, shared_area

# Kinds of error; a detection without one is CORRECT.
KINDS = ("Cls", "Loc", "Both", "Dupe", "Bkg", "Miss")
CLS, LOC, BOTH, DUPE, BKG, MISS = range(6)
CORRECT = -1


@dataclass(frozen=True, eq=False)
class Verdicts:
    """D detections image by image, and M objects of the data set.

    Attributes
    ----------
    detections
        Those that were judged.
    kinds
        (D,) int8, index into KINDS or CORRECT.
    targets
        (D,) int32, the object that repairing a Cls or Loc would find, or -1.
    scored
        (D,) bool, counts towards AP.
    found
        (M,) bool, matched.
    reached
        (M,) bool, found or the target of an error.
    """

    detections: ByImage
    kinds: np.ndarray
    targets: np.ndarray
    scored: np.ndarray
    found: np.ndarray
    reached: np.ndarray


def judge(
    detections: ByImage, dataset: Dataset, counted: np.ndarray, positive: float, background: float
) -> Verdicts:
    """Match detections and tell the errors apart.

    Parameters
    ----------
    counted
        (M,) bool, objects that have to be found; the others are ignored.
    positive, background
        IoU from which a detection can be true, and up to which nothing is there.
    """
    truths, count = dataset.all_truths, len(detections.rows)
    kinds = np.empty(count, dtype=np.int8)
    targets = np.full(count, -1, dtype=np.int32)
    scored = np.zeros(count, dtype=bool)
    found = np.zeros(len(truths), dtype=bool)
    reached = np.zeros(len(truths), dtype=bool)
    _kinds(
        detections.boxes_xywh,
        detections.labels,
        detections.passed_over,
        detections.starts.astype(np.int64),
        np.ascontiguousarray(truths.boxes_xywh, dtype=np.float64),
        truths.labels.astype(np.int32),
        counted,
        dataset.starts.astype(np.int64),
        positive,
        background,
        kinds,
        targets,
        scored,
        found,
        reached,
    )
    return Verdicts(detections, kinds, targets, scored, found, reached)


@kernel("f8[2] i4[1] b1[1] i8[1] f8[2] i4[1] b1[1] i8[1] f8 f8 i1[1] i4[1] b1[1] b1[1] b1[1]")
def _kinds(  # type: ignore[no-untyped-def]
    boxes, labels, passed_over, starts, truths, truth_labels, counted, truth_starts,
    positive, background, kinds, targets, scored, found, reached,
):  # fmt: skip
    for image in range(len(starts) - 1):
        begin, end = truth_starts[image], truth_starts[image + 1]
        for i in range(starts[image], starts[image + 1]):
            # Match: the free object of the class with the largest overlap, the first of equals.
            best, most = -1, 0.0
            for j in range(begin, end):
                if counted[j] and not found[j] and truth_labels[j] == labels[i]:
                    value = overlap_xywh(boxes, i, truths, j)
                    if value > most:
                        best, most = j, value
            kinds[i] = BKG
            scored[i] = True
            if best >= 0 and most >= positive:
                kinds[i] = CORRECT
                found[best] = True
                reached[best] = True
                continue
            scored[i] = not passed_over[i]
            for j in range(begin, end):
                if not counted[j] and truth_labels[j] == labels[i]:
                    inside = shared_area(boxes, i, truths, j)
                    if inside > 0 and inside / (boxes[i, 2] * boxes[i, 3]) > positive:
                        scored[i] = False
        for i in range(starts[image], starts[image + 1]):
            if kinds[i] == CORRECT:
                continue
            same, other, same_most, other_most, taken_most = -1, -1, -1.0, -1.0, 0.0
            for j in range(begin, end):
                if not counted[j]:
                    continue
                value = overlap_xywh(boxes, i, truths, j)
                if truth_labels[j] == labels[i]:
                    if value > same_most:
                        same, same_most = j, value
                    if found[j] and value > taken_most:
                        taken_most = value
                elif value > other_most:
                    other, other_most = j, value
            target = -1
            if same >= 0 and background <= same_most <= positive:
                kinds[i] = LOC
                target = same
            elif other >= 0 and other_most >= positive:
                kinds[i] = CLS
                target = other
            elif taken_most >= positive:
                kinds[i] = DUPE
            elif max(same_most, other_most) > background:
                kinds[i] = BOTH
            # Only the first error of an object, the one with the highest score, can be repaired.
            if target >= 0 and not reached[target]:
                reached[target] = True
                targets[i] = target
