"""Precision and recall of every class by falling score, and the area under the curve."""

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
    """The curve of one class: arrays of length D by falling score, ignored detections included.

    Attributes
    ----------
    rows
        (D,) int32, row of the detection in its table.
    scores
        (D,) float64.
    true, false
        (D,) int32, the number of true and of false detections so far.
    precision
        (D,) float64, true / (true + false); NaN where both are 0.
    recall
        (D,) float64, true / counted; NaN where no object counts.
    counted
        Number of objects that count.
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
    """The curves of all classes, one after the other in arrays of the same length.

    Attributes
    ----------
    rows, scores, true, false
        As in ClassCurve, for all classes.
    starts
        (classes + 1,) int64: class k owns starts[k] to starts[k + 1].
    counted
        (classes,) int64, number of objects that count.
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
        """The curve of one class (views, no copies)."""
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
        """(D,) float64, true / (true + false); NaN where both are 0."""
        with np.errstate(invalid="ignore"):
            return np.divide(self.true, self.true + self.false)

    @cached_property
    def recall(self) -> np.ndarray:
        """(D,) float64, true / counted; NaN where no object counts."""
        with np.errstate(invalid="ignore"):
            return np.divide(self.true, np.repeat(self.counted, np.diff(self.starts)))


def class_curves(matches: Matches, table: DetectionTable, dataset: Dataset) -> Curves:
    """The curves of all classes; detections that were CUT are left out.

    Equal scores are ordered as in the official programs: for VOC as in the file, otherwise image
    by image (by index, for COCO and LVIS by rising id) and within an image as in the file. NaN
    scores, which only unchecked tables contain, come last, for ILSVRC first.
    """
    rows = np.flatnonzero(matches.outcomes != CUT).astype(np.int32)
    images = table.images
    if matches.protocol in ("coco", "lvis"):
        images = inverse(rising([image.id for image in dataset.images]))[images]
    if matches.protocol not in ("voc", "voc2007") and (np.diff(images) < 0).any():
        rows, _ = group_rows(images, len(dataset), rows)
    ordered = falling(table.scores, rows, nan_first=matches.protocol == "ilsvrc")
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
        (D,) float64 by falling score. NaN precision is skipped; NaN recall gives NaN. Without
        detections the area is 0.
    """
    steps = np.diff(np.concatenate([[0.0], recall, [1.0]]))
    envelope = np.fmax.accumulate(np.concatenate([precision, [0.0]])[::-1])[::-1]
    # cumsum adds in sequence where np.sum adds in pairs: the official sum to the last bit.
    return float(np.cumsum(steps * envelope)[-1])


def eleven_points(precision: np.ndarray, recall: np.ndarray) -> float:
    """Mean of the best precision at a recall of at least 0, 0.1, ..., 1 (VOC 2007).

    Parameters
    ----------
    precision, recall
        (D,) float64 by falling score. As in VOCevaldet.m, NaN precision is skipped, but if all
        is NaN so is the result; NaN recall gives 0.
    """
    if np.isnan(recall).any():
        return 0.0
    # i * 0.1 as Octave computes 0:.1:1; 3, 6 and 7 times 0.1 are slightly above 0.3, 0.6 and 0.7.
    first = np.searchsorted(recall, np.arange(11) * 0.1, side="left")
    envelope = np.fmax.accumulate(precision[::-1])[::-1]
    best = np.append(envelope, 0.0)[first]
    return float(np.cumsum(best / 11)[-1])


def area_average_precisions(curves: Curves) -> np.ndarray:
    """(classes,) float64, the area under the curve of each class; NaN where no object counts."""
    areas = [area_under(curve.precision, curve.recall) for curve in _each(curves)]
    return np.where(curves.counted > 0, areas, np.nan)


def eleven_point_average_precisions(curves: Curves) -> np.ndarray:
    """(classes,) float64, the eleven-point mean of each class; NaN where no object counts."""
    means = [eleven_points(curve.precision, curve.recall) for curve in _each(curves)]
    # A mean is NaN if every detection of the class was ignored: none of its objects was found.
    return np.where(curves.counted > 0, np.nan_to_num(means), np.nan)


def _each(curves: Curves) -> list[ClassCurve]:
    return [curves[label] for label in range(len(curves))]


def _running_count(flags: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """(D,) int32: the number of flags so far within each group."""
    total = np.concatenate([[0], np.cumsum(flags, dtype=np.int32)]).astype(np.int32)
    before: np.ndarray = np.repeat(total[starts[:-1]], np.diff(starts))
    return total[1:] - before
