"""Average precision of every class from matches: the protocol's, and one without its small bias.

The average precision of a few images tends to lie above that of many images of the same kind. The
precision at a found object counts that object itself, and the envelope takes the best of the
precisions that follow, which is often the luckiest. The cross-validated average precision has
neither fault: it takes the precision at a found object from the other images alone. It agrees with
the area under the curve for infinitely many images if precision falls with recall.
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


AREA = Rule(np.empty(0))
_POINTS = Rule(np.linspace(0, 1, 101), float(np.spacing(1)))
RULES = {
    "voc": AREA,
    "ilsvrc": AREA,
    "open_images": AREA,
    "open_images_v2": AREA,
    "voc2007": Rule(np.arange(11) * 0.1),
    "coco": _POINTS,
    "lvis": _POINTS,
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
    result = np.empty(len(entries.starts) - 1)
    _average_precisions(
        entries.true.astype(np.uint8),
        entries.starts.astype(np.int64),
        entries.object_starts.astype(np.int64),
        np.ascontiguousarray(rule.recalls),
        rule.epsilon,
        result,
    )
    return result


def cross_validated(entries: Ranked, members: np.ndarray) -> np.ndarray:
    """Average precision whose precision at each found object comes from the other images.

    Parameters
    ----------
    members
        (images, R) bool, the images that belong to each of R parts of the data set.

    Returns
    -------
    (R, classes) float64; NaN where a class has no objects in a part. Where the other images have no
    detections with at least that score, the precision in the object's own image takes their place.
    """
    images, parts = members.shape
    result = np.empty((parts, len(entries.starts) - 1))
    _cross_validated(
        entries.true.astype(np.uint8),
        entries.images,
        entries.starts.astype(np.int64),
        entries.object_images,
        entries.object_starts.astype(np.int64),
        np.ascontiguousarray(members, dtype=np.uint8),
        np.empty((2, images), dtype=np.int32),
        np.empty((3, parts), dtype=np.int32),
        np.empty(parts),
        result,
    )
    return result


@kernel("u1[1] i8[1] i8[1] f8[1] f8 f8[1]")
def _average_precisions(  # type: ignore[no-untyped-def]
    true, starts, object_starts, recalls, epsilon, result
):
    """Go from the last detection of each class to the first, and carry the precision envelope."""
    for label in range(len(starts) - 1):
        begin, end = starts[label], starts[label + 1]
        objects = object_starts[label + 1] - object_starts[label]
        if objects == 0:
            result[label] = np.nan
            continue
        hits = 0
        for i in range(begin, end):
            hits += true[i]
        # The number of recalls that the curve reaches.
        left = len(recalls) if end > begin else 0
        while left > 0 and recalls[left - 1] > hits / objects:
            left -= 1
        best, total = 0.0, 0.0
        for i in range(end - 1, begin - 1, -1):
            if not true[i]:
                continue
            best = max(best, hits / (i - begin + 1 + epsilon))
            hits -= 1
            if len(recalls) == 0:
                total += best
            while left > 0 and hits / objects < recalls[left - 1]:
                total += best
                left -= 1
        # Recall 0 is reached before the first true detection.
        parts = objects if len(recalls) == 0 else len(recalls)
        result[label] = (total + left * best) / parts


@kernel("u1[1] i4[1] i8[1] i4[1] i8[1] u1[2] i4[2] i4[2] f8[1] f8[2]")
def _cross_validated(  # type: ignore[no-untyped-def]
    true, images, starts, object_images, object_starts, members, own, counts, total, result
):
    """Go through each class by falling score; count detections in each image and in each part."""
    parts = members.shape[1]
    hits, seen, objects = counts[0], counts[1], counts[2]
    for label in range(len(starts) - 1):
        begin, end = starts[label], starts[label + 1]
        counts[:, :] = 0
        total[:] = 0
        for i in range(object_starts[label], object_starts[label + 1]):
            row = members[object_images[i]]
            for s in range(parts):
                objects[s] += row[s]
        for i in range(begin, end):
            own[:, images[i]] = 0
        for i in range(begin, end):
            image = images[i]
            row = members[image]
            own[0, image] += true[i]
            own[1, image] += 1
            own_hits, own_seen = own[0, image], own[1, image]
            for s in range(parts):
                seen[s] += row[s]
            if true[i]:
                inside = own_hits / own_seen
                for s in range(parts):
                    hits[s] += row[s]
                    if row[s] > 0:
                        others = seen[s] - own_seen
                        total[s] += (hits[s] - own_hits) / others if others > 0 else inside
        for s in range(parts):
            result[s, label] = total[s] / objects[s] if objects[s] > 0 else np.nan
