"""Detections as they come from a file or a program -> checked arrays on a data set's indices."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

import numpy as np

from eval.boxes import to_xywh, to_xyxy
from eval.datasets import Dataset, Identity
from eval.detection_arrays import checked_table
from eval.records import (
    EvaluationError,
    Record,
    check_objects,
    identities,
    index_of,
    numbers,
    read_json,
    record_list,
    texts,
    unique_positions,
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

    if not isinstance(dataset, Dataset):
        raise EvaluationError(
            f"the ground truth is a {type(dataset).__name__}; expected what read_dataset returns"
        )
    if isinstance(detections, DetectionTable):
        return checked_table(detections, dataset)
    if not isinstance(detections, (str, os.PathLike)):
        return _from_document(detections, dataset, "detections")
    reader = results_reader_of(detections)
    if reader is not None:
        return reader(detections, dataset)
    table = _read_quickly(detections, dataset)
    if table is not None:
        return table
    return _from_document(read_json(detections), dataset, Path(detections).name)


def _from_document(document: Any, dataset: Dataset, source: str) -> DetectionTable:
    """Record by record: slow, takes all that can be taken, and says what is wrong."""
    image_rows, label_rows = dataset.image_index_by_id, dataset.label_by_category_id
    if isinstance(document, dict):
        image_rows = _rows_by_file_name(document, dataset, source)
        label_rows = _labels_by_name(document, dataset, source)
        where, records = f"{source}: annotations", record_list(document, "annotations", source)
    elif isinstance(document, (list, tuple)):
        where, records = f"{source}: record", list(document)
        check_objects(records, where)
    else:
        raise EvaluationError(
            f"{source}: {type(document).__name__} is not a list of detections; expected COCO "
            "results or an object with 'annotations'"
        )
    images = index_of(identities(records, "image_id", where), image_rows, where, "image_id")
    category_ids = identities(records, "category_id", where)
    labels = np.array([label_rows.get(identity, -1) for identity in category_ids], np.int32)
    boxes_xywh, scores = numbers(records, "bbox", where, 4), numbers(records, "score", where)
    return _table(images.astype(np.int32), labels, boxes_xywh, scores, source, where)


def _read_quickly(path: str | os.PathLike[str], dataset: Dataset) -> DetectionTable | None:
    """The same from a file without faults, without an object for every record; or None."""
    from eval.formats import json_columns

    source, where = Path(path).name, f"{Path(path).name}: record"
    try:
        columns = json_columns.read_results(
            path, dataset.image_index_by_id, dataset.label_by_category_id
        )
        if columns is None:
            parts = json_columns.read_parts(path, ("images", "categories"))
            if parts is None or "annotations" not in parts.places:
                return None
            where = f"{source}: annotations"
            columns = json_columns.read_result_list(
                parts.text,
                parts.places["annotations"],
                _rows_by_file_name(parts.values, dataset, source),
                _labels_by_name(parts.values, dataset, source),
            )
    except OSError:
        return None
    if columns is None:
        return None
    return _table(columns.images, columns.labels, columns.boxes, columns.values, source, where)


def _table(
    images: np.ndarray,
    labels: np.ndarray,
    boxes_xywh: np.ndarray,
    scores: np.ndarray,
    source: str,
    where: str,
) -> DetectionTable:
    notes: tuple[str, ...] = ()
    kept = None
    if len(labels) and labels.min() < 0:
        unknown = labels < 0
        first = f"{where}[{np.argmax(unknown)}]"
        if unknown.all():
            raise EvaluationError(
                f"{first}: its category_id, like all others, is not listed in 'categories' of the "
                "ground truth; write the ground truth's ids"
            )
        notes += (
            f"{unknown.sum()} detections of categories that the ground truth does not know were "
            f"left out (first: {first})",
        )
        kept = np.flatnonzero(~unknown)
        images, labels, boxes_xywh, scores = (
            column[kept] for column in (images, labels, boxes_xywh, scores)
        )
    if len(labels) and boxes_xywh[:, 2:].min() < 0:
        negative = (boxes_xywh[:, 2:] < 0).any(axis=1)
        position = np.argmax(negative) if kept is None else kept[np.argmax(negative)]
        notes += (
            f"{negative.sum()} boxes have a negative side (first: {where}[{position}]); they are "
            "judged as boxes without area",
        )
    return DetectionTable(images, labels, boxes_xywh, scores, source=source, notes=notes)


def _rows_by_file_name(document: Record, dataset: Dataset, source: str) -> dict[Identity, int]:
    if not _all_have(document.get("images"), "file_name"):
        return dataset.image_index_by_id
    records = record_list(document, "images", source)
    ids = identities(records, "id", f"{source}: images")
    unique_positions(ids, "id", f"{source}: images")
    names = texts(records, "file_name", f"{source}: images")
    exact = {image.file_name: row for row, image in enumerate(dataset.images)}
    base: dict[str, int] = {}
    for row, image in enumerate(dataset.images):
        # -1 marks a name that several folders share and that therefore tells nothing.
        base[_base(image.file_name)] = -1 if _base(image.file_name) in base else row
    rows = [exact.get(name, base.get(_base(name), -1)) for name in names]
    # Nor does one that fits several of these images: only the whole name counts then.
    claims = Counter(rows)
    pairs = zip(ids, names, rows, strict=True)
    return {i: row for i, name, row in pairs if row >= 0 and (claims[row] == 1 or name in exact)}


def _labels_by_name(document: Record, dataset: Dataset, source: str) -> dict[Identity, int]:
    if not _all_have(document.get("categories"), "name"):
        return dataset.label_by_category_id
    records = record_list(document, "categories", source)
    ids = identities(records, "id", f"{source}: categories")
    unique_positions(ids, "id", f"{source}: categories")
    names = texts(records, "name", f"{source}: categories")
    known = {name: label for label, name in enumerate(dataset.class_names)}
    composed = {_composed(name): label for name, label in known.items()} | known
    labels = [composed.get(name, composed.get(_composed(name), -1)) for name in names]
    return {identity: label for identity, label in zip(ids, labels, strict=True) if label >= 0}


def _all_have(records: Any, field: str) -> bool:
    """Whether there are records to go by: not for the bare lists some tools write."""
    return (
        isinstance(records, list)
        and bool(records)
        and all(isinstance(record, dict) and field in record for record in records)
    )


def _base(name: str) -> str:
    return _composed(PurePosixPath(name.replace("\\", "/")).name)


def _composed(name: str) -> str:
    """One spelling of letters with accents, which systems write in two ways."""
    return unicodedata.normalize("NFC", name)
