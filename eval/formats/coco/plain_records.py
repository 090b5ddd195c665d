"""Records of COCO JSON as other programs write them, in the one form that reader and linter check.

Tables of pandas write 1.0 for 1 and NaN or null for "nothing"; other programs leave out what
pycocotools does not need. Everything that has one possible meaning gets its plain form here; the
rest stays as it is and is refused by the checks that follow. Records that change are copied.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from eval.formats.coco.mask_boxes import box_of_mask
from eval.formats.number_lines import whole_number

LARGEST_EXACT = 2**53  # the largest float below which every whole number has its own float
FLAGS = ("iscrowd", "difficult", "ignore")
_MISSING, _NO_RECORD = object(), object()


def plain_truth(document: Any) -> Any:
    """The document with the plain form of its images, categories and annotations."""
    if not isinstance(document, dict):
        return document
    forms = {
        "images": plain_images,
        "categories": plain_categories,
        "annotations": plain_annotations,
    }
    lists = {name: form(document[name]) for name, form in forms.items() if name in document}
    return {**document, **lists}


def plain_images(records: Any) -> Any:
    """Images: a missing side is 0 (unknown), and a missing file name is LVIS's or the id."""
    records = _changed(records, ("id",), whole)
    records = _changed(records, ("width", "height"), _side, missing=None)
    return _named(_located(records), "file_name")


def plain_categories(records: Any) -> Any:
    """Categories: a class without a name is called by its id; equal names get the id added."""
    records = _named(_changed(records, ("id",), whole), "name")
    if not isinstance(records, list):
        return records
    names = Counter(r["name"] for r in records if isinstance(r, dict) and _is_text(r.get("name")))
    if max(names.values(), default=0) < 2:
        return records
    return [
        {**record, "name": f"{record['name']} ({record['id']})"}
        if isinstance(record, dict) and "id" in record and names[_text(record)] > 1
        else record
        for record in records
    ]


def plain_annotations(records: Any) -> Any:
    """Annotations: null and NaN stand for a missing area or flag; flags may be floats or texts."""
    records = _boxed(_changed(records, ("image_id", "category_id"), whole))
    records = _changed(records, FLAGS, _flag)
    return _changed(records, ("area",), lambda value: _MISSING if _is_nothing(value) else value)


def plain_results(records: Any) -> Any:
    """Detections: ids that are whole numbers, and the boxes of masks."""
    return _boxed(_changed(records, ("image_id", "category_id"), whole))


def whole(value: Any) -> Any:
    """The int that a float stands for; any other value unchanged."""
    is_float = isinstance(value, (float, np.floating))
    if is_float and abs(value) < LARGEST_EXACT and float(value).is_integer():
        return int(value)
    return value


def _side(value: Any) -> Any:
    if _is_nothing(value):
        return 0
    number = whole_number(value) if _is_text(value) else None
    return whole(value) if number is None else number


def _flag(value: Any) -> Any:
    if _is_nothing(value):
        return _MISSING
    return int(value) if _is_text(value) and value in ("0", "1") else whole(value)


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, (float, np.floating)) and bool(np.isnan(value)))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _text(record: dict[str, Any]) -> str:
    name = record.get("name")
    return name if isinstance(name, str) else ""


def _changed(
    records: Any, fields: Iterable[str], form: Callable[[Any], Any], missing: Any = _MISSING
) -> Any:
    """The records with another form of some fields; `missing` stands for a field that is not there.

    A form of _MISSING removes the field.
    """
    if not isinstance(records, (list, tuple)):
        return records
    for field in fields:
        values = [r.get(field, missing) if isinstance(r, dict) else _NO_RECORD for r in records]
        if set(map(type, values)) <= {int}:  # the usual case
            continue
        forms = [
            value if value is _MISSING or value is _NO_RECORD else form(value) for value in values
        ]
        records = [
            record if new is old else _with(record, field, new)
            for record, old, new in zip(records, values, forms, strict=True)
        ]
    return records


def _with(record: dict[str, Any], field: str, value: Any) -> dict[str, Any]:
    others = {name: kept for name, kept in record.items() if name != field}
    return others if value is _MISSING else {**others, field: value}


def _named(records: Any, field: str) -> Any:
    """The records with a text in `field`: a number as text, or the id where there is nothing."""

    def named(record: Any) -> Any:
        if not isinstance(record, dict) or "id" not in record:
            return record
        name = record.get(field)
        if _is_nothing(name):
            return {**record, field: str(record["id"])}
        is_number = isinstance(name, (int, float)) and not isinstance(name, bool)
        return {**record, field: str(whole(name))} if is_number else record

    if not isinstance(records, list):
        return records
    if all(isinstance(record, dict) and _is_text(record.get(field)) for record in records):
        return records  # the usual case
    return [named(record) for record in records]


def _located(records: Any) -> Any:
    """The images with the end of their address as file name where they have no other.

    LVIS mixes the folders of COCO: .../val2017/000000397133.jpg is val2017/000000397133.jpg.
    """
    if not isinstance(records, list):
        return records
    return [
        {**record, "file_name": "/".join(record["coco_url"].split("/")[-2:])}
        if isinstance(record, dict)
        and _is_nothing(record.get("file_name"))
        and _is_text(record.get("coco_url"))
        and record["coco_url"]
        else record
        for record in records
    ]


def _boxed(records: Any) -> Any:
    """The records with the box of the mask where they have a mask alone."""
    if not isinstance(records, (list, tuple)):
        return records
    lacking = [isinstance(r, dict) and not _has_box(r) and "segmentation" in r for r in records]
    if not any(lacking):
        return records
    boxes = [
        box_of_mask(r["segmentation"]) if lacks else None
        for r, lacks in zip(records, lacking, strict=True)
    ]
    return [
        record if box is None else {**record, "bbox": box}
        for record, box in zip(records, boxes, strict=True)
    ]


def _has_box(record: dict[str, Any]) -> bool:
    box = record.get("bbox")
    return box is not None and not (isinstance(box, list) and not box)
