"""Ground truth in COCO JSON."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from eval.datasets import Dataset, ImageRecord, Truths, group_by_image
from eval.records import (
    boxes,
    flags,
    identities,
    index_of,
    integers,
    numbers,
    read_json,
    record_list,
    texts,
    unique_positions,
)


def read_coco(path: str | os.PathLike[str]) -> Dataset:
    """Read ground truth from COCO JSON.

    Every image needs id, file_name, height and width; every category id and name; every
    annotation image_id, category_id and bbox `[x, y, width, height]`. `area` defaults to
    width * height, `iscrowd`, `difficult` and `ignore` to 0; annotation ids are not needed.
    Ids may be whole numbers or texts. Classes keep the file's order and ids.

    Raises
    ------
    EvaluationError
        Naming file, record and field.
    """
    source = Path(path).name
    document = read_json(path)
    images = _images(record_list(document, "images", source), f"{source}: images")
    categories = record_list(document, "categories", source)
    where = f"{source}: categories"
    category_ids = identities(categories, "id", where)
    class_names = texts(categories, "name", where)
    unique_positions(class_names, "name", where)
    labels = unique_positions(category_ids, "id", where)
    image_rows = unique_positions([image.id for image in images], "id", f"{source}: images")

    annotations = record_list(document, "annotations", source)
    where = f"{source}: annotations"
    image_ids = identities(annotations, "image_id", where)
    image_of = index_of(image_ids, image_rows, where, "image_id")
    label_of = index_of(identities(annotations, "category_id", where), labels, where, "category_id")
    truths = _truths(annotations, label_of, where)
    return group_by_image(images, class_names, category_ids, truths, image_of, source=source)


def _images(records: list[dict[str, Any]], where: str) -> tuple[ImageRecord, ...]:
    columns = zip(
        identities(records, "id", where),
        texts(records, "file_name", where),
        integers(records, "height", where),
        integers(records, "width", where),
        strict=True,
    )
    return tuple(ImageRecord(*values) for values in columns)


def _truths(annotations: list[dict[str, Any]], labels: np.ndarray, where: str) -> Truths:
    boxes_xywh = boxes(annotations, where)
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
    """The annotations' own ids, of any kind; None unless all have one."""
    values = [record.get("id") for record in annotations]
    if any(value is None for value in values):
        return None
    if all(type(value) is int and abs(value) < 2**63 for value in values):
        return np.array(values, dtype=np.int64)
    kept = np.empty(len(values), dtype=object)
    kept[:] = values
    return kept
