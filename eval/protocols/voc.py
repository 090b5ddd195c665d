"""The PASCAL VOC protocol (devkit's VOCevaldet.m): matching at one IoU and average precision.

Which box convention: the devkit takes 1-based inclusive pixels [xmin, ymin, xmax, ymax], whose
width is xmax - xmin + 1. This project's boxes are continuous and 0-based, width x2 - x1. A VOC
box read as [xmin - 1, ymin - 1, xmax, ymax] has the same area and overlaps in both, so a data
set converted that way is scored exactly as the devkit scores it, with plus_one = 0. For boxes
that still are inclusive pixels, pass plus_one = 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class ClassCurve:
    """One class over all images; arrays in the order of falling score, length D.

    Attributes
    ----------
    truths
        Number of objects that count (not ignored).
    true_positive, false_positive
        (D,) bool; both False where the match is an ignored object.
    precision, recall
        (D,) float64. Recall is NaN throughout where truths is 0; precision is NaN up to the
        first detection that counts.
    """

    truths: int
    true_positive: np.ndarray
    false_positive: np.ndarray
    precision: np.ndarray
    recall: np.ndarray


@dataclass(frozen=True, eq=False)
class ImageBoxes:
    """Boxes of one class over many images, parallel arrays of length N.

    Attributes
    ----------
    boxes_xyxy
        (N, 4) float64.
    images
        (N,) int64, any ids.
    values
        (N,), the score of a detection (float64) or, for a ground-truth object, whether it is
        ignored (bool).
    """

    boxes_xyxy: np.ndarray
    images: np.ndarray
    values: np.ndarray


def class_curve(
    detections: ImageBoxes,
    truths: ImageBoxes,
    *,
    iou_threshold: float = 0.5,
    plus_one: float = 0.0,
) -> ClassCurve:
    """Match one class as VOCevaldet.m does and follow precision and recall down the scores.

    Detections are taken by falling score, equal scores in the order given. Each looks at the
    object of its image with the largest overlap (the first among equals), used or not: below
    the threshold it is false; on an ignored object it counts neither way; on an unused one it
    is true; on a used one it is false.
    """
    order = np.argsort(-detections.values, kind="stable")
    ranked = ImageBoxes(detections.boxes_xyxy[order], detections.images[order], order)
    target, overlap = _best_truth(ranked, truths, plus_one)
    hit = (target >= 0) & (overlap >= iou_threshold)
    ignored = np.zeros(len(order), dtype=bool)
    ignored[hit] = truths.values[target[hit]]
    true_positive = hit & ~ignored & _first_of_each(np.where(hit, target, -1))
    false_positive = ~true_positive & ~ignored
    found, wrong = np.cumsum(true_positive), np.cumsum(false_positive)
    count = int(np.count_nonzero(~truths.values.astype(bool)))
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = found / (found + wrong)
        recall = found / count if count else np.full(len(found), np.nan)
    return ClassCurve(count, true_positive, false_positive, precision, recall)


def area_average_precision(precision: np.ndarray, recall: np.ndarray) -> float:
    """Area under the precision envelope (VOC 2010 and later); 0 for empty arrays.

    Parameters
    ----------
    precision, recall
        (D,) along falling score; NaN precision is passed over.
    """
    recall_steps = np.concatenate([[0.0], recall, [1.0]])
    envelope = np.concatenate([[0.0], precision, [0.0]])
    envelope = np.fmax.accumulate(envelope[::-1])[::-1]
    return float(np.sum(np.diff(recall_steps) * envelope[1:]))


def eleven_point_average_precision(precision: np.ndarray, recall: np.ndarray) -> float:
    """Mean over recall 0, .1, ..., 1 of the best precision from there on (VOC 2007)."""
    known = ~np.isnan(precision)
    precision, recall = precision[known], recall[known]
    # i * .1 as in the devkit's 0:.1:1, where 3 * .1 is a hair above .3.
    best = [np.max(precision[recall >= step], initial=0.0) for step in np.arange(11) * 0.1]
    return float(np.mean(best))


AVERAGE_PRECISION: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "voc": area_average_precision,
    "voc2007": eleven_point_average_precision,
}


def average_precisions(
    detections: ImageBoxes,
    detection_labels: np.ndarray,
    truths: ImageBoxes,
    truth_labels: np.ndarray,
    classes: int,
    *,
    protocol: str = "voc",
    iou_threshold: float = 0.5,
    plus_one: float = 0.0,
) -> np.ndarray:
    """(classes,) float64 average precisions; NaN for a class without objects that count.

    A class with objects but no detections has 0. mAP is `np.nanmean` of the result.

    Parameters
    ----------
    detections, truths
        All classes together.
    detection_labels, truth_labels
        Their class indices, int64.
    protocol
        "voc" (area) or "voc2007" (11 points).
    plus_one
        Added to every side: 1 for inclusive integer pixels, 0 for continuous boxes.
    """
    precision_of = AVERAGE_PRECISION[protocol]
    result = np.full(classes, np.nan)
    for label in range(classes):
        curve = class_curve(
            _rows(detections, detection_labels == label),
            _rows(truths, truth_labels == label),
            iou_threshold=iou_threshold,
            plus_one=plus_one,
        )
        if curve.truths:
            result[label] = precision_of(curve.precision, curve.recall)
    return result


def overlaps(boxes_xyxy: np.ndarray, others_xyxy: np.ndarray, plus_one: float) -> np.ndarray:
    """(N, 4), (M, 4) -> (N, M) float64 intersection over union, sides lengthened by plus_one."""
    upper = np.minimum(boxes_xyxy[:, None, 2:], others_xyxy[None, :, 2:])
    lower = np.maximum(boxes_xyxy[:, None, :2], others_xyxy[None, :, :2])
    sides = np.maximum(upper - lower + plus_one, 0)
    shared = sides[..., 0] * sides[..., 1]
    areas = [np.prod(b[:, 2:] - b[:, :2] + plus_one, axis=1) for b in (boxes_xyxy, others_xyxy)]
    union = areas[0][:, None] + areas[1][None, :] - shared
    ratio: np.ndarray = np.divide(shared, union, out=np.zeros_like(shared), where=shared > 0)
    return ratio


def _best_truth(
    ranked: ImageBoxes, truths: ImageBoxes, plus_one: float
) -> tuple[np.ndarray, np.ndarray]:
    """Per detection: row of the truth it overlaps most (-1 without any) and that overlap."""
    target = np.full(len(ranked.images), -1, dtype=np.int64)
    overlap = np.zeros(len(ranked.images))
    by_image = np.argsort(ranked.images, kind="stable")
    truths_by_image = np.argsort(truths.images, kind="stable")
    images, first = np.unique(truths.images[truths_by_image], return_index=True)
    last = np.append(first[1:], len(truths.images))
    begin = np.searchsorted(ranked.images[by_image], images, side="left")
    end = np.searchsorted(ranked.images[by_image], images, side="right")
    for index in np.flatnonzero(end > begin):
        rows = by_image[begin[index] : end[index]]
        candidates = truths_by_image[first[index] : last[index]]
        table = overlaps(ranked.boxes_xyxy[rows], truths.boxes_xyxy[candidates], plus_one)
        best = np.argmax(table, axis=1)
        target[rows] = candidates[best]
        overlap[rows] = table[np.arange(len(rows)), best]
    return target, overlap


def _first_of_each(values: np.ndarray) -> np.ndarray:
    """(N,) bool: True where a value comes for the first time."""
    first = np.zeros(len(values), dtype=bool)
    first[np.unique(values, return_index=True)[1]] = True
    return first


def _rows(group: ImageBoxes, chosen: np.ndarray) -> ImageBoxes:
    return ImageBoxes(group.boxes_xyxy[chosen], group.images[chosen], group.values[chosen])
