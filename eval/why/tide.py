"""Which kinds of error cost how much: TIDE (Bolya et al., ECCV 2020, sections 2.2 and 2.3).

Every false detection is of one kind, every object that no repair reaches is missed, and what a
kind costs is the AP gained when all errors of that kind, and nothing else, are repaired. The
decisions that the paper leaves open are those of the authors' tool, tidecv 1.0.1, whose numbers
come out here:

- At most 100 detections per image over all classes. 101-point AP at one IoU threshold.
- A class with detections but no object counts with AP 0, and no more once it has neither. That
  is why `average_precision` can be below COCO's AP50 and repairing Cls can gain so much.
- Detections that lie for more than `positive` of their area inside an ignored object of their
  class, unless they are matched, do not count towards AP. They are still of some kind and, if
  that is Cls or Loc, are repaired like others.
- An object is repaired by its highest-scored error only; further ones are removed.
- Equal scores come image by image; after a repair, all former errors before the true ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.matching import Matches
from eval.ranking import falling, group_rows
from eval.why.average_precision import Ranked, Rule, average_precisions
from eval.why.compiled import kernel
from eval.why.images import ByImage, by_image, overlap_xywh, shared_area
from eval.why.plain import plain

# Kinds of error, in the order in which they are tried; detections without one are CORRECT.
KINDS = ("Cls", "Loc", "Both", "Dupe", "Bkg", "Miss")
CLS, LOC, BOTH, DUPE, BKG, MISS = range(6)
CORRECT = -1
_RULE = Rule(np.arange(101) / 100)


@dataclass(frozen=True, eq=False)
class Tide:
    """Errors and what each kind costs; AP as fractions 0..1.

    Attributes
    ----------
    average_precision
        TIDE's mean AP, to which the gains refer.
    gains
        AP gained by repairing one kind, by its name in KINDS: Cls right place, wrong class; Loc
        right class, place not good enough; Both wrong in class and place; Dupe a second
        detection of a found object; Bkg nothing is there; Miss objects that no repair of Cls or
        Loc reaches.
    counts
        How many errors of each kind there are.
    false_positives, false_negatives
        AP gained without any false detection, and without any object that is not found.
    kinds
        (N,) int8 by row of the table: index into KINDS, CORRECT, or -2 where not looked at:
        beyond the most detections per image, or without a score.
    missed
        (M,) bool by row of the data set's objects, those of kind Miss.
    """

    average_precision: float
    gains: dict[str, float]
    counts: dict[str, int]
    false_positives: float
    false_negatives: float
    kinds: np.ndarray
    missed: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """Plain Python, without the arrays."""
        names = ("average_precision", "gains", "counts", "false_positives", "false_negatives")
        return {name: plain(getattr(self, name)) for name in names}


@dataclass(frozen=True, eq=False)
class _Verdicts:
    """What the kernel found: D detections image by image, M objects."""

    detections: ByImage
    kinds: np.ndarray  # (D,) int8
    targets: np.ndarray  # (D,) int32, the object that a repair of Cls or Loc finds, or -1
    scored: np.ndarray  # (D,) bool, counts towards AP
    found: np.ndarray  # (M,) bool
    reached: np.ndarray  # (M,) bool, found or the target of an error


def tide(
    table: DetectionTable,
    dataset: Dataset,
    matches: Matches,
    *,
    positive: float = 0.5,
    background: float = 0.1,
    most: int | None = 100,
) -> Tide:
    """Kinds of error and their cost.

    Parameters
    ----------
    matches
        Says which objects count; TIDE matches detections itself.
    positive, background
        IoU from which a detection can be true, and up to which nothing is there.
    most
        Detections per image, over all classes; None for all.
    """
    detections = by_image(table, dataset, most=most)
    verdicts = _judge(detections, dataset, matches.counted, positive, background)
    labels = dataset.all_truths.labels
    counted = np.bincount(labels[matches.counted], minlength=len(dataset.class_names))
    missed = matches.counted & ~verdicts.reached
    base, gains, false_positives, false_negatives = _gains(
        verdicts, table.scores[detections.rows], labels, counted, labels[missed]
    )
    kinds = np.full(len(table), -2, dtype=np.int8)
    kinds[detections.rows] = verdicts.kinds
    counts = {kind: int(np.count_nonzero(kinds == k)) for k, kind in enumerate(KINDS)}
    counts["Miss"] = int(np.count_nonzero(missed))
    return Tide(
        average_precision=base,
        # The coarseness of 101 points can make a repair a loss; the tool shows none.
        gains={kind: max(gain, 0.0) for kind, gain in zip(KINDS, gains, strict=True)},
        counts=counts,
        false_positives=false_positives,
        false_negatives=false_negatives,
        kinds=kinds,
        missed=missed,
    )


def _judge(
    detections: ByImage, dataset: Dataset, counted: np.ndarray, positive: float, background: float
) -> _Verdicts:
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
    return _Verdicts(detections, kinds, targets, scored, found, reached)


def _gains(
    verdicts: _Verdicts,
    scores: np.ndarray,
    truth_labels: np.ndarray,
    counted: np.ndarray,
    missed_labels: np.ndarray,
) -> tuple[float, list[float], float, float]:
    """AP as it is, the gain of each kind, of no false positives, of no false negatives."""
    labels, kinds, scored = verdicts.detections.labels, verdicts.kinds, verdicts.scored
    correct = kinds == CORRECT
    base = _mean_ap(falling(scores), scored, correct, labels, counted)
    # The order after a repair: former errors before true detections of the same score.
    order = np.concatenate([np.flatnonzero(~correct), np.flatnonzero(correct)])
    order = order[falling(scores[order])]
    gains = []
    for kind in range(MISS):
        mended = (kinds == kind) & (verdicts.targets >= 0)
        kept = (scored & (kinds != kind)) | mended
        mended_labels = labels.copy()
        mended_labels[mended] = truth_labels[verdicts.targets[mended]]
        gains.append(_mean_ap(order, kept, correct | mended, mended_labels, counted) - base)
    fewer = counted - np.bincount(missed_labels, minlength=len(counted))
    gains.append(_mean_ap(order, scored, correct, labels, fewer) - base)
    found = np.bincount(truth_labels[verdicts.found], minlength=len(counted))
    true_first = np.argsort(~correct, kind="stable")
    return (
        base,
        gains,
        _mean_ap(true_first, scored, correct, labels, counted) - base,
        _mean_ap(order, scored, correct, labels, found) - base,
    )


def _mean_ap(
    order: np.ndarray, kept: np.ndarray, true: np.ndarray, labels: np.ndarray, counted: np.ndarray
) -> float:
    """Mean over the classes that have a detection or an object; 0 without any.

    Parameters
    ----------
    order
        (D,) detections by rank.
    kept, true, labels
        (D,) whether each takes part and is true, and its class.
    counted
        (classes,) number of objects.
    """
    rows = order[kept[order]].astype(np.int32)
    rows, starts = group_rows(labels, len(counted), rows)
    object_starts = np.concatenate([[0], np.cumsum(counted)])
    nowhere = np.zeros(object_starts[-1], dtype=np.int32)
    entries = Ranked(
        true[rows], np.zeros(len(rows), dtype=np.int32), starts, nowhere, object_starts
    )
    present = (counted > 0) | (np.diff(starts) > 0)
    values = np.nan_to_num(average_precisions(entries, _RULE), nan=0.0)
    return float(values[present].mean()) if present.any() else 0.0


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
