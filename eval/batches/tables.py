"""The images of all batches as the data set and the detections that an evaluation takes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eval.batches.classes import Classes
from eval.batches.images import BatchImage
from eval.datasets import Dataset, Identity, ImageRecord, Truths, group_by_image
from eval.detections import DetectionTable
from eval.formats.results.tables import LEFT_OUT
from eval.wording import amount


def dataset_of(ids: Sequence[Identity], images: Sequence[BatchImage], classes: Classes) -> Dataset:
    """The targets of the images in this order; the sizes of the images are unknown."""
    classes = _complete(classes, images)
    names = classes.names or {}
    truths = Truths(
        boxes=np.concatenate([image.truths.boxes for image in images]),
        labels=classes.indices(np.concatenate([image.truths.labels for image in images])),
        areas=np.concatenate([image.truths.areas for image in images]),
        difficult=np.concatenate([image.truths.difficult for image in images]),
        crowd=np.concatenate([image.truths.crowd for image in images]),
    )
    return group_by_image(
        [ImageRecord(identity, f"{identity}", 0, 0) for identity in ids],
        tuple(names.values()),
        tuple(names),
        truths,
        np.repeat(np.arange(len(images)), [len(image.truths) for image in images]),
        source="the targets",
    )


def detections_of(images: Sequence[BatchImage], classes: Classes) -> DetectionTable:
    """The predictions of the images in this order."""
    boxes = np.concatenate([image.found.boxes for image in images])
    labels = np.concatenate([image.found.labels for image in images])
    counts = [len(image.found.labels) for image in images]
    return DetectionTable(
        images=np.repeat(np.arange(len(images), dtype=np.int32), counts),
        labels=_complete(classes, images).indices(labels).astype(np.int32),
        boxes=boxes,
        scores=np.concatenate([image.found.scores for image in images]),
        source="the predictions",
        notes=_notes(sum(image.found.left_out for image in images), boxes),
    )


def _complete(classes: Classes, images: Sequence[BatchImage]) -> Classes:
    """The classes; if every label is a class, those of all predictions and targets."""
    labels = [labels for image in images for labels in (image.found.labels, image.truths.labels)]
    return classes.or_all_of(np.concatenate(labels))


def _notes(left_out: int, boxes: np.ndarray) -> tuple[str, ...]:
    notes = []
    if left_out:
        notes.append(
            f"{LEFT_OUT} {amount(left_out, 'detection')} of classes that are not in class_names"
        )
    if negative := int(np.count_nonzero((boxes[:, 2:] < 0).any(axis=1))):
        notes.append(
            f"kept {amount(negative, 'box', 'boxes')} with a negative side; is box_format right?"
        )
    return tuple(notes)
