"""Ground truth in COCO JSON."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from eval.datasets import Dataset, Federation, Identity, ImageRecord, Truths, group_by_image
from eval.formats.coco.federated import federation_of
from eval.formats.coco.plain_records import plain_truth
from eval.formats.compiled import json_columns
from eval.formats.compiled.json_objects import read_top_level
from eval.formats.json_files import read_json
from eval.formats.unlisted import left_out
from eval.records import (
    Record,
    boxes,
    flags,
    identities,
    index_of,
    integers,
    numbers,
    record_list,
    systematic_mistake,
    texts,
    unique_positions,
)
from eval.wording import amount, listed


def read_coco(path: str | os.PathLike[str], *, skip_unlisted: bool = False) -> Dataset:
    """Read ground truth from COCO JSON.

    Required are the ids of images and categories, and image_id, category_id and bbox
    `[x, y, width, height]` (or a segmentation) of every annotation. Images and categories without
    names are called by their ids; a side without a value is 0, which means unknown. `area` defaults
    to width * height; `iscrowd`, `difficult` and `ignore` default to 0; annotation ids are
    optional. Ids may be whole numbers or texts. Classes keep the file's order and ids. Annotations
    of unlisted categories are left out, with a note, as pycocotools leaves them out.

    Parameters
    ----------
    skip_unlisted
        Whether annotations on unlisted images are left out too.

    Raises
    ------
    EvaluationError
        The message names file, record and field.
    """
    source = Path(path).name
    dataset = _read_quickly(path, source)
    if dataset is not None:
        return dataset
    return coco_dataset(read_json(path), source, skip_unlisted=skip_unlisted)


def coco_dataset(document: Any, source: str, *, skip_unlisted: bool = False) -> Dataset:
    """Read parsed COCO JSON, or a dictionary like it, record by record.

    Raises
    ------
    EvaluationError
        The message names `source`, record and field.
    """
    document = plain_truth(document)
    tables = _tables(document, source)
    annotations = record_list(document, "annotations", source)
    where = f"{source}: annotations"
    notes: tuple[str, ...] = ()
    if skip_unlisted:
        annotations, notes = _on_listed_images(annotations, tables.image_rows, where)
    image_ids = identities(annotations, "image_id", where)
    image_of = index_of(image_ids, tables.image_rows, where, "image_id")
    category_ids = identities(annotations, "category_id", where)
    note = note_on_unlisted(category_ids, tables.label_rows, where)
    rows = dict.fromkeys(category_ids, -1) | tables.label_rows if note else tables.label_rows
    labels = index_of(category_ids, rows, where, "category_id")
    dataset = tables.dataset(_truths(annotations, labels, where), image_of, source)
    dataset = replace(dataset, notes=(*dataset.notes, *notes))
    return _without_unlisted(dataset, note) if note else dataset


def _on_listed_images(
    annotations: list[Record], image_rows: dict[Identity, int], where: str
) -> tuple[list[Record], tuple[str, ...]]:
    """The annotations on listed images, and a note on the others; all of them if none is listed."""
    ids = identities(annotations, "image_id", where)
    unlisted = [position for position, identity in enumerate(ids) if identity not in image_rows]
    if not unlisted or len(unlisted) == len(ids):
        return annotations, ()
    images = list(dict.fromkeys(ids[position] for position in unlisted))
    note = left_out("annotation", "image", len(unlisted), images, f"{where}[{unlisted[0]}]")
    kept = [record for record, i in zip(annotations, ids, strict=True) if i in image_rows]
    return kept, (note,)


def note_on_unlisted(
    category_ids: Sequence[Any], label_rows: dict[Identity, int], where: str
) -> str:
    """The note on annotations of unlisted categories that are left out; "" if none are.

    They are refused instead if no category is known, or if all ids seem to be wrong in one way.
    """
    ids = [identity for identity in category_ids if isinstance(identity, (int, str))]
    unknown = [position for position, i in enumerate(ids) if i not in label_rows]
    mistaken = any(systematic_mistake(ids[position], label_rows, ids) for position in unknown)
    if not unknown or mistaken or len(unknown) == len(ids):
        return ""
    first = unknown[0]
    return (
        f"left out {amount(len(unknown), 'annotation')} of categories that are not listed in "
        f"'categories' (first: {where}[{first}], category_id {ids[first]!r:.60})"
    )


def _without_unlisted(dataset: Dataset, note: str) -> Dataset:
    kept = dataset.all_truths.labels >= 0
    counts = np.bincount(dataset.truth_images[kept], minlength=len(dataset))
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    truths = dataset.all_truths[kept]
    return replace(dataset, all_truths=truths, starts=starts, notes=(*dataset.notes, note))


class _Tables(NamedTuple):
    """The images and categories of a file, and the row of each id."""

    images: tuple[ImageRecord, ...]
    class_names: list[str]
    image_rows: dict[Identity, int]
    label_rows: dict[Identity, int]
    verified: np.ndarray | None
    federation: Federation | None

    def dataset(self, truths: Truths, truth_images: np.ndarray, source: str) -> Dataset:
        dataset = group_by_image(
            self.images, self.class_names, tuple(self.label_rows), truths, truth_images,
            source=source, verified=self.verified, federation=self.federation,
        )  # fmt: skip
        return replace(dataset, notes=(*dataset.notes, *_notes_on_case(self.class_names)))


def _notes_on_case(class_names: Sequence[str]) -> tuple[str, ...]:
    """A note on classes whose names differ only in case, which most often are meant as one."""
    forms: dict[str, list[str]] = {}
    for name in class_names:
        forms.setdefault(name.casefold(), []).append(name)
    same = next((names for names in forms.values() if len(names) > 1), None)
    if same is None:
        return ()
    count = sum(len(names) > 1 for names in forms.values())
    more = f" (and {count - 1} more)" if count > 1 else ""
    names = listed(map(repr, same))
    return (f"classes that differ only in case count as different ones: {names}{more}",)


def _tables(document: Any, source: str) -> _Tables:
    records = record_list(document, "images", source)
    images = _images(records, f"{source}: images")
    categories = record_list(document, "categories", source)
    where = f"{source}: categories"
    category_ids = identities(categories, "id", where)
    class_names = texts(categories, "name", where)
    unique_positions(class_names, "name", where)
    label_rows = unique_positions(category_ids, "id", where)
    image_rows = unique_positions([image.id for image in images], "id", f"{source}: images")
    verified, federation = federation_of(records, categories, label_rows)
    return _Tables(images, class_names, image_rows, label_rows, verified, federation)


def _read_quickly(path: str | os.PathLike[str], source: str) -> Dataset | None:
    """Read a file without faults straight into arrays; None if that is not possible."""
    try:
        top = read_top_level(path, ("images", "categories"))
    except OSError:
        return None
    if top is None or not {"images", "categories", "annotations"} <= top.places.keys():
        return None
    tables = _tables(plain_truth(top.values), source)
    begin = top.places["annotations"]
    columns = json_columns.read_annotations(top.text, begin, tables.image_rows, tables.label_rows)
    if columns is None or (len(columns.labels) and columns.labels.min() < 0):
        return None
    sides = columns.boxes[:, 2:]
    with np.errstate(over="ignore", invalid="ignore"):  # checked below
        areas = np.where(np.isnan(columns.values), sides[:, 0] * sides[:, 1], columns.values)
    finite = np.isfinite(columns.boxes).all() and np.isfinite(areas).all()
    if not finite or (len(sides) and sides.min() < 0):
        return None
    truths = Truths(
        boxes=columns.boxes,
        labels=columns.labels.astype(np.int64),
        areas=areas,
        difficult=columns.flags & 6 != 0,
        crowd=columns.flags & 1 != 0,
        ids=columns.ids,
    )
    return tables.dataset(truths, columns.images.astype(np.int64), source)


def _images(records: list[dict[str, Any]], where: str) -> tuple[ImageRecord, ...]:
    columns = zip(
        identities(records, "id", where),
        texts(records, "file_name", where),
        integers(records, "height", where),
        integers(records, "width", where),
        strict=True,
    )
    return tuple(map(ImageRecord._make, columns))


def _truths(annotations: list[dict[str, Any]], labels: np.ndarray, where: str) -> Truths:
    boxes_xywh = boxes(annotations, where)
    with np.errstate(over="ignore"):  # the check of `area` reports it
        sides = boxes_xywh[:, 2] * boxes_xywh[:, 3]
    return Truths(
        boxes=boxes_xywh,
        labels=labels,
        areas=numbers(annotations, "area", where, defaults=sides),
        difficult=flags(annotations, "difficult", where) | flags(annotations, "ignore", where),
        crowd=flags(annotations, "iscrowd", where),
        ids=_ids(annotations),
    )


def _ids(annotations: list[dict[str, Any]]) -> np.ndarray | None:
    """The ids of the annotations; None unless each one has a number or a text."""
    values = [record.get("id") for record in annotations]
    if not all(isinstance(value, (int, float, np.integer, str)) for value in values):
        return None
    if all(type(value) is int and abs(value) < 2**63 for value in values):
        return np.array(values, dtype=np.int64)
    kept = np.empty(len(values), dtype=object)
    kept[:] = values
    return kept
