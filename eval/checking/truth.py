"""The linter for ground truth in COCO JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from eval.checking.records import (
    BOX,
    ID,
    NUMBER,
    Records,
    boxes_of,
    is_flag,
    is_id,
    is_number,
    is_proper_box,
    is_text,
    is_whole,
    list_of,
)
from eval.checking.smells import (
    NOTE,
    WARNING,
    Finding,
    box_smells,
    id_smells,
    missing_files,
    name_smells,
    unused_classes,
)
from eval.formats.coco.federated import federation_of
from eval.formats.coco.plain_records import plain_truth
from eval.formats.coco_json import note_on_unlisted
from eval.formats.json_files import ABSENT
from eval.wording import amount

IMAGE_FOLDERS = (".", "images", "JPEGImages")  # relative to the file


def check_truth(document: Any, path: Path, findings: list[Finding]) -> None:
    """Add findings on ground truth in COCO JSON."""
    source = path.name
    document = plain_truth(document)
    lists = [list_of(document, name, source, findings) for name in ("images", "categories")]
    images, categories = lists
    annotations = list_of(document, "annotations", source, findings)

    image_ids = images.column("id", is_id, ID)
    image_rows = images.unique("id", image_ids)
    names = images.column("file_name", is_text, "text")
    sides = [images.column(side, is_whole, "a whole number") for side in ("width", "height")]
    category_ids = categories.column("id", is_id, ID)
    labels = categories.unique("id", category_ids)
    class_names = categories.column("name", is_text, "text")
    categories.unique("name", class_names)

    owners = annotations.column("image_id", is_id, ID)
    annotations.known("image_id", owners, image_rows, "'images'")
    kinds = annotations.column("category_id", is_id, ID)
    note = note_on_unlisted(kinds, labels, f"{source}: annotations")
    if note and ABSENT not in kinds:
        findings.append(Finding(WARNING, "annotations: unknown category_id", source, "", note))
        annotations.sound -= {row for row, kind in enumerate(kinds) if kind not in labels}
    else:
        annotations.known("category_id", kinds, labels, "'categories'")
    shapes = annotations.column("bbox", is_proper_box, f"{BOX}, without a negative side")
    annotations.column("area", is_number, NUMBER, default=None)
    for flag in ("iscrowd", "difficult", "ignore"):
        annotations.column(flag, is_flag, "0 or 1", default=None)

    limits = _limits(sides)
    findings += _image_smells(images, image_ids, names, limits, path.parent)
    findings += _filled(name_smells, class_names, categories, "name")
    used = {labels[kind] for kind in kinds if kind is not ABSENT and kind in labels}
    findings += unused_classes(_shown(class_names), used, categories.where, "object")
    _, federation = federation_of(_objects(images), _objects(categories), labels)
    for message in federation.notes if federation else ():
        findings.append(Finding(WARNING, "fields of LVIS", source, "", message))
    findings += _annotation_smells(annotations, "LVIS" if federation else "COCO")
    boxes = boxes_of(annotations, owners, kinds, shapes, image_rows, labels, limits)
    findings += box_smells(boxes, source)
    findings += _area_smells(annotations)
    content = (
        f"{amount(len(images.records), 'image')}, "
        f"{amount(len(categories.records), 'class', 'classes')}, "
        f"{amount(len(annotations.records), 'object')}"
    )
    findings.append(Finding(NOTE, "content", source, "", content))


def _limits(sides: list[list[Any]]) -> np.ndarray:
    """(images, 2) float64 width and height; NaN where they are faulty or not above 0."""
    table = [[v if v is not ABSENT and v > 0 else np.nan for v in side] for side in sides]
    return np.array(table, dtype=np.float64).T.reshape(-1, 2)


def _shown(names: list[Any]) -> list[str]:
    return ["?" if name is ABSENT else name for name in names]


def _filled(
    smells: Callable[..., Iterator[Finding]], values: list[Any], records: Records, field: str
) -> Iterator[Finding]:
    """Test the values that exist."""
    rows = [row for row, value in enumerate(values) if value is not ABSENT]
    yield from smells([values[row] for row in rows], lambda row: records.where(rows[row]), field)


def _image_smells(
    images: Records, ids: list[Any], names: list[Any], limits: np.ndarray, folder: Path
) -> Iterator[Finding]:
    yield from _filled(id_smells, ids, images, "id")
    yield from _filled(name_smells, names, images, "file_name")
    for row in sorted(images.sound):
        if np.isnan(limits[row]).any():
            record = images.records[row]
            message = f"size is {record['width']} x {record['height']}; expected sides above 0"
            yield Finding(WARNING, "image without size", images.where(row), "width", message)
    folders = [folder / name for name in IMAGE_FOLDERS]
    rows = [row for row, name in enumerate(names) if name is not ABSENT]
    texts = [names[row] for row in rows]
    yield from missing_files(texts, folders, lambda row: images.where(rows[row]))


def _objects(records: Records) -> list[dict[str, Any]]:
    """All records at their positions; those that are no objects are empty."""
    return [record if isinstance(record, dict) else {} for record in records.records]


def _annotation_smells(annotations: Records, owner: str) -> Iterator[Finding]:
    """Fields that are missing, and ids that make pycocotools fail; LVIS has no crowds."""
    fields = {"area": "width * height", "iscrowd": "0", "id": "no id"}
    if owner == "LVIS":
        del fields["iscrowd"]
    for field, assumed in fields.items():
        without = annotations.absent(field)
        if without:
            message = (
                f"{amount(len(without), 'annotation has', 'annotations have')} no {field!r}; "
                f"{assumed} is assumed here, but pycocotools stops with an error"
            )
            where = annotations.where(without[0])
            yield Finding(WARNING, f"annotations: no {field}", where, field, message)
    first: dict[Any, int] = {}
    for position, record in enumerate(annotations.records):
        identity = record.get("id") if isinstance(record, dict) else None
        if not is_id(identity):
            continue
        where = annotations.where(position)
        if first.setdefault(identity, position) != position:
            known = annotations.where(first[identity])
            message = f"id {identity!r:.40} is also used by {known}; pycocotools drops objects"
            yield Finding(WARNING, "annotation id repeated", where, "id", message)
        elif identity == 0:
            message = "id 0: pycocotools always counts this object as missed; number from 1"
            yield Finding(WARNING, "annotation id 0", where, "id", message)


def _area_smells(annotations: Records) -> Iterator[Finding]:
    for position in sorted(annotations.sound):
        record = annotations.records[position]
        area, (_, _, width, height) = record.get("area"), record["bbox"]
        if area is None:
            continue
        where = annotations.where(position)
        if area <= 0 < width * height:
            message = f"area is {area:g}; expected pixels of the object, above 0"
            yield Finding(WARNING, "area not above 0", where, "area", message)
        elif area > 1.5 * (width + 1) * (height + 1):
            message = f"area is {area:g}, but the box covers {width * height:g} pixels"
            yield Finding(WARNING, "area larger than the box", where, "area", message)
