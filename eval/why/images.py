"""The detections of each image by falling score, for analyses with a matching of their own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.matching import CUT, Matches
from eval.ranking import falling, group_rows
from rcnn_kernels import helper


@dataclass(frozen=True, eq=False)
class ByImage:
    """The detections of all images, image by image and by falling score.

    Attributes
    ----------
    rows
        (D,) int32, row in the table; equal scores keep the order of the table.
    starts
        (images + 1,) int64: image i owns detections starts[i] to starts[i + 1].
    boxes_xywh
        (D, 4) float64, 0-based continuous, pixels.
    labels
        (D,) int32.
    """

    rows: np.ndarray
    starts: np.ndarray
    boxes_xywh: np.ndarray
    labels: np.ndarray


def by_image(
    table: DetectionTable,
    dataset: Dataset,
    matches: Matches,
    *,
    threshold: float = -np.inf,
    most: int | None = None,
) -> ByImage:
    """The detections with a score >= threshold, at most the `most` highest of each image.

    Those that the protocol leaves out are not among them: on pairs of image and class that are not
    evaluated, or beyond its limit.
    """
    left_out = matches.excluded | (matches.outcomes == CUT)
    kept = np.flatnonzero((table.scores >= threshold) & ~left_out).astype(np.int32)
    rows, starts = group_rows(table.images, len(dataset), falling(table.scores, kept))
    if most is not None:
        rank = np.arange(len(rows)) - np.repeat(starts[:-1], np.diff(starts))
        rows = rows[rank < most]
        starts = np.concatenate([[0], np.cumsum(np.minimum(np.diff(starts), most))])
    labels = table.labels[rows].astype(np.int32)
    return ByImage(
        rows=rows,
        starts=starts,
        boxes_xywh=np.ascontiguousarray(table.boxes_xywh[rows], dtype=np.float64),
        labels=labels,
    )


@helper
def shared_area(boxes, i, others, j):  # type: ignore[no-untyped-def]
    """The area shared by boxes[i] and others[j]; boxes are [x, y, width, height]."""
    width = min(boxes[i, 0] + boxes[i, 2], others[j, 0] + others[j, 2])
    width -= max(boxes[i, 0], others[j, 0])
    height = min(boxes[i, 1] + boxes[i, 3], others[j, 1] + others[j, 3])
    height -= max(boxes[i, 1], others[j, 1])
    if not (width > 0 and height > 0):
        return 0.0
    return width * height


@helper
def overlap_xywh(boxes, i, others, j):  # type: ignore[no-untyped-def]
    """Intersection over union of boxes[i] and others[j], rounded as pycocotools does."""
    shared = shared_area(boxes, i, others, j)
    if shared == 0:
        return 0.0
    return shared / (boxes[i, 2] * boxes[i, 3] + others[j, 2] * others[j, 3] - shared)
