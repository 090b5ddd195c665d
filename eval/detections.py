"""Detections as they come from a file or a program -> checked arrays on a data set's indices."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

import numpy as np

from eval.boxes import to_xywh, to_xyxy
from eval.datasets import Dataset, Identity
from eval.records import (
    EvaluationError,
    Record,
    boxes,
    check_objects,
    identities,
    index_of,
    numbers,
    read_json,
    record_list,
    texts,
)

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
    """

    images: np.ndarray
    labels: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray
    layout: str = "xywh"
    source: str = "detections"
    notes: tuple[str, ...] = ()

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
        )


def read_detections(detections: DetectionSource, dataset: Dataset) -> DetectionTable:
    """Read detections and find the image and class of the data set that each belongs to.

    Parameters
    ----------
    detections
        COCO results, a list of objects with image_id, category_id, bbox
        `[x, y, width, height]` and score; or a detections.json, an object with such a list
        under "annotations"; or the path of a JSON file with either.
    dataset
        The ground truth. An "images" list beside the annotations is matched to it by file name
        and a "categories" list by class name, whatever ids they use; without them, ids are the
        ground truth's own.

    Raises
    ------
    EvaluationError
        Naming file, record and field: a missing or malformed field, a score or side that is
        not finite, a negative side, an image or category that is not known.
    """
    if isinstance(detections, DetectionTable):
        return detections
    source, document = "detections", detections
    if isinstance(detections, (str, os.PathLike)):
        source, document = Path(detections).name, read_json(detections)
    image_rows, labels = dataset.image_index_by_id, dataset.label_by_category_id
    if isinstance(document, dict):
        image_rows = _rows_by_file_name(document, dataset, source)
        labels = _labels_by_name(document, dataset, source)
        where, records = f"{source}: annotations", record_list(document, "annotations", source)
    elif isinstance(document, (list, tuple)):
        where, records = f"{source}: record", list(document)
        check_objects(records, where)
    else:
        raise EvaluationError(
            f"{source}: {type(document).__name__} is not a list of detections; expected COCO "
            "results or an object with 'annotations'"
        )
    image_ids = identities(records, "image_id", where)
    category_ids = identities(records, "category_id", where)
    return DetectionTable(
        images=index_of(image_ids, image_rows, where, "image_id").astype(np.int32),
        labels=index_of(category_ids, labels, where, "category_id").astype(np.int32),
        boxes=boxes(records, where),
        scores=numbers(records, "score", where),
        source=source,
    )


def suspicions(table: DetectionTable, dataset: Dataset) -> tuple[str, ...]:
    """What looks like a mistake but may not be one: boxes in another format than xywh pixels."""
    if not len(table):
        return ()
    ends = table.boxes_xyxy[:, 2:]
    if ends.max() <= 2:
        return (
            "every box ends within 2 pixels of the corner: bbox seems to be in fractions of the "
            "image; expected pixels",
        )
    sizes = np.array([(image.width, image.height) for image in dataset.images], dtype=np.float64)
    outside = (ends > 1.1 * sizes[table.images]).any(axis=1).mean()
    if outside > 0.25:
        return (
            f"{outside:.0%} of the boxes end far outside their image: bbox seems to be "
            "[x1, y1, x2, y2]; expected [x, y, width, height]",
        )
    return ()


def _rows_by_file_name(document: Record, dataset: Dataset, source: str) -> dict[Identity, int]:
    if not _all_have(document.get("images"), "file_name"):
        return dataset.image_index_by_id
    records = record_list(document, "images", source)
    ids = identities(records, "id", f"{source}: images")
    names = texts(records, "file_name", f"{source}: images")
    exact = {image.file_name: row for row, image in enumerate(dataset.images)}
    base: dict[str, int] = {}
    for row, image in enumerate(dataset.images):
        # -1 marks a name that several folders share and that therefore tells nothing.
        base[_base(image.file_name)] = -1 if _base(image.file_name) in base else row
    rows = [exact.get(name, base.get(_base(name), -1)) for name in names]
    return {identity: row for identity, row in zip(ids, rows, strict=True) if row >= 0}


def _labels_by_name(document: Record, dataset: Dataset, source: str) -> dict[Identity, int]:
    if not _all_have(document.get("categories"), "name"):
        return dataset.label_by_category_id
    records = record_list(document, "categories", source)
    ids = identities(records, "id", f"{source}: categories")
    names = texts(records, "name", f"{source}: categories")
    known = {name: label for label, name in enumerate(dataset.class_names)}
    pairs = zip(ids, names, strict=True)
    return {identity: known[name] for identity, name in pairs if name in known}


def _all_have(records: Any, field: str) -> bool:
    """Whether there are records to go by: not for the bare lists some tools write."""
    return isinstance(records, list) and bool(records) and all(field in r for r in records)


def _base(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).name
