"""One line a class: average precision, counts, and the score threshold that suits it best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from eval.curves import Curves
from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.matching import FALSE, TRUE, Matches
from eval.ranking import falling
from eval.why.average_precision import RULES, average_precisions, ranked
from eval.why.plain import plain


class OperatingPoint(NamedTuple):
    """What a detector does when only scores >= threshold are shown; all NaN where unknown."""

    threshold: float
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, eq=False)
class ClassTable:
    """All classes, arrays of one length K in the data set's order.

    Attributes
    ----------
    names
        Of the classes.
    average_precisions
        (K,) float64 at the matches' IoU threshold by the protocol's rule; NaN without objects.
    objects, detections, true, false
        (K,) int64: objects that have to be found; detections that were judged, and how many of
        them were true and false; the rest was passed over.
    recalls
        (K,) float64, share of the objects found by all detections; NaN without objects.
    f1, thresholds, f1_precisions, f1_recalls
        (K,) float64: the best F1 (2 * true / (shown + objects)) among all score thresholds, the
        threshold, and precision and recall there. NaN without objects or detections.
    overall
        The same point for all classes pooled, with one threshold.
    """

    names: tuple[str, ...]
    average_precisions: np.ndarray
    objects: np.ndarray
    detections: np.ndarray
    true: np.ndarray
    false: np.ndarray
    recalls: np.ndarray
    f1: np.ndarray
    thresholds: np.ndarray
    f1_precisions: np.ndarray
    f1_recalls: np.ndarray
    overall: OperatingPoint

    def to_dict(self) -> dict[str, Any]:
        """Plain Python; `overall` is an object with threshold, precision, recall and f1."""
        return {**plain(self), "overall": plain(self.overall._asdict())}


def class_table(
    curves: Curves, table: DetectionTable, dataset: Dataset, matches: Matches
) -> ClassTable:
    """Average precision and counts of every class; `curves` as from curves.class_curves."""
    entries = ranked(curves, matches, table, dataset)
    labels = np.repeat(np.arange(len(curves)), np.diff(entries.starts))
    true = np.bincount(labels[entries.true], minlength=len(curves))
    judged = np.diff(entries.starts)
    with np.errstate(invalid="ignore"):
        recalls = np.where(curves.counted > 0, true / curves.counted, np.nan)
    points = [
        best_point(curve.scores, curve.true, curve.false, curve.counted)
        for curve in (curves[label] for label in range(len(curves)))
    ]
    columns = np.array(points).reshape(-1, 4).T
    return ClassTable(
        names=dataset.class_names,
        average_precisions=average_precisions(entries, RULES[matches.protocol]),
        objects=curves.counted,
        detections=judged,
        true=true,
        false=judged - true,
        recalls=recalls,
        f1=columns[3],
        thresholds=columns[0],
        f1_precisions=columns[1],
        f1_recalls=columns[2],
        overall=best_overall(table, matches),
    )


def best_overall(table: DetectionTable, matches: Matches) -> OperatingPoint:
    """The one score threshold for all classes whose pooled F1 is best."""
    judged = np.flatnonzero((matches.outcomes == TRUE) | (matches.outcomes == FALSE))
    judged = judged[falling(table.scores[judged])]
    true = np.cumsum(matches.outcomes[judged] == TRUE)
    false = np.arange(1, len(judged) + 1) - true
    return best_point(table.scores[judged], true, false, int(np.count_nonzero(matches.counted)))


def best_point(
    scores: np.ndarray, true: np.ndarray, false: np.ndarray, counted: int
) -> OperatingPoint:
    """The threshold with the best F1; among equals the highest.

    Parameters
    ----------
    scores
        (D,) float64, falling.
    true, false
        (D,) how many were true and false so far.
    counted
        Objects that have to be found.
    """
    # A threshold shows all detections of one score or none.
    ends = np.flatnonzero(np.append(scores[1:] != scores[:-1], len(scores) > 0))
    ends = ends[(true[ends] + false[ends] > 0) & ~np.isnan(scores[ends])]
    if not counted or not len(ends):
        return OperatingPoint(np.nan, np.nan, np.nan, np.nan)
    shown = true[ends] + false[ends]
    f1 = 2 * true[ends] / (shown + counted)
    best = int(np.argmax(f1))
    hits = float(true[ends[best]])
    return OperatingPoint(
        float(scores[ends[best]]), hits / float(shown[best]), hits / counted, float(f1[best])
    )
