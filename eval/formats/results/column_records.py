"""Ids and names in columns of results, by one record of each kind in place of all of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eval.datasets import Dataset
from eval.errors import EvaluationError
from eval.formats.compiled.json_columns import Columns, hashes_of
from eval.formats.compiled.json_records import TEXT_CATEGORY, TEXT_IMAGE
from eval.formats.compiled.json_results import PIECE, DetectionList
from eval.formats.results.coco_ids import CLASS_NAMES, Ids
from eval.formats.results.coco_records import Repeats, images_of_records, labels_of_records


class Meaning(NamedTuple):
    """The columns of a file with the images and labels of their N records, (N,) int32.

    `notes` say how both were read, and `hint` what may be wrong with unknown classes.
    """

    columns: Columns
    images: np.ndarray
    labels: np.ndarray
    notes: tuple[str, ...] = ()
    hint: str = ""


def are_own_names(columns: Columns, dataset: Dataset) -> bool:
    """Whether each file_name and category_name is written as that of the record's id, if any."""
    files, classes = columns.names.T
    images = [image.file_name for image in dataset.images]
    pairs = ((files, columns.images, images), (classes, columns.labels, dataset.class_names))
    for hashes, rows, names in pairs:
        if hashes.any():
            own = np.append(hashes_of(names), 0)[rows]
            if ((hashes != 0) & (hashes != own)).any():
                return False
    return True


def meaning_of(
    detections: DetectionList, where: str, ids: Ids, dataset: Dataset, *, skip: bool
) -> Meaning | None:
    """What the ids and names of a file mean; None if it must be read record by record.

    Records with the same ids and names have the same meaning, so that one of them is parsed.

    Raises
    ------
    OSError
    """
    first = detections.first()
    named = [field for field in CLASS_NAMES if isinstance(first.get(field), str)]
    has_ids = "category_id" in first
    if not has_ids and not named:
        return None
    if has_ids and not isinstance(first["category_id"], (int, str)):
        return None
    known = has_ids and first["category_id"] in ids.labels
    field = "category_name" if known or not named else named[0]
    columns = detections.read_keyed(field, has_ids=has_ids)
    if columns is None:
        return None
    (image_keys, class_keys, places), flags = columns.keys.T, columns.flags
    files, classes = columns.names.T
    by_image = _distinct(image_keys, flags & TEXT_IMAGE, files)
    by_class = _distinct(class_keys, flags & TEXT_CATEGORY, classes)
    spans = np.stack([places, np.append(places[1:], places[-1] + PIECE)], axis=1)
    some, others = (
        detections.records(spans[distinct.repeats.first]) for distinct in (by_image, by_class)
    )
    if some is None or others is None:
        return None
    any_known = any(record.get("category_id") in ids.labels for record in others)
    if (any_known and field != "category_name") or not (any_known or classes.all() or not named):
        return None  # another field may name classes
    try:
        images, image_note = images_of_records(
            some, where, ids, dataset, skip=skip, repeats=by_image.repeats
        )
        labels, class_note, hint = labels_of_records(others, where, ids, dataset, by_class.repeats)
    except EvaluationError:
        return None  # the reader record by record says where
    return Meaning(
        columns,
        images.astype(np.int32)[by_image.rows],
        labels[by_class.rows],
        tuple(filter(None, (image_note, class_note))),
        hint,
    )


class _Distinct(NamedTuple):
    """K different rows of columns, in order; `rows` (N,) has which of them each row is."""

    rows: np.ndarray
    repeats: Repeats


def _distinct(*columns: np.ndarray) -> _Distinct:
    """The different rows of columns of length N; neighbours are often equal."""
    used = [column for column in columns if column.any()]
    begins = np.ones(len(columns[0]), bool)
    begins[1:] = False
    for column in used:
        begins[1:] |= column[1:] != column[:-1]
    starts = np.flatnonzero(begins)
    codes = np.zeros(len(starts), np.int64)
    for column in used:
        values, part = np.unique(column[starts], return_inverse=True)
        codes = np.unique(codes * len(values) + part, return_inverse=True)[1]
    _, first, codes = np.unique(codes, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    rows = rank[codes][np.cumsum(begins) - 1]
    counts = np.bincount(rows, minlength=len(order))
    return _Distinct(rows, Repeats(starts[first[order]].tolist(), counts.tolist()))
