"""Detections as arrays that refer to the images and classes of a data set by index."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from eval.boxes import LAYOUTS, to_xywh, to_xyxy
from eval.datasets import Dataset
from eval.errors import EvaluationError

# Accepted kinds of dtype, and how error messages call them.
KINDS = {
    "boxes": ("iuf", "numbers"),
    "scores": ("iuf", "numbers"),
    "images": ("iu", "whole numbers"),
    "labels": ("iu", "whole numbers"),
}


@dataclass(frozen=True, eq=False)
class DetectionTable:
    """Detections on a whole data set, as parallel arrays of length N in file order.

    Attributes
    ----------
    images, labels
        (N,) int32, indices into the data set's images and classes.
    boxes
        (N, 4) float64, pixels, in the layout of the file.
    scores
        (N,) float64, finite.
    layout
        What the four numbers of a box mean, one of eval.boxes.LAYOUTS.
    source
        Name of the file.
    notes
        Oddities that the reader noticed, one sentence each.
    where
        Describes the place of a row in its file; None if unknown.
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
        """The detections on the images and classes of `to`, which is a part of `dataset`."""
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


def checked_table(table: DetectionTable, dataset: Dataset) -> DetectionTable:
    """The table in the dtypes that compiled code expects, with indices inside the data set.

    Raises
    ------
    EvaluationError
        The message names the array: wrong type, shape or dtype, an index outside the data set,
        a number that is not finite, or an unknown layout.
    """
    source = table.source
    if table.layout not in LAYOUTS:
        known = ", ".join(LAYOUTS)
        raise EvaluationError(
            f"{source}: layout {table.layout!r} is unknown; expected one of {known}"
        )
    for name in KINDS:
        _check_kind(table, name)
    for name in KINDS:
        _check_shape(table, name)
    _check_indices(table.images, f"{source}: images", len(dataset))
    _check_indices(table.labels, f"{source}: labels", len(dataset.class_names))
    _check_finite(table.boxes, f"{source}: boxes")
    _check_finite(table.scores, f"{source}: scores")
    return replace(
        table,
        boxes=np.ascontiguousarray(table.boxes, dtype=np.float64),
        scores=np.ascontiguousarray(table.scores, dtype=np.float64),
        images=np.ascontiguousarray(table.images, dtype=np.int32),
        labels=np.ascontiguousarray(table.labels, dtype=np.int32),
    )


def _check_kind(table: DetectionTable, name: str) -> None:
    array, (kinds, words) = getattr(table, name), KINDS[name]
    if not isinstance(array, np.ndarray):
        raise EvaluationError(
            f"{table.source}: {name}: expected an array; got {type(array).__name__}"
        )
    if array.dtype.kind not in kinds:
        raise EvaluationError(f"{table.source}: {name} of dtype {array.dtype}; expected {words}")


def _check_shape(table: DetectionTable, name: str) -> None:
    shape = getattr(table, name).shape
    if name == "boxes" and (len(shape) != 2 or shape[1] != 4):
        raise EvaluationError(f"{table.source}: boxes of shape {shape}; expected (N, 4)")
    if name != "boxes" and shape != (len(table.boxes),):
        raise EvaluationError(
            f"{table.source}: {name} of shape {shape}; expected ({len(table.boxes)},), one "
            "for each box"
        )


def _check_indices(indices: np.ndarray, what: str, count: int) -> None:
    if len(indices) and not (indices.min() >= 0 and indices.max() < count):
        bad = int(np.argmax((indices < 0) | (indices >= count)))
        raise EvaluationError(
            f"{what}[{bad}] is {indices[bad]}; expected at least 0 and below {count}"
        )


def _check_finite(numbers: np.ndarray, what: str) -> None:
    finite = np.isfinite(numbers)
    if not finite.all():
        bad = int(np.argmin(finite.reshape(len(numbers), -1).all(axis=1)))
        raise EvaluationError(f"{what}[{bad}] is {numbers[bad].tolist()}; expected finite numbers")
