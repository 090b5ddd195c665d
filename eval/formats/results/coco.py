"""Results in COCO JSON: a list of detections, or an object with such a list."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from eval.datasets import Dataset, Identity
from eval.detections import DetectionTable
from eval.errors import EvaluationError
from eval.formats.coco.plain_records import plain_results
from eval.formats.compiled import json_columns
from eval.formats.compiled.json_objects import read_top_level
from eval.formats.json_files import read_json
from eval.formats.results.image_names import composed, rows_of_own_ids
from eval.formats.results.other_ids import contradictions, rows_of_other_ids
from eval.formats.results.tables import LEFT_OUT
from eval.records import (
    Record,
    check_objects,
    identities,
    index_of,
    numbers,
    record_list,
    systematic_mistake,
    texts,
    unique_positions,
)
from eval.wording import amount

SAMPLE = 1 << 16  # bytes in which the names of files are compared with the ids


def read_coco_results(path: str | os.PathLike[str], dataset: Dataset) -> DetectionTable:
    """Read a file of COCO results (see eval.read_detections)."""
    table = _read_quickly(path, dataset)
    if table is not None:
        return table
    return from_document(read_json(path), dataset, Path(path).name)


def from_document(document: Any, dataset: Dataset, source: str) -> DetectionTable:
    """Read parsed JSON record by record: slowly, but with precise errors.

    Raises
    ------
    EvaluationError
        The message names record and field.
    """
    image_rows, label_rows = dataset.image_index_by_id, dataset.label_by_category_id
    reasons: dict[Identity, str] = {}
    if isinstance(document, dict):
        image_rows, reasons = _rows_by_file_name(document, dataset, source)
        label_rows = _labels_by_name(document, dataset, source)
        where, records = f"{source}: annotations", _annotations(document, source)
    elif isinstance(document, (list, tuple)):
        where, records = f"{source}: record", plain_results(list(document))
        check_objects(records, where)
    else:
        raise EvaluationError(
            f"{source}: expected a list of detections, or an object with 'annotations'; got "
            f"{type(document).__name__}"
        )
    own_ids = image_rows is not dataset.image_index_by_id
    names = None if own_ids else ids_by_name(dataset)
    image_ids = identities(records, "image_id", where)
    others = None if own_ids else rows_of_other_ids(image_ids, records, dataset)
    image_rows, found = others or (image_rows, "")
    images = index_of(image_ids, image_rows, where, "image_id", names, reasons)
    category_ids = identities(records, "category_id", where)
    found = found or contradictions(images.tolist(), records, dataset)
    labels = np.array([label_rows.get(identity, -1) for identity in category_ids], np.int32)
    boxes_xywh, scores = numbers(records, "bbox", where, 4), numbers(records, "score", where)
    hint = ""
    if (labels < 0).any():
        first = category_ids[int(np.argmin(labels))]
        mistake = systematic_mistake(first, label_rows, category_ids)
        hint = f"; {mistake}" if mistake else ""
    table = _table(images.astype(np.int32), labels, boxes_xywh, scores, source, where, hint)
    return replace(table, notes=(found, *table.notes)) if found else table


def from_array(rows: np.ndarray, dataset: Dataset, source: str) -> DetectionTable:
    """Read (N, 7) numbers in the order of pycocotools' loadRes.

    A row is image_id, x, y, width, height, score and category_id.

    Raises
    ------
    EvaluationError
        The array has another shape or dtype, or a row contains a fault.
    """
    if rows.ndim != 2 or rows.shape[1] != 7 or rows.dtype.kind not in "iuf":
        raise EvaluationError(
            f"{source}: an array of shape {rows.shape} and dtype {rows.dtype}; expected (N, 7) "
            "numbers: image_id, x, y, width, height, score, category_id"
        )
    records = [
        {
            "image_id": _whole(row[0]),
            "bbox": row[1:5],
            "score": row[5],
            "category_id": _whole(row[6]),
        }
        for row in rows.tolist()
    ]
    return from_document(records, dataset, source)


def _whole(number: float) -> float:
    """The number as an int if it is whole, as ids are in an array of floats."""
    return int(number) if float(number).is_integer() else number


def ids_by_name(dataset: Dataset) -> dict[str, Identity]:
    """The ids of images by file name, with and without folders."""
    last = {_base(image.file_name): image.id for image in dataset.images}
    return last | {image.file_name: image.id for image in dataset.images}


def _annotations(document: Record, source: str) -> list[Record]:
    """The list of detections in a document; an error if it is ground truth or something else."""
    if not isinstance(document.get("annotations"), list):
        raise EvaluationError(
            f"{source}: no list 'annotations'; expected a list, or an object with 'annotations'; "
            f"it has: {', '.join(map(str, document)) or 'nothing':.80}"
        )
    records: list[Record] = plain_results(record_list(document, "annotations", source))
    is_whole = bool(records) and {"images", "categories"} <= document.keys()
    if is_whole and not any("score" in record for record in records):
        raise EvaluationError(
            f"{source}: annotations without 'score': this is ground truth; name results instead"
        )
    return records


def _read_quickly(path: str | os.PathLike[str], dataset: Dataset) -> DetectionTable | None:
    """Read a file without faults straight into arrays; None if that is not possible."""
    source, where = Path(path).name, f"{Path(path).name}: record"
    try:
        columns = json_columns.read_results(
            path, dataset.image_index_by_id, dataset.label_by_category_id
        )
        if columns is None:
            top = read_top_level(path, ("images", "categories"))
            if top is None or "annotations" not in top.places:
                return None
            where = f"{source}: annotations"
            columns = json_columns.read_result_list(
                top.text,
                top.places["annotations"],
                _rows_by_file_name(top.values, dataset, source)[0],
                _labels_by_name(top.values, dataset, source),
            )
    except OSError:
        return None
    if columns is None or _contradicts_itself(path, dataset):
        return None
    if len(columns.labels) and columns.labels.min() < 0:
        return None  # from_document describes unknown categories better
    return _table(columns.images, columns.labels, columns.boxes, columns.values, source, where)


def _contradicts_itself(path: str | os.PathLike[str], dataset: Dataset) -> bool:
    """Whether one of the first records has the file_name of another image; from_document says so.

    Ids that are wrong in this way are wrong throughout, and the compiled reader passes over names.
    """
    import orjson

    with open(path, "rb") as file:
        head = file.read(SAMPLE)
    if b'"file_name"' not in head or head.lstrip()[:1] != b"[":
        return False
    end = head.rfind(b"}", 0, head.rfind(b"}")) if len(head) == SAMPLE else head.rfind(b"}")
    try:
        records = orjson.loads(head[: end + 1] + b"]")
    except orjson.JSONDecodeError:
        return True
    rows = [dataset.image_index_by_id.get(record.get("image_id"), -1) for record in records]
    return bool(contradictions(rows, records, dataset))


def _table(
    images: np.ndarray,
    labels: np.ndarray,
    boxes_xywh: np.ndarray,
    scores: np.ndarray,
    source: str,
    where: str,
    hint: str = "",
) -> DetectionTable:
    """The table of known categories; `hint` is what may be wrong with unknown ones."""
    notes: tuple[str, ...] = ()
    kept = None
    if len(labels) and labels.min() < 0:
        unknown = labels < 0
        first = f"{where}[{np.argmax(unknown)}]"
        if unknown.all():
            raise EvaluationError(
                f"{first}: its category_id, like all others, is not listed in 'categories' of the "
                f"ground truth; use the ids of the ground truth{hint}"
            )
        notes += (
            f"{LEFT_OUT} {amount(int(unknown.sum()), 'detection')} of categories that are not in "
            f"the ground truth (first: {first}){hint}",
        )
        kept = np.flatnonzero(~unknown)
        images, labels, boxes_xywh, scores = (
            column[kept] for column in (images, labels, boxes_xywh, scores)
        )
    if len(labels) and boxes_xywh[:, 2:].min() < 0:
        negative = (boxes_xywh[:, 2:] < 0).any(axis=1)
        position = np.argmax(negative) if kept is None else kept[np.argmax(negative)]
        notes += (
            f"kept {amount(int(negative.sum()), 'box', 'boxes')} with a negative side "
            f"(first: {where}[{position}])",
        )
    return DetectionTable(images, labels, boxes_xywh, scores, source=source, notes=notes)


def _rows_by_file_name(
    document: Record, dataset: Dataset, source: str
) -> tuple[dict[Identity, int], dict[Identity, str]]:
    """The image index of each id that the document defines; and why other ids have none."""
    if not _all_have(document.get("images"), "file_name"):
        return dataset.image_index_by_id, {}
    records = record_list(document, "images", source)
    ids = identities(records, "id", f"{source}: images")
    unique_positions(ids, "id", f"{source}: images")
    names = texts(records, "file_name", f"{source}: images")
    return rows_of_own_ids(ids, names, dataset)


def _labels_by_name(document: Record, dataset: Dataset, source: str) -> dict[Identity, int]:
    if not _all_have(document.get("categories"), "name"):
        return dataset.label_by_category_id
    records = record_list(document, "categories", source)
    ids = identities(records, "id", f"{source}: categories")
    unique_positions(ids, "id", f"{source}: categories")
    names = texts(records, "name", f"{source}: categories")
    known = {name: label for label, name in enumerate(dataset.class_names)}
    by_name = {composed(name): label for name, label in known.items()} | known
    labels = [by_name.get(name, by_name.get(composed(name), -1)) for name in names]
    return {identity: label for identity, label in zip(ids, labels, strict=True) if label >= 0}


def _all_have(records: Any, field: str) -> bool:
    """Whether every record has the field; some tools write lists without names."""
    return (
        isinstance(records, list)
        and bool(records)
        and all(isinstance(record, dict) and field in record for record in records)
    )


def _base(name: str) -> str:
    return composed(PurePosixPath(name.replace("\\", "/")).name)
