"""Precision, recall, F1 and counts at a score, and the score with the best F1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from eval.curves import Curves
from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.errors import EvaluationError
from eval.matching import FALSE, TRUE, Matches
from eval.wording import fraction


class OperatingPoint(NamedTuple):
    """The figures of a detector that keeps scores >= threshold; all NaN where unknown."""

    threshold: float
    precision: float
    recall: float
    f1: float


class Counted(NamedTuple):
    """The outcome of the detections that are kept: counts, and the figures computed from them.

    precision is NaN without detections, recall without objects, f1 without both.
    """

    true: int
    false: int
    missed: int

    @property
    def precision(self) -> float:
        return _ratio(self.true, self.true + self.false)

    @property
    def recall(self) -> float:
        return _ratio(self.true, self.true + self.missed)

    @property
    def f1(self) -> float:
        return _ratio(2 * self.true, 2 * self.true + self.false + self.missed)


@dataclass(frozen=True, eq=False)
class AtScores:
    """A detector that keeps the scores from a threshold on, which may differ between classes.

    Attributes
    ----------
    iou_threshold
        The IoU from which a detection is true.
    thresholds
        The lowest score of each class, by class name; -inf keeps all.
    classes
        The outcome of each class, by class name.
    overall
        The outcome of all classes together.
    """

    iou_threshold: float
    thresholds: dict[str, float]
    classes: dict[str, Counted]
    overall: Counted

    def table(self) -> str:
        """The counts and figures as aligned text; a dash for NaN."""
        width = max(map(len, ("all classes", *self.classes)))
        scores = set(self.thresholds.values())
        several = len(scores) > 1
        shown = "Scores of each class" if several else f"Scores from {next(iter(scores), 0):.6g} on"
        names = ("score",) * several + ("precision", "recall", "F1", "TP", "FP", "FN")
        sizes = [max(len(name), 6) for name in names]

        def line(first: str, cells: tuple[str, ...]) -> str:
            padded = (f"{cell:>{size}}" for cell, size in zip(cells, sizes, strict=True))
            return "  ".join([f"{first:<{width}}", *padded])

        def figures(one: Counted, score: str) -> tuple[str, ...]:
            shares = (fraction(one.precision), fraction(one.recall), fraction(one.f1))
            return ((score,) if several else ()) + (*shares, *(f"{count:,}" for count in one))

        lines = [
            f"{shown[0].upper()}{shown[1:]}, IoU {self.iou_threshold:.6g}",
            line("class", names),
        ]
        lines += [
            line(name, figures(one, f"{self.thresholds[name]:.6g}"))
            for name, one in self.classes.items()
        ]
        return "\n".join([*lines, line("all classes", figures(self.overall, ""))])


def at_scores(
    matches: Matches, table: DetectionTable, dataset: Dataset, thresholds: np.ndarray
) -> AtScores:
    """Count the detections whose score is at least the threshold of their class.

    Ignored detections, and those beyond a protocol's limit, count as neither true nor false.

    Parameters
    ----------
    thresholds
        (classes,) float64 by label.
    """
    names, classes = dataset.class_names, len(dataset.class_names)
    kept = table.scores >= thresholds[table.labels]
    true = np.bincount(table.labels[kept & (matches.outcomes == TRUE)], minlength=classes)
    false = np.bincount(table.labels[kept & (matches.outcomes == FALSE)], minlength=classes)
    objects = np.bincount(dataset.all_truths.labels[matches.counted], minlength=classes)
    rows = np.stack([true, false, objects - true], axis=1)
    return AtScores(
        matches.iou_threshold,
        dict(zip(names, thresholds.tolist(), strict=True)),
        {name: Counted(*row) for name, row in zip(names, rows.tolist(), strict=True)},
        Counted(*rows.sum(axis=0).tolist()),
    )


def by_label(
    class_names: tuple[str, ...], threshold: float, by_class: Mapping[str, float] | None
) -> np.ndarray:
    """(classes,) float64: the threshold of each class, `threshold` for those not in `by_class`.

    Raises
    ------
    EvaluationError
        A name is no class of the data set.
    """
    thresholds = np.full(len(class_names), threshold, dtype=np.float64)
    for name, value in (by_class or {}).items():
        if name not in class_names:
            known = ", ".join(class_names)[:160]
            raise EvaluationError(f"threshold of {name!r}: no such class; there are {known}")
        thresholds[class_names.index(name)] = value
    return thresholds


def best_thresholds(curves: Curves, class_names: tuple[str, ...]) -> dict[str, float]:
    """The score threshold with the best F1 of each class; NaN without objects or detections.

    Of all thresholds that keep the same detections, one with few digits about the middle is chosen,
    so that scores that are rounded differently are kept alike.
    """
    chosen = {}
    for label, name in enumerate(class_names):
        curve = curves[label]
        best = best_point(curve.scores, curve.true, curve.false, curve.counted).threshold
        lower = curve.scores[curve.scores < best]
        chosen[name] = _between(float(lower[0]) if len(lower) else np.nan, best)
    return chosen


def best_point(
    scores: np.ndarray, true: np.ndarray, false: np.ndarray, counted: int
) -> OperatingPoint:
    """The score threshold with the best F1; of equal ones the highest.

    Parameters
    ----------
    scores
        (D,) float64, falling.
    true, false
        (D,) the number of true and of false detections so far.
    counted
        Number of objects that count.
    """
    # A threshold keeps all detections of the same score or none of them.
    ends = np.flatnonzero(np.append(scores[1:] != scores[:-1], len(scores) > 0))
    ends = ends[(true[ends] + false[ends] > 0) & ~np.isnan(scores[ends])]
    if not counted or not len(ends):
        return OperatingPoint(np.nan, np.nan, np.nan, np.nan)
    kept = true[ends] + false[ends]
    f1 = 2 * true[ends] / (kept + counted)
    best = int(np.argmax(f1))
    hits = float(true[ends[best]])
    return OperatingPoint(
        float(scores[ends[best]]), hits / float(kept[best]), hits / counted, float(f1[best])
    )


def _between(low: float, high: float) -> float:
    """A number with few digits above `low`, by default 1 % below `high`, and below `high`."""
    if np.isnan(high):
        return high
    if np.isnan(low):
        low = high - 0.01 * (abs(high) or 1.0)
    for digits in range(1, 16):
        number = round(low + (high - low) / 2, digits)
        if low < number < high:
            return number
    return high


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
