"""One image of a batch: its predictions and targets as checked arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np

from eval.batches.arrays import (
    Fields,
    boxes_in,
    flags_in,
    identity_in,
    labels_in,
    numbers_in,
)
from eval.batches.classes import Classes
from eval.datasets import Identity, Truths
from eval.errors import EvaluationError
from eval.wording import amount


@runtime_checkable
class NamedDetections(Protocol):
    """Detections that name their classes, such as those of this project's detector.

    boxes_xyxy is (N, 4) in pixels, scores is (N,), and labels (N,) index class_names.
    """

    boxes_xyxy: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    class_names: Sequence[str]


Prediction: TypeAlias = "Fields | NamedDetections"


class Found(NamedTuple):
    """The predictions of one image.

    Attributes
    ----------
    boxes, scores, labels
        (N, 4) float64 [x, y, width, height] in pixels, (N,) float64, and (N,) int64 as the caller
        numbers the classes.
    left_out
        The number of detections of classes that are not evaluated, which the arrays lack.
    """

    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    left_out: int = 0


class BatchImage(NamedTuple):
    """One image: its id if it has one, its predictions and its objects."""

    identity: Identity | None
    found: Found
    truths: Truths


def read_batch(
    predictions: Sequence[Prediction],
    targets: Sequence[Fields],
    classes: Classes,
    box_format: str,
    where: str,
) -> list[BatchImage]:
    """The images of a batch in order.

    Raises
    ------
    EvaluationError
        The message begins with `where` and names the image and the field.
    """
    for name, given in (("predictions", predictions), ("targets", targets)):
        if isinstance(given, (Mapping, str)) or not hasattr(given, "__len__"):
            raise EvaluationError(
                f"{where}: {name}: expected a list with one element for each image; got "
                f"{type(given).__name__}"
            )
    if len(predictions) != len(targets):
        raise EvaluationError(
            f"{where}: {amount(len(predictions), 'prediction')} but "
            f"{amount(len(targets), 'target')}; expected one of each for each image"
        )
    return [
        _image(prediction, target, classes, box_format, f"{where}, image {number}")
        for number, (prediction, target) in enumerate(zip(predictions, targets, strict=True))
    ]


def _image(
    prediction: Any, target: Any, classes: Classes, box_format: str, where: str
) -> BatchImage:
    if not isinstance(target, Mapping):
        raise EvaluationError(
            f"{where}: target is {type(target).__name__}; expected a dict with boxes and labels"
        )
    if isinstance(prediction, Mapping):
        found = _found(prediction, classes, box_format, f"{where}: prediction")
    elif isinstance(prediction, NamedDetections):
        found = _named(prediction, classes, f"{where}: prediction")
    else:
        raise EvaluationError(
            f"{where}: prediction is {type(prediction).__name__}; expected a dict with boxes, "
            "scores and labels, or Detections"
        )
    where = f"{where}: target"
    truths = _truths(target, classes, box_format, where)
    return BatchImage(identity_in(target, where), found, truths)


def _found(prediction: Fields, classes: Classes, box_format: str, where: str) -> Found:
    boxes = boxes_in(prediction, where, box_format)
    scores = numbers_in(prediction, "scores", len(boxes), where)
    labels = labels_in(prediction, len(boxes), where)
    classes.check(labels, where)
    return Found(boxes, scores, labels)


def _named(prediction: NamedDetections, classes: Classes, where: str) -> Found:
    names = tuple(prediction.class_names)
    fields = {
        "boxes": prediction.boxes_xyxy,
        "scores": prediction.scores,
        "labels": prediction.labels,
    }
    boxes, scores, labels, _ = _found(fields, Classes.of(names, 0), "xyxy", where)
    labels, known = classes.translated(labels, names, where)
    return Found(boxes[known], scores[known], labels[known], int(np.count_nonzero(~known)))


def _truths(target: Fields, classes: Classes, box_format: str, where: str) -> Truths:
    boxes = boxes_in(target, where, box_format)
    count = len(boxes)
    negative = (boxes[:, 2:] < 0).any(axis=1)
    if negative.any():
        raise EvaluationError(
            f"{where}: boxes[{np.argmax(negative)}] has a negative side; is box_format "
            f"{box_format!r} right?"
        )
    labels = labels_in(target, count, where)
    classes.check(labels, where)
    areas = boxes[:, 2] * boxes[:, 3]
    if "area" in target:
        areas = numbers_in(target, "area", count, where)
    marks = [flags_in(target, name, count, where) for name in ("difficult", "ignore")]
    return Truths(
        boxes=boxes,
        labels=labels,
        areas=areas,
        difficult=marks[0] | marks[1],
        crowd=flags_in(target, "iscrowd", count, where),
    )
