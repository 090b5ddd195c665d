"""The kind of error of each false detection, as defined in eval.why.tide."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eval.datasets import Dataset
from eval.why.compiled import kernel
from eval.why.images import ByImage, overlap_xywh, shared_area

# The kinds of error; a detection without error is CORRECT.
KINDS = ("Cls", "Loc", "Both", "Dupe", "Bkg", "Miss")
CLS, LOC, BOTH, DUPE, BKG, MISS = range(6)
CORRECT = -1


@dataclass(frozen=True, eq=False)
class ErrorKinds:
    """The errors of D detections, image by image, and the state of M objects.

    Attributes
    ----------
    detections
        The classified detections.
    kinds
        (D,) int8, index into KINDS, or CORRECT.
    targets
        (D,) int32, the object that a Cls or Loc error would match after its repair, or -1.
    scored
        (D,) bool, the detection counts towards AP.
    found
        (M,) bool, the object is matched.
    reached
        (M,) bool, the object is matched or the target of an error.
    """

    detections: ByImage
    kinds: np.ndarray
    targets: np.ndarray
    scored: np.ndarray
    found: np.ndarray
    reached: np.ndarray


def classify_errors(
    detections: ByImage, dataset: Dataset, counted: np.ndarray, positive: float, background: float
) -> ErrorKinds:
    """Match detections to objects and classify the errors.

    Parameters
    ----------
    counted
        (M,) bool, objects that count; the others are ignored.
    positive, background
        The IoU from which a detection can be true, and the IoU up to which it is background.
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
    return ErrorKinds(detections, kinds, targets, scored, found, reached)


@kernel("f8[2] i4[1] i8[1] f8[2] i4[1] b1[1] i8[1] f8 f8 i1[1] i4[1] b1[1] b1[1] b1[1]")
def _kinds(  # type: ignore[no-untyped-def]
    boxes, labels, starts, truths, truth_labels, counted, truth_starts,
    positive, background, kinds, targets, scored, found, reached,
):  # fmt: skip
    for image in range(len(starts) - 1):
        begin, end = truth_starts[image], truth_starts[image + 1]
        for i in range(starts[image], starts[image + 1]):
            # Match the free object of the class with the largest IoU, the first of equals.
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
            # Only the error with the highest score of each object is repaired.
            if target >= 0 and not reached[target]:
                reached[target] = True
                targets[i] = target
