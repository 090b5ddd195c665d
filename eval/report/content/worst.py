"""Choose the detections and objects that show the errors of a detector best."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.matching import FALSE, TRUE, Matches


@dataclass(frozen=True, eq=False)
class AtThreshold:
    """The detections kept at a score threshold, and the objects that they miss.

    Attributes
    ----------
    false, true
        Rows of the table by falling score.
    missed
        Rows of all_truths: objects without a true detection that is kept; those that fill the
        largest share of their image come first.
    """

    false: np.ndarray
    true: np.ndarray
    missed: np.ndarray


def at_threshold(
    table: DetectionTable, dataset: Dataset, matches: Matches, threshold: float
) -> AtThreshold:
    """Sort the detections and objects by their outcome at a score threshold.

    Parameters
    ----------
    threshold
        The lowest score that is kept; NaN keeps nothing.
    """
    kept = table.scores >= threshold
    order = np.argsort(-table.scores, kind="stable")
    true = order[(kept & (matches.outcomes == TRUE))[order]]
    false = order[(kept & (matches.outcomes == FALSE))[order]]
    found = np.zeros(len(matches.counted), dtype=bool)
    found[matches.truths[true]] = True
    missed = np.flatnonzero(matches.counted & ~found)
    share = share_of_image(dataset)
    return AtThreshold(false, true, missed[np.argsort(-share[missed], kind="stable")])


def one_for_each_image(
    rows: np.ndarray, images: np.ndarray, labels: np.ndarray, shown: set[int], per_class: int
) -> Iterator[tuple[int, int]]:
    """Yield (row, image) in the order of `rows`: each image once, each class `per_class` times.

    Parameters
    ----------
    images, labels
        The image and the label of every row.
    shown
        Images to skip; the caller adds those that it has used.
    """
    used: dict[int, int] = {}
    for row in rows.tolist():
        image, label = int(images[row]), int(labels[row])
        if image not in shown and used.get(label, 0) < per_class:
            yield row, image
            used[label] = used.get(label, 0) + (image in shown)


def share_of_image(dataset: Dataset) -> np.ndarray:
    """(M,) float64: the share of its image that the box of each object covers."""
    sides = np.array([(image.width, image.height) for image in dataset.images], dtype=np.float64)
    areas = sides.reshape(-1, 2).prod(axis=1)[dataset.truth_images]
    boxes = dataset.all_truths.boxes_xywh
    share: np.ndarray = np.minimum(boxes[:, 2] * boxes[:, 3] / np.maximum(areas, 1), 1)
    return share
