"""Detections as they come from a file or a program -> checked arrays on a data set's indices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from eval.boxes import to_xywh, to_xyxy
from eval.datasets import Dataset


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
