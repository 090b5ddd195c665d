"""The kinds of error and the AP that each costs: TIDE (Bolya et al., ECCV 2020, sections 2.2, 2.3).

Every false detection is an error of one kind, and every object that no repair can match is missed.
The cost of a kind is the AP gained if all errors of this kind, and no others, are repaired. Where
the paper leaves details open, they follow the authors' tool, tidecv 1.0.1; its figures are
reproduced if every class with detections has objects:

- At most 100 detections per image over all classes. 101-point AP at one IoU threshold.
- An unmatched detection that lies with more than `positive` of its area inside an ignored object of
  its class does not count towards AP. It still has a kind, and is repaired if that is Cls or Loc.
- Only the error with the highest score of each object is repaired; further ones are removed.
- Equal scores are ordered image by image; after a repair, former errors precede true detections.

One rule differs from the tool: AP is the mean over the classes with objects, as in every protocol.
The tool counts a class with detections but without objects as AP 0 as long as it has detections, so
that on a part of a data set its AP is far lower; `empty_classes` reproduces that.
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
from eval.why.error_kinds import CORRECT, KINDS, MISS, ErrorKinds, classify_errors
from eval.why.images import by_image
from eval.why.plain import plain

__all__ = ["KINDS", "NOT_EVALUATED", "Tide", "tide"]

NOT_EVALUATED = -2
_RULE = Rule(np.arange(101) / 100)


@dataclass(frozen=True, eq=False)
class Tide:
    """The errors of each kind and their cost in AP; AP as fractions 0..1.

    Attributes
    ----------
    average_precision
        TIDE's own mean AP over the classes, to which the gains are added.
    gains
        AP gained by repairing one kind, by its name in KINDS. Cls: good box, wrong class. Loc:
        right class, poorly placed box. Both: wrong class and poorly placed box. Dupe: a second
        detection of a matched object. Bkg: background. Miss: an object that no repair of a Cls or
        Loc error matches.
    counts
        The number of errors of each kind.
    false_positives, false_negatives
        AP gained without any false detection, and without any missed object.
    kinds
        (N,) int8 by row of the table: index into KINDS, CORRECT, or NOT_EVALUATED (beyond the limit
        of detections per image, or without a score).
    missed
        (M,) bool by row of the data set's objects: errors of kind Miss.
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
    """Classify the errors and compute their cost.

    Parameters
    ----------
    matches
        Determine which objects count; TIDE has its own matching.
    positive, background
        The IoU from which a detection can be true, and the IoU up to which it is background.
    most
        Limit of detections per image, over all classes; None for no limit.
    empty_classes
        Count classes with detections but without objects as AP 0, as tidecv does.
    """
    detections = by_image(table, dataset, matches, most=most)
    errors = classify_errors(detections, dataset, matches.singles, positive, background)
    labels = dataset.all_truths.labels
    counted = np.bincount(labels[matches.singles], minlength=len(dataset.class_names))
    missed = matches.singles & ~errors.reached
    included = (counted > 0) | empty_classes
    base, gains, false_positives, false_negatives = _gains(
        errors, table.scores[detections.rows], labels, counted, labels[missed], included
    )
    kinds = np.full(len(table), NOT_EVALUATED, dtype=np.int8)
    kinds[detections.rows] = errors.kinds
    counts = {kind: int(np.count_nonzero(kinds == k)) for k, kind in enumerate(KINDS)}
    counts["Miss"] = int(np.count_nonzero(missed))
    return Tide(
        average_precision=base,
        # With only 101 points a repair can lower AP; the tool reports such a loss as 0.
        gains={kind: max(gain, 0.0) for kind, gain in zip(KINDS, gains, strict=True)},
        counts=counts,
        false_positives=false_positives,
        false_negatives=false_negatives,
        kinds=kinds,
        missed=missed,
    )


def _gains(
    errors: ErrorKinds,
    scores: np.ndarray,
    truth_labels: np.ndarray,
    counted: np.ndarray,
    missed_labels: np.ndarray,
    included: np.ndarray,
) -> tuple[float, list[float], float, float]:
    """AP, and its gain by repairing each kind, all false positives, all false negatives."""
    labels, kinds, scored = errors.detections.labels, errors.kinds, errors.scored
    correct = kinds == CORRECT
    base = _mean_ap(falling(scores), scored, correct, labels, counted, included)
    # After a repair, former errors precede true detections of the same score.
    order = np.concatenate([np.flatnonzero(~correct), np.flatnonzero(correct)])
    order = order[falling(scores[order])]
    gains = []
    for kind in range(MISS):
        repaired = (kinds == kind) & (errors.targets >= 0)
        kept = (scored & (kinds != kind)) | repaired
        new_labels = labels.copy()
        new_labels[repaired] = truth_labels[errors.targets[repaired]]
        gains.append(
            _mean_ap(order, kept, correct | repaired, new_labels, counted, included) - base
        )
    fewer = counted - np.bincount(missed_labels, minlength=len(counted))
    gains.append(_mean_ap(order, scored, correct, labels, fewer, included) - base)
    found = np.bincount(truth_labels[errors.found], minlength=len(counted))
    true_first = np.argsort(~correct, kind="stable")
    return (
        base,
        gains,
        _mean_ap(true_first, scored, correct, labels, counted, included) - base,
        _mean_ap(order, scored, correct, labels, found, included) - base,
    )


def _mean_ap(
    order: np.ndarray,
    kept: np.ndarray,
    true: np.ndarray,
    labels: np.ndarray,
    counted: np.ndarray,
    included: np.ndarray,
) -> float:
    """Mean AP over the included classes that have a detection or an object; 0 if there are none.

    Parameters
    ----------
    order
        (D,) detections in ranking order.
    kept, true, labels
        (D,) whether each detection takes part, whether it is true, and its class.
    counted
        (classes,) number of objects after the repair.
    included
        (classes,) bool, the classes that may count.
    """
    rows = order[kept[order]].astype(np.int32)
    rows, starts = group_rows(labels, len(counted), rows)
    object_starts = np.concatenate([[0], np.cumsum(counted)])
    nowhere = np.zeros(object_starts[-1], dtype=np.int32)
    entries = Ranked(
        true[rows], np.zeros(len(rows), dtype=np.int32), starts, nowhere, object_starts
    )
    present = included & ((counted > 0) | (np.diff(starts) > 0))
    values = np.nan_to_num(average_precisions(entries, _RULE), nan=0.0)
    return float(values[present].mean()) if present.any() else 0.0
