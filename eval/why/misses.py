"""Where in a proposal pipeline the objects that were not found got lost."""

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
    "no proposal",  # no proposal overlaps the object by .5
    "not classified",  # one does, but was left out before the classifier
    "misclassified",  # no box nearby got the object's class at the threshold
    "mislocalised",  # one did, but none that overlaps by .5
    "suppressed",  # one did, but non-maximum suppression or another object took it away
    "unknown",  # the traces do not tell
)
NO_PROPOSAL, NOT_CLASSIFIED, MISCLASSIFIED, MISLOCALISED, SUPPRESSED, UNKNOWN = range(6)
_ENOUGH = 0.5


@dataclass(frozen=True, eq=False)
class Misses:
    """Objects not found at a score threshold, by the reason why.

    Attributes
    ----------
    threshold
        A true detection with at least this score finds its object.
    objects, found
        How many objects have to be found, and how many were.
    counts
        Number of missed objects for each of REASONS, by name.
    class_names
        Of the classes.
    class_objects
        (classes,) int64, objects that have to be found.
    class_counts
        (classes, reasons) int64.
    largest
        For each of REASONS, by name: rows of the objects in Dataset.all_truths, the largest
        first, which are the hardest to excuse.
    reasons
        (M,) int8 by object: index into REASONS, -1 where found or not to be found.
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
    """Why objects were missed: the first stage of the pipeline at which each got lost.

    Parameters
    ----------
    traces
        As the pipeline recorded them. An unknown IoU is passed over, later stages decide; an
        unknown score that is needed makes the reason unknown.
    threshold
        Lowest score shown; None for the one with the best F1 over all classes. NaN (nothing to
        show, so no such threshold) counts as above every score.
    most
        How many rows `largest` holds for each reason.
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
    """(M,) the first test that an object fails; comparisons with NaN are False."""
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
