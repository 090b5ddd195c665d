"""Results in COCO JSON: a list of detections, or an object with such a list."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.errors import EvaluationError
from eval.formats.coco.plain_records import plain_results
from eval.formats.compiled.json_results import open_results
from eval.formats.foreign import refuse_foreign_results
from eval.formats.json_files import read_json
from eval.formats.results.coco_ids import ids_of
from eval.formats.results.coco_records import (
    images_of_records,
    labels_of_records,
)
from eval.formats.results.column_records import Meaning, are_own_names, meaning_of
from eval.formats.results.tables import LEFT_OUT
from eval.records import Record, check_objects, numbers, record_list
from eval.wording import amount, listed


def read_coco_results(
    path: str | os.PathLike[str],
    dataset: Dataset,
    *,
    names: str | os.PathLike[str] | None = None,
    skip_unlisted: bool = False,
) -> DetectionTable:
    """Read a file of COCO results (see eval.read_detections)."""
    table = _read_quickly(path, dataset, names, skip_unlisted)
    if table is not None:
        return table
    document = read_json(path)
    refuse_foreign_results(Path(path), document)
    return from_document(
        document, dataset, Path(path).name, names=names, skip_unlisted=skip_unlisted
    )


def from_document(
    document: Any,
    dataset: Dataset,
    source: str,
    *,
    names: str | os.PathLike[str] | None = None,
    skip_unlisted: bool = False,
) -> DetectionTable:
    """Read parsed JSON record by record: slowly, but with precise errors.

    Raises
    ------
    EvaluationError
        The message names record and field.
    """
    ids = ids_of(document, dataset, source, names)
    if isinstance(document, dict):
        where, records = f"{source}: annotations", _annotations(document, source)
    elif isinstance(document, (list, tuple)):
        where, records = f"{source}: record", plain_results(list(document))
        check_objects(records, where)
    else:
        raise EvaluationError(
            f"{source}: expected a list of detections, or an object with 'annotations'; got "
            f"{type(document).__name__}"
        )
    images, image_note = images_of_records(records, where, ids, dataset, skip=skip_unlisted)
    labels, class_note, hint = labels_of_records(records, where, ids, dataset)
    rows = Rows(
        images.astype(np.int32), labels, numbers(records, "bbox", where, 4),
        numbers(records, "score", where), source, where,
    )  # fmt: skip
    table = _table(rows, hint, dataset if ids.own_labels else None)
    notes = (image_note, class_note, *ids.notes)
    return replace(table, notes=(*filter(None, notes), *table.notes))


def from_array(rows: np.ndarray, dataset: Dataset, source: str, **options: Any) -> DetectionTable:
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
    return from_document(records, dataset, source, **options)


def _whole(number: float) -> float:
    """The number as an int if it is whole, as ids are in an array of floats."""
    return int(number) if float(number).is_integer() else number


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


def _read_quickly(
    path: str | os.PathLike[str],
    dataset: Dataset,
    names: str | os.PathLike[str] | None,
    skip_unlisted: bool,
) -> DetectionTable | None:
    """Read a file without faults straight into arrays; None if that is not possible."""
    source = Path(path).name
    try:
        detections = open_results(path)
        if detections is None:
            return None
        ids = ids_of(detections.lists, dataset, source, names)
        where = f"{source}: {'record' if detections.lists is None else 'annotations'}"
        columns = detections.read(ids.images, ids.labels)
        usual = columns is not None and not (columns.labels < 0).any()
        if columns is not None and usual and are_own_names(columns, dataset):
            found = Meaning(columns, columns.images, columns.labels)
        else:
            others = meaning_of(detections, where, ids, dataset, skip=skip_unlisted)
            if others is None:
                return None
            found = others
    except OSError:
        return None
    columns = found.columns
    rows = Rows(found.images, found.labels, columns.boxes, columns.values, source, where)
    table = _table(rows, found.hint, dataset if ids.own_labels else None)
    return replace(table, notes=(*found.notes, *ids.notes, *table.notes))


class Rows(NamedTuple):
    """Detections as columns of length N: image indices, labels, boxes and scores; -1: unknown."""

    images: np.ndarray
    labels: np.ndarray
    boxes_xywh: np.ndarray
    scores: np.ndarray
    source: str
    where: str


def _table(rows: Rows, hint: str = "", named: Dataset | None = None) -> DetectionTable:
    """The table of known images and categories.

    Parameters
    ----------
    hint
        What may be wrong with unknown categories.
    named
        The ground truth, if the file names its categories.
    """
    notes: tuple[str, ...] = ()
    unknown = rows.labels < 0
    if unknown.any():
        first = f"{rows.where}[{np.argmax(unknown)}]"
        if unknown.all():
            raise EvaluationError(_all_unknown(first, hint, named))
        notes += (
            f"{LEFT_OUT} {amount(int(unknown.sum()), 'detection')} of categories that are not in "
            f"the ground truth (first: {first}){hint}",
        )
    kept = np.flatnonzero(~unknown & (rows.images >= 0))
    images, labels, boxes_xywh, scores = (
        column if len(kept) == len(column) else column[kept] for column in rows[:4]
    )
    if len(labels) and boxes_xywh[:, 2:].min() < 0:
        negative = (boxes_xywh[:, 2:] < 0).any(axis=1)
        first = f"{rows.where}[{kept[np.argmax(negative)]}]"
        count = amount(int(negative.sum()), "box", "boxes")
        notes += (f"kept {count} with a negative side (first: {first})",)
    return DetectionTable(images, labels, boxes_xywh, scores, source=rows.source, notes=notes)


def _all_unknown(first: str, hint: str, named: Dataset | None) -> str:
    """The error for results without a known category."""
    if named is not None:
        return (
            f"{first}: its class, like those of all others, is none of the ground truth's, which "
            f"are {listed(named.class_names)}; use these names"
        )
    return (
        f"{first}: its category_id, like all others, is not listed in 'categories' of the ground "
        f"truth; use the ids of the ground truth{hint}"
    )
