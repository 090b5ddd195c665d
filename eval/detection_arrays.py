"""Tables of detections made by programs: do their arrays fit each other and the data set?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from eval.boxes import LAYOUTS
from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.errors import EvaluationError

# Kinds of dtype that can be taken, and their name.
KINDS = {
    "boxes": ("iuf", "numbers"),
    "scores": ("iuf", "numbers"),
    "images": ("iu", "whole numbers"),
    "labels": ("iu", "whole numbers"),
}


def checked_table(table: DetectionTable, dataset: Dataset) -> DetectionTable:
    """The table in the dtypes that compiled code takes; its indices are safe to follow.

    Raises
    ------
    EvaluationError
        Naming the array: no array or one of another shape or kind, an index outside the data
        set, a number that is not finite, an unknown layout.
    """
    source = table.source
    if table.layout not in LAYOUTS:
        known = ", ".join(LAYOUTS)
        raise EvaluationError(f"{source}: layout {table.layout!r} is not one of {known}")
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
            f"{table.source}: {name} is a {type(array).__name__}; expected an array"
        )
    if array.dtype.kind not in kinds:
        raise EvaluationError(f"{table.source}: {name} of dtype {array.dtype}; expected {words}")


def _check_shape(table: DetectionTable, name: str) -> None:
    shape = getattr(table, name).shape
    if name == "boxes" and (len(shape) != 2 or shape[1] != 4):
        raise EvaluationError(f"{table.source}: boxes of shape {shape}; expected (N, 4)")
    if name != "boxes" and shape != (len(table.boxes),):
        raise EvaluationError(
            f"{table.source}: {name} of shape {shape}; expected ({len(table.boxes)},), one for "
            "each box"
        )


def _check_indices(indices: np.ndarray, what: str, count: int) -> None:
    if len(indices) and not (indices.min() >= 0 and indices.max() < count):
        bad = int(np.argmax((indices < 0) | (indices >= count)))
        raise EvaluationError(
            f"{what}[{bad}] is {indices[bad]}; the data set has {count}, counted from 0"
        )


def _check_finite(numbers: np.ndarray, what: str) -> None:
    finite = np.isfinite(numbers)
    if not finite.all():
        bad = int(np.argmin(finite.reshape(len(numbers), -1).all(axis=1)))
        raise EvaluationError(f"{what}[{bad}] is {numbers[bad].tolist()}; expected finite numbers")
