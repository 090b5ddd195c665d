"""The stage of a proposal pipeline at which each missed object was lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.matching import TRUE, Matches
from eval.why.classes import best_overall
from eval.why.plain import plain
from eval.why.traces import ObjectTraces

REASONS = (
    "no proposal",  # no proposal overlaps the object by 0.5
    "not classified",  # such a proposal exists, but was dropped before the classifier
    "misclassified",  # no box nearby has the object's class with a score at the threshold
    "mislocalised",  # such a box exists, but none overlaps the object by 0.5
    "suppressed",  # such a box exists, but was suppressed or matched another object
    "unknown",  # the traces lack the values
)
NO_PROPOSAL, NOT_CLASSIFIED, MISCLASSIFIED, MISLOCALISED, SUPPRESSED, UNKNOWN = range(6)
_ENOUGH = 0.5


@dataclass(frozen=True, eq=False)
class Misses:
    """The objects missed at a score threshold, by reason.

    Attributes
    ----------
    threshold
        True detections with at least this score find their objects.
    objects, found
        The number of objects that count, and of those that are found.
    counts
        The number of missed objects for each of REASONS, by name.
    class_names
        Names of the classes.
    class_objects
        (classes,) int64, number of objects that count.
    class_counts
        (classes, reasons) int64, number of missed objects.
    largest
        For each of REASONS, by name: rows of the largest missed objects in Dataset.all_truths, the
        largest first.
    reasons
        (M,) int8 by object: index into REASONS; -1 if the object is found or does not count.
    """

    threshold: float
    objects: int
    found: int
    counts: dict[str, int]
    class_names: tuple[str, ...]
    class_objects: np.ndarray
    class_counts: np.ndarray
    largest: dict[str, np.ndarray]
    reasons: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """Plain Python, without `reasons`."""
        result: dict[str, Any] = plain(self)
        del result["reasons"]
        return result


def explain_misses(
    traces: ObjectTraces,
    matches: Matches,
    table: DetectionTable,
    dataset: Dataset,
    threshold: float | None = None,
    *,
    most: int = 20,
) -> Misses:
    """The first stage of the pipeline at which each missed object was lost.

    Parameters
    ----------
    traces
        The record of the pipeline. An unknown IoU is skipped, and later stages decide; an unknown
        score makes the reason unknown if it is needed.
    threshold
        The lowest score that is kept; None for the one with the best F1 of all classes together.
        NaN (there is no such threshold) keeps nothing.
    most
        The number of rows in `largest` for each reason.
    """
    if threshold is None:
        threshold = best_overall(table, matches).threshold
    threshold = float(np.nan_to_num(threshold, nan=np.inf))
    truths, classes = dataset.all_truths, len(dataset.class_names)
    hit = (matches.outcomes == TRUE) & (table.scores >= threshold)
    found = np.zeros(len(truths), dtype=bool)
    found[matches.truths[hit]] = True
    missed = matches.counted & ~found

    reasons = np.full(len(truths), -1, dtype=np.int8)
    reasons[missed] = _reasons(traces, threshold)[missed]
    cells = truths.labels[missed] * len(REASONS) + reasons[missed]
    class_counts = np.bincount(cells, minlength=classes * len(REASONS)).reshape(classes, -1)
    by_size = np.argsort(-truths.areas, kind="stable")
    return Misses(
        threshold=threshold,
        objects=int(np.count_nonzero(matches.counted)),
        found=int(np.count_nonzero(found)),
        counts=dict(zip(REASONS, class_counts.sum(axis=0).tolist(), strict=True)),
        class_names=dataset.class_names,
        class_objects=np.bincount(truths.labels[matches.counted], minlength=classes),
        class_counts=class_counts,
        largest={
            name: by_size[reasons[by_size] == reason][:most] for reason, name in enumerate(REASONS)
        },
        reasons=reasons,
    )


def _reasons(traces: ObjectTraces, threshold: float) -> np.ndarray:
    """(M,) the first test that each object fails; comparisons with NaN are False."""
    tests = [
        (traces.proposal_iou < _ENOUGH, NO_PROPOSAL),
        (traces.region_iou < _ENOUGH, NOT_CLASSIFIED),
        (traces.near_score < threshold, MISCLASSIFIED),
        (np.isnan(traces.near_score), UNKNOWN),
        (traces.class_score < threshold, MISLOCALISED),
        (np.isnan(traces.class_score), UNKNOWN),
    ]
    conditions, choices = zip(*tests, strict=True)
    return np.select(conditions, choices, default=SUPPRESSED)
