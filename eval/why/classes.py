"""Figures of each class: average precision, counts, and the score threshold with the best F1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eval.curves import Curves
from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.matching import TRUE, Matches
from eval.operating.points import OperatingPoint, best_point
from eval.ranking import falling
from eval.why.average_precision import RULES, average_precisions, ranked
from eval.why.plain import plain


@dataclass(frozen=True, eq=False)
class ClassTable:
    """Figures of all classes, as arrays of length K in the data set's order.

    Attributes
    ----------
    names
        Names of the classes.
    average_precisions
        (K,) float64, at the IoU threshold of the matches; NaN without objects.
    objects, detections, true, false
        (K,) int64: objects that count; evaluated detections, and the true and the false ones among
        them. Ignored detections are left out.
    recalls
        (K,) float64, share of the objects found at any score; NaN without objects.
    f1, thresholds, f1_precisions, f1_recalls
        (K,) float64: the best F1 (2 * true / (kept + objects)) over all score thresholds, its
        threshold, and precision and recall there. NaN without objects or detections.
    overall
        The best F1 of all classes together, with a single threshold.
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
        """Plain Python; `overall` has threshold, precision, recall and f1."""
        return {**plain(self), "overall": plain(self.overall._asdict())}


def class_table(
    curves: Curves, table: DetectionTable, dataset: Dataset, matches: Matches
) -> ClassTable:
    """The figures of every class from its curve (see eval.curves.class_curves)."""
    entries = ranked(curves, matches, table, dataset)
    labels = np.repeat(np.arange(len(curves)), np.diff(entries.starts))
    true = np.bincount(labels[entries.true], minlength=len(curves))
    detections = np.diff(entries.starts)
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
        detections=detections,
        true=true,
        false=detections - true,
        recalls=recalls,
        f1=columns[3],
        thresholds=columns[0],
        f1_precisions=columns[1],
        f1_recalls=columns[2],
        overall=best_overall(table, matches),
    )


def best_overall(table: DetectionTable, matches: Matches) -> OperatingPoint:
    """The single score threshold with the best F1 of all classes together."""
    rows = np.flatnonzero(matches.evaluated)
    rows = rows[falling(table.scores[rows])]
    true = np.cumsum(matches.outcomes[rows] == TRUE)
    false = np.arange(1, len(rows) + 1) - true
    return best_point(table.scores[rows], true, false, int(np.count_nonzero(matches.counted)))
