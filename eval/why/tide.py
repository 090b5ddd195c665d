"""Which kinds of error cost how much: TIDE (Bolya et al., ECCV 2020, sections 2.2 and 2.3).

Every false detection is of one kind, every object that no repair reaches is missed, and what a
kind costs is the AP gained when all errors of that kind, and nothing else, are repaired. The
decisions that the paper leaves open are those of the authors' tool, tidecv 1.0.1, whose numbers
come out here wherever each class with detections has objects:

- At most 100 detections per image over all classes. 101-point AP at one IoU threshold.
- Detections that lie for more than `positive` of their area inside an ignored object of their
  class, unless they are matched, do not count towards AP. They are still of some kind and, if
  that is Cls or Loc, are repaired like others.
- An object is repaired by its highest-scored error only; further ones are removed.
- Equal scores come image by image; after a repair, all former errors before the true ones.

One decision is not the tool's: AP is the mean over the classes that have objects, as under every
protocol. The tool counts a class with detections but no object as AP 0, until a repair leaves it
without detections, so that on part of a data set its AP is far below all others; `empty_classes`
asks for that.
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
from eval.why.error_kinds import CORRECT, KINDS, MISS, Verdicts, judge
from eval.why.images import by_image
from eval.why.plain import plain

__all__ = ["KINDS", "NOT_LOOKED_AT", "Tide", "tide"]

NOT_LOOKED_AT = -2
_RULE = Rule(np.arange(101) / 100)


@dataclass(frozen=True, eq=False)
class Tide:
    """Errors and what each kind costs; AP as fractions 0..1.

    Attributes
    ----------
    average_precision
        TIDE's mean AP over the classes, to which the gains refer.
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
        (N,) int8 by row of the table: index into KINDS, CORRECT, or NOT_LOOKED_AT: beyond the
        most detections per image, or without a score.
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


def tide(
    table: DetectionTable,
    dataset: Dataset,
    matches: Matches,
    *,
    positive: float = 0.5,
    background: float = 0.1,
    most: int | None = 100,
    empty_classes: bool = False,
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
    empty_classes
        Count classes that have detections but no object with AP 0, as tidecv does.
    """
    detections = by_image(table, dataset, most=most)
    verdicts = judge(detections, dataset, matches.counted, positive, background)
    labels = dataset.all_truths.labels
    counted = np.bincount(labels[matches.counted], minlength=len(dataset.class_names))
    missed = matches.counted & ~verdicts.reached
    judged = (counted > 0) | empty_classes
    base, gains, false_positives, false_negatives = _gains(
        verdicts, table.scores[detections.rows], labels, counted, labels[missed], judged
    )
    kinds = np.full(len(table), NOT_LOOKED_AT, dtype=np.int8)
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


def _gains(
    verdicts: Verdicts,
    scores: np.ndarray,
    truth_labels: np.ndarray,
    counted: np.ndarray,
    missed_labels: np.ndarray,
    judged: np.ndarray,
) -> tuple[float, list[float], float, float]:
    """AP as it is, the gain of each kind, of no false positives, of no false negatives."""
    labels, kinds, scored = verdicts.detections.labels, verdicts.kinds, verdicts.scored
    correct = kinds == CORRECT
    base = _mean_ap(falling(scores), scored, correct, labels, counted, judged)
    # The order after a repair: former errors before true detections of the same score.
    order = np.concatenate([np.flatnonzero(~correct), np.flatnonzero(correct)])
    order = order[falling(scores[order])]
    gains = []
    for kind in range(MISS):
        mended = (kinds == kind) & (verdicts.targets >= 0)
        kept = (scored & (kinds != kind)) | mended
        mended_labels = labels.copy()
        mended_labels[mended] = truth_labels[verdicts.targets[mended]]
        gains.append(_mean_ap(order, kept, correct | mended, mended_labels, counted, judged) - base)
    fewer = counted - np.bincount(missed_labels, minlength=len(counted))
    gains.append(_mean_ap(order, scored, correct, labels, fewer, judged) - base)
    found = np.bincount(truth_labels[verdicts.found], minlength=len(counted))
    true_first = np.argsort(~correct, kind="stable")
    return (
        base,
        gains,
        _mean_ap(true_first, scored, correct, labels, counted, judged) - base,
        _mean_ap(order, scored, correct, labels, found, judged) - base,
    )


def _mean_ap(
    order: np.ndarray,
    kept: np.ndarray,
    true: np.ndarray,
    labels: np.ndarray,
    counted: np.ndarray,
    judged: np.ndarray,
) -> float:
    """Mean over the judged classes that have a detection or an object left; 0 without any.

    Parameters
    ----------
    order
        (D,) detections by rank.
    kept, true, labels
        (D,) whether each takes part and is true, and its class.
    counted
        (classes,) number of objects, after a repair.
    judged
        (classes,) bool, which may count.
    """
    rows = order[kept[order]].astype(np.int32)
    rows, starts = group_rows(labels, len(counted), rows)
    object_starts = np.concatenate([[0], np.cumsum(counted)])
    nowhere = np.zeros(object_starts[-1], dtype=np.int32)
    entries = Ranked(
        true[rows], np.zeros(len(rows), dtype=np.int32), starts, nowhere, object_starts
    )
    present = judged & ((counted > 0) | (np.diff(starts) > 0))
    values = np.nan_to_num(average_precisions(entries, _RULE), nan=0.0)
    return float(values[present].mean()) if present.any() else 0.0
