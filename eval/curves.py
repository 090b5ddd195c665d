"""Precision and recall of every class down its scores, and the area under them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.matching import CUT, FALSE, TRUE, Matches
from eval.ranking import falling, group_rows, inverse, rising


class ClassCurve(NamedTuple):
    """One class; arrays of length D by falling score, detections that were passed over included.

    Attributes
    ----------
    rows
        (D,) int32, row of the detection in its table.
    scores
        (D,) float64.
    true, false
        (D,) int32, how many were true and false so far.
    precision
        (D,) float64, true / (true + false); NaN until a detection counts.
    recall
        (D,) float64, true / counted; NaN where no object counts.
    counted
        Number of objects that have to be found.
    """

    rows: np.ndarray
    scores: np.ndarray
    true: np.ndarray
    false: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    counted: int


@dataclass(frozen=True, eq=False)
class Curves:
    """All classes in arrays of one length: those of class 0, then of class 1, ...

    Attributes
    ----------
    rows, scores, true, false
        As in ClassCurve, of all classes.
    starts
        (classes + 1,) int64: class k owns starts[k] to starts[k + 1].
    counted
        (classes,) int64, objects that have to be found.
    """

    rows: np.ndarray
    scores: np.ndarray
    true: np.ndarray
    false: np.ndarray
    starts: np.ndarray
    counted: np.ndarray

    def __len__(self) -> int:
        return len(self.counted)

    def __getitem__(self, label: int) -> ClassCurve:
        """One class's curve (views, no copies)."""
        if not 0 <= label < len(self):
            raise IndexError(f"class {label} outside 0..{len(self) - 1}")
        own = slice(int(self.starts[label]), int(self.starts[label + 1]))
        return ClassCurve(
            self.rows[own],
            self.scores[own],
            self.true[own],
            self.false[own],
            self.precision[own],
            self.recall[own],
            int(self.counted[label]),
        )

    @cached_property
    def precision(self) -> np.ndarray:
        """(D,) float64, true / (true + false); NaN until a detection of the class counts."""
        with np.errstate(invalid="ignore"):
            return np.divide(self.true, self.true + self.false)

    @cached_property
    def recall(self) -> np.ndarray:
        """(D,) float64, true / counted; NaN where no object counts."""
        with np.errstate(invalid="ignore"):
            return np.divide(self.true, np.repeat(self.counted, np.diff(self.starts)))


def class_curves(matches: Matches, table: DetectionTable, dataset: Dataset) -> Curves:
    """Follow each class down its scores.

    Equal scores come image by image (by index, COCO's by rising id) and within an image as in
    the file; VOC's as in the file. NaN, which only unchecked tables hold, comes last, ILSVRC's
    first; both as in the official programs. Detections that were CUT are left out.
    """
    judged = np.flatnonzero(matches.outcomes != CUT).astype(np.int32)
    images = table.images
    if matches.protocol == "coco":
        images = inverse(rising([image.id for image in dataset.images]))[images]
    if matches.protocol not in ("voc", "voc2007") and (np.diff(images) < 0).any():
        judged, _ = group_rows(images, len(dataset), judged)
    ordered = falling(table.scores, judged, nan_first=matches.protocol == "ilsvrc")
    classes = len(dataset.class_names)
    rows, starts = group_rows(table.labels, classes, ordered)
    outcomes = matches.outcomes[rows]
    return Curves(
        rows=rows,
        scores=table.scores[rows],
        true=_running_count(outcomes == TRUE, starts),
        false=_running_count(outcomes == FALSE, starts),
        starts=starts,
        counted=np.bincount(dataset.all_truths.labels[matches.counted], minlength=classes),
    )


def area_under(precision: np.ndarray, recall: np.ndarray) -> float:
    """Area under the precision envelope (VOC 2010 and later, ILSVRC), as VOCap.m computes it.

    Parameters
    ----------
    precision, recall
        (D,) float64 down the scores. NaN precision is passed over; NaN recall gives NaN.
        Without detections the area is 0.
    """
    steps = np.diff(np.concatenate([[0.0], recall, [1.0]]))
    envelope = np.fmax.accumulate(np.concatenate([precision, [0.0]])[::-1])[::-1]
    # One after the other, not in pairs as np.sum: the official sum to the last bit.
    return float(np.cumsum(steps * envelope)[-1])


def eleven_points(precision: np.ndarray, recall: np.ndarray) -> float:
    """Mean over recall 0, .1, ..., 1 of the best precision from there on (VOC 2007).

    Parameters
    ----------
    precision, recall
        (D,) float64 down the scores. As in VOCevaldet.m, NaN precision is passed over unless
        there is nothing else, which gives NaN; nothing reaches past NaN recall, which gives 0.
    """
    if np.isnan(recall).any():
        return 0.0
    # i * .1 as Octave counts 0:.1:1; 3, 6 and 7 times .1 are a hair above .3, .6 and .7.
    first = np.searchsorted(recall, np.arange(11) * 0.1, side="left")
    envelope = np.fmax.accumulate(precision[::-1])[::-1]
    best = np.append(envelope, 0.0)[first]
    return float(np.cumsum(best / 11)[-1])


def area_average_precisions(curves: Curves) -> np.ndarray:
    """(classes,) float64, area_under each class's curve; NaN where no object counts."""
    areas = [area_under(curve.precision, curve.recall) for curve in _each(curves)]
    return np.where(curves.counted > 0, areas, np.nan)


def eleven_point_average_precisions(curves: Curves) -> np.ndarray:
    """(classes,) float64, eleven_points of each class's curve; NaN where no object counts."""
    means = [eleven_points(curve.precision, curve.recall) for curve in _each(curves)]
    # NaN here: every detection of the class was passed over, so none of its objects was found.
    return np.where(curves.counted > 0, np.nan_to_num(means), np.nan)


def _each(curves: Curves) -> list[ClassCurve]:
    return [curves[label] for label in range(len(curves))]


def _running_count(flags: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """(D,) int32: number of flags so far in each group."""
    total = np.concatenate([[0], np.cumsum(flags, dtype=np.int32)]).astype(np.int32)
    before: np.ndarray = np.repeat(total[starts[:-1]], np.diff(starts))
    return total[1:] - before
