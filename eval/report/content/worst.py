"""Which detections and objects show best where a detector goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.matching import FALSE, TRUE, Matches


@dataclass(frozen=True, eq=False)
class Working:
    """What a user sees who keeps the detections from one score on.

    Attributes
    ----------
    false, true
        Rows of the table, by falling score.
    missed
        Rows of all_truths: objects without a kept true detection, those that fill the largest
        part of their image first.
    """

    false: np.ndarray
    true: np.ndarray
    missed: np.ndarray


def at_working_point(
    table: DetectionTable, dataset: Dataset, matches: Matches, threshold: float
) -> Working:
    """The errors that remain at a working point.

    Parameters
    ----------
    threshold
        The lowest score kept; NaN keeps nothing.
    """
    kept = table.scores >= threshold
    order = np.argsort(-table.scores, kind="stable")
    true = order[(kept & (matches.outcomes == TRUE))[order]]
    false = order[(kept & (matches.outcomes == FALSE))[order]]
    found = np.zeros(len(matches.counted), dtype=bool)
    found[matches.truths[true]] = True
    missed = np.flatnonzero(matches.counted & ~found)
    share = share_of_image(dataset)
    return Working(false, true, missed[np.argsort(-share[missed], kind="stable")])


def one_for_each_image(
    rows: np.ndarray, images: np.ndarray, labels: np.ndarray, shown: set[int], per_class: int
) -> Iterator[tuple[int, int]]:
    """(row, image) in the order of `rows`, no image twice, no class more than `per_class` times.

    Parameters
    ----------
    images, labels
        Those of every row.
    shown
        Images not to be given; the caller adds what it has used.
    """
    given: dict[int, int] = {}
    for row in rows.tolist():
        image, label = int(images[row]), int(labels[row])
        if image not in shown and given.get(label, 0) < per_class:
            yield row, image
            given[label] = given.get(label, 0) + (image in shown)


def share_of_image(dataset: Dataset) -> np.ndarray:
    """(M,) float64: the part of its image's area that each object's box has."""
    sides = np.array([(image.width, image.height) for image in dataset.images], dtype=np.float64)
    areas = sides.reshape(-1, 2).prod(axis=1)[dataset.truth_images]
    boxes = dataset.all_truths.boxes_xywh
    share: np.ndarray = np.minimum(boxes[:, 2] * boxes[:, 3] / np.maximum(areas, 1), 1)
    return share
