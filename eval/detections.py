"""Detections as they come from a file or a program -> checked arrays on a data set's indices."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from eval.boxes import to_xywh, to_xyxy
from eval.datasets import Dataset
from eval.detection_arrays import checked_table
from eval.errors import EvaluationError
from eval.records import Record

DetectionSource: TypeAlias = "str | os.PathLike[str] | Record | Sequence[Record] | DetectionTable"


@dataclass(frozen=True, eq=False)
class DetectionTable:
    """Detections of a whole data set, parallel arrays in file order, length N.

    Attributes
    ----------
    images, labels
        (N,) int32, indices into the data set's images and classes.
    boxes
        (N, 4) float64, pixels, as in the file.
    scores
        (N,) float64, finite.
    layout
        What the four numbers of a box mean, one of eval.boxes.LAYOUTS.
    source
        Name of the file.
    notes
        What the reader found odd, a sentence each.
    where
        A row's place in its file, where the reader knows it.
    """

    images: np.ndarray
    labels: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray
    layout: str = "xywh"
    source: str = "detections"
    notes: tuple[str, ...] = ()
    where: Callable[[int], str] | None = None

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def boxes_xywh(self) -> np.ndarray:
        """(N, 4) float64, 0-based continuous [x, y, width, height], pixels."""
        return to_xywh(self.boxes, self.layout)

    @property
    def boxes_xyxy(self) -> np.ndarray:
        """(N, 4) float64, 0-based continuous [x1, y1, x2, y2], pixels."""
        return to_xyxy(self.boxes, self.layout)

    def restrict(self, dataset: Dataset, to: Dataset) -> DetectionTable:
        """What of it lies on the images and classes of a part `to` of `dataset`."""
        image_index = to.image_index_by_id
        images = np.array([image_index.get(i.id, -1) for i in dataset.images], np.int32)
        label_of = {name: label for label, name in enumerate(to.class_names)}
        labels = np.array([label_of.get(name, -1) for name in dataset.class_names], np.int32)
        kept = (images[self.images] >= 0) & (labels[self.labels] >= 0)
        return replace(
            self,
            images=images[self.images[kept]],
            labels=labels[self.labels[kept]],
            boxes=self.boxes[kept],
            scores=self.scores[kept],
            where=None,
        )


def read_detections(detections: DetectionSource, dataset: Dataset) -> DetectionTable:
    """Read detections and find the image and class of the data set that each belongs to.

    Parameters
    ----------
    detections
        COCO results, a list of objects with image_id, category_id, bbox
        `[x, y, width, height]` and score; or a detections.json, an object with such a list
        under "annotations"; or the path of a JSON file with either, or of results in another
        format (see eval.formats). A DetectionTable is checked and returned.
    dataset
        The ground truth. An "images" list beside the annotations is matched to it by file name
        and a "categories" list by class name, whatever ids they use; without them, ids are the
        ground truth's own.

    Returns
    -------
    Detections in file order, without those of categories that the ground truth does not know;
    how many those were, and boxes with a negative side, stand in its notes.

    Raises
    ------
    EvaluationError
        Naming file, record and field: a missing or malformed field, a score or box that is
        not finite, an image that is not known; or no category at all is known. A table with
        arrays that do not fit each other or the data set.
    """
    from eval.formats import results_reader_of
    from eval.formats.results.coco import from_document, read_coco_results

    if not isinstance(dataset, Dataset):
        raise EvaluationError(
            f"the ground truth is a {type(dataset).__name__}; expected what read_dataset returns"
        )
    if isinstance(detections, DetectionTable):
        return checked_table(detections, dataset)
    if not isinstance(detections, (str, os.PathLike)):
        return from_document(detections, dataset, "detections")
    reader = results_reader_of(detections) or read_coco_results
    return reader(detections, dataset)
