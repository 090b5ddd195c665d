"""Average precision of every class from matches, with a weight for each image.

With a weight of 2, the objects and detections of an image count twice, with 0 not at all.
Resampling the images needs this hundreds of times. Plain average precision is the case of one image
with weight 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from eval.curves import Curves
from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.matching import FALSE, TRUE, Matches
from eval.ranking import group_rows
from eval.why.compiled import kernel


class Rule(NamedTuple):
    """How a protocol averages a curve.

    Attributes
    ----------
    recalls
        Rising float64, the recalls at which the precision envelope is averaged; empty for the area
        under the envelope.
    epsilon
        Added to the number of detections in the denominator of precision.
    """

    recalls: np.ndarray
    epsilon: float = 0.0


_AREA = Rule(np.empty(0))
RULES = {
    "voc": _AREA,
    "ilsvrc": _AREA,
    "voc2007": Rule(np.arange(11) * 0.1),
    "coco": Rule(np.linspace(0, 1, 101), float(np.spacing(1))),
}


@dataclass(frozen=True, eq=False)
class Ranked:
    """Evaluated detections by class and falling score, and the objects that count by class.

    Attributes
    ----------
    true
        (J,) bool; the others are false. Ignored detections are left out.
    images
        (J,) int32, the image of each detection.
    starts
        (classes + 1,) int64: class k owns detections starts[k] to starts[k + 1].
    object_images
        (C,) int32, the image of each object that counts.
    object_starts
        (classes + 1,) int64: class k owns objects object_starts[k] to object_starts[k + 1].
    """

    true: np.ndarray
    images: np.ndarray
    starts: np.ndarray
    object_images: np.ndarray
    object_starts: np.ndarray

    @property
    def plain(self) -> Ranked:
        """The same detections and objects, as if all were in one image."""
        images, object_images = np.zeros_like(self.images), np.zeros_like(self.object_images)
        return Ranked(self.true, images, self.starts, object_images, self.object_starts)


def ranked(curves: Curves, matches: Matches, table: DetectionTable, dataset: Dataset) -> Ranked:
    """Collect everything that average precision depends on."""
    outcomes = matches.outcomes[curves.rows]
    evaluated = (outcomes == TRUE) | (outcomes == FALSE)
    before = np.concatenate([[0], np.cumsum(evaluated)])
    objects = np.flatnonzero(matches.counted).astype(np.int32)
    labels = dataset.all_truths.labels
    objects, object_starts = group_rows(labels, len(dataset.class_names), objects)
    return Ranked(
        true=outcomes[evaluated] == TRUE,
        images=table.images[curves.rows[evaluated]].astype(np.int32),
        starts=before[curves.starts],
        object_images=dataset.truth_images[objects].astype(np.int32),
        object_starts=object_starts,
    )


def average_precisions(entries: Ranked, rule: Rule) -> np.ndarray:
    """(classes,) float64; NaN where no object counts."""
    result: np.ndarray = weighted(entries.plain, rule, np.ones((1, 1), dtype=np.int32))[0]
    return result


def weighted(entries: Ranked, rule: Rule, weights: np.ndarray) -> np.ndarray:
    """Average precision for several sets of weights at once.

    Parameters
    ----------
    weights
        (images, R) int32, how often each image counts in each of the R sets.

    Returns
    -------
    (R, classes) float64; NaN where a class has no objects in a set.
    """
    sets = weights.shape[1]
    result = np.empty((sets, len(entries.starts) - 1))
    _weighted(
        entries.true.astype(np.uint8),
        entries.images,
        entries.starts.astype(np.int64),
        entries.object_images,
        entries.object_starts.astype(np.int64),
        np.ascontiguousarray(weights, dtype=np.int32),
        np.ascontiguousarray(rule.recalls),
        rule.epsilon,
        np.empty((4, sets), dtype=np.int32),
        np.empty((2, sets)),
        result,
    )
    return result


@kernel("u1[1] i4[1] i8[1] i4[1] i8[1] i4[2] f8[1] f8 i4[2] f8[2] f8[2]")
def _weighted(  # type: ignore[no-untyped-def]
    true, images, starts, object_images, object_starts, weights, recalls, epsilon, counts, sums,
    result,
):  # fmt: skip
    """Go from the last detection of each class to the first, and carry the precision envelope.

    All copies of a true detection have the same envelope, because each copy raises precision.
    """
    sets = weights.shape[1]
    hits, misses, objects, below = counts[0], counts[1], counts[2], counts[3]
    best, total = sums[0], sums[1]
    for label in range(len(starts) - 1):
        begin, end = starts[label], starts[label + 1]
        counts[:, :] = 0
        sums[:, :] = 0
        for i in range(object_starts[label], object_starts[label + 1]):
            row = weights[object_images[i]]
            for s in range(sets):
                objects[s] += row[s]
        for i in range(begin, end):
            row = weights[images[i]]
            if true[i]:
                for s in range(sets):
                    hits[s] += row[s]
            else:
                for s in range(sets):
                    misses[s] += row[s]
        for s in range(sets):
            # The number of recalls that the curve reaches.
            left = len(recalls) if objects[s] > 0 and hits[s] + misses[s] > 0 else 0
            while left > 0 and recalls[left - 1] > hits[s] / objects[s]:
                left -= 1
            below[s] = left
        for i in range(end - 1, begin - 1, -1):
            row = weights[images[i]]
            if not true[i]:
                for s in range(sets):
                    misses[s] -= row[s]
            elif len(recalls) == 0:
                for s in range(sets):
                    # If no detections are left, both counts and the precision are 0.
                    best[s] = max(best[s], hits[s] / max(hits[s] + misses[s], 1))
                    total[s] += row[s] * best[s]
                    hits[s] -= row[s]
            else:
                for s in range(sets):
                    if row[s] > 0:
                        best[s] = max(best[s], hits[s] / (hits[s] + misses[s] + epsilon))
                        hits[s] -= row[s]
                        before = hits[s] / objects[s]
                        while below[s] > 0 and before < recalls[below[s] - 1]:
                            total[s] += best[s]
                            below[s] -= 1
        for s in range(sets):
            parts = objects[s] if len(recalls) == 0 else len(recalls)
            # Recall 0 is reached before the first true detection.
            value = (total[s] + below[s] * best[s]) / max(parts, 1)
            result[s, label] = value if objects[s] > 0 else np.nan
