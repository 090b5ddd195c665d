"""The linter for COCO JSON, ground truth and results."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from eval.checking_records import (
    ABSENT,
    Records,
    is_box,
    is_flag,
    is_id,
    is_number,
    is_proper_box,
    is_text,
    is_whole,
)
from eval.checking_smells import (
    ERROR,
    NOTE,
    WARNING,
    Boxes,
    Finding,
    box_smells,
    id_smells,
    missing_files,
    name_smells,
    score_smells,
    unused_classes,
)
from eval.datasets import Dataset

ID, NUMBER = "a whole number or a text", "a finite number"
BOX = "[x, y, width, height], 4 finite numbers"
IMAGE_FOLDERS = (".", "images", "JPEGImages")  # beside the file


def is_results(document: Any) -> bool:
    """Whether a JSON document holds detections: a list, or annotations with scores."""
    if isinstance(document, dict):
        annotations = document.get("annotations")
        first = annotations[0] if isinstance(annotations, list) and annotations else None
        return isinstance(first, dict) and "score" in first
    return isinstance(document, list)


def check_truth(document: Any, path: Path, findings: list[Finding]) -> None:
    """Add what is wrong with ground truth in COCO JSON."""
    source = path.name
    lists = [_list(document, name, source, findings) for name in ("images", "categories")]
    images, categories = lists
    annotations = _list(document, "annotations", source, findings)

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
    annotations.known("category_id", kinds, labels, "'categories'")
    shapes = annotations.column("bbox", is_proper_box, f"{BOX}, no side below 0")
    annotations.column("area", is_number, NUMBER, default=None)
    for flag in ("iscrowd", "difficult", "ignore"):
        annotations.column(flag, is_flag, "0 or 1", default=None)

    limits = _limits(sides)
    findings += _image_smells(images, image_ids, names, limits, path.parent)
    findings += _filled(name_smells, class_names, categories, "name")
    used = {labels[kind] for kind in kinds if kind is not ABSENT and kind in labels}
    findings += unused_classes(_shown(class_names), used, categories.where, "object")
    findings += _annotation_smells(annotations)
    boxes = _boxes(annotations, owners, kinds, shapes, image_rows, labels, limits)
    findings += box_smells(boxes, source)
    findings += _area_smells(annotations)
    content = (
        f"{len(images.records)} images, {len(categories.records)} classes, "
        f"{len(annotations.records)} objects"
    )
    findings.append(Finding(NOTE, "content", source, "", content))


def check_results(
    document: Any, source: str, dataset: Dataset | None, findings: list[Finding]
) -> None:
    """Add what is wrong with detections in COCO JSON; without `dataset`, as far as that tells."""
    image_rows: dict[Any, int] = {} if dataset is None else dict(dataset.image_index_by_id)
    labels: dict[Any, int] = {} if dataset is None else dict(dataset.label_by_category_id)
    if isinstance(document, dict):
        records = _list(document, "annotations", source, findings)
        for rows, name, key in (
            (image_rows, "images", "file_name"),
            (labels, "categories", "name"),
        ):
            _renumber(document, name, key, rows, dataset, source, findings)
    elif isinstance(document, list):
        records = Records(source, "record", document, findings)
    else:
        message = f"{type(document).__name__} is no list of detections; expected COCO results"
        findings.append(Finding(ERROR, "no list", source, "", message))
        return
    owners = records.column("image_id", is_id, ID)
    kinds = records.column("category_id", is_id, ID)
    if dataset is not None:
        records.known("image_id", owners, image_rows, "the ground truth's images")
        findings += _unknown_categories(records, kinds, labels)
        sizes = [(image.width or np.nan, image.height or np.nan) for image in dataset.images]
        limits = np.array(sizes, np.float64).reshape(-1, 2)
    else:
        image_rows = {owner: row for row, owner in enumerate(dict.fromkeys(owners))}
        labels = {kind: label for label, kind in enumerate(dict.fromkeys(kinds))}
        limits = np.full((len(image_rows), 2), np.nan)
        message = "ids and sizes are not checked: name the ground truth with --data"
        findings.append(Finding(NOTE, "results alone", source, "", message))
    shapes = records.column("bbox", is_box, BOX)
    scores = records.column("score", is_number, NUMBER)
    boxes = _boxes(records, owners, kinds, shapes, image_rows, labels, limits, scores)
    findings += box_smells(boxes, source)
    findings += score_smells(boxes, source)
    if not records.records:
        message = "no detection: every object will count as missed"
        findings.append(Finding(WARNING, "empty list", source, "", message))
    content = f"{len(records.records)} detections on {len(set(boxes.images.tolist()))} images"
    findings.append(Finding(NOTE, "content", source, "", content))


def _unknown_categories(
    records: Records, kinds: list[Any], labels: dict[Any, int]
) -> Iterator[Finding]:
    """Their detections are left out; with none other left, the ids are an error."""
    unknown: dict[Any, list[int]] = {}
    for position, kind in enumerate(kinds):
        if kind is not ABSENT and kind not in labels:
            unknown.setdefault(kind, []).append(position)
            records.sound.discard(position)
    all_unknown = not any(kind is ABSENT or kind in labels for kind in kinds)
    severity, remedy = (ERROR, "like all others") if all_unknown else (WARNING, "left out")
    for kind, positions in unknown.items():
        message = (
            f"category_id {kind!r:.60} is not listed in the ground truth's categories; "
            f"{len(positions)} detections of it, {remedy}"
        )
        where = records.where(positions[0])
        yield Finding(
            severity, f"{records.name}: unknown category_id", where, "category_id", message
        )


def _list(document: Any, name: str, source: str, findings: list[Finding]) -> Records:
    found = document.get(name) if isinstance(document, dict) else None
    if isinstance(found, list):
        if not found:
            message = f"the list {name!r} is empty"
            findings.append(Finding(WARNING, "empty list", source, name, message))
        return Records(source, name, found, findings)
    message = f"no list {name!r} at the top level; expected COCO JSON with it"
    findings.append(Finding(ERROR, "no list", source, name, message))
    return Records(source, name, [], findings)


def _renumber(
    document: dict[str, Any],
    name: str,
    key: str,
    rows: dict[Any, int],
    dataset: Dataset | None,
    source: str,
    findings: list[Finding],
) -> None:
    """Where results list their own images or classes, these ids stand for those of one name."""
    found = document.get(name)
    if not isinstance(found, list) or not found or dataset is None:
        return
    if not all(isinstance(record, dict) and key in record for record in found):
        return
    own = Records(source, name, found, findings)
    ids = own.column("id", is_id, ID)
    names = own.column(key, is_text, "text")
    theirs: dict[str, int] = {}
    if name == "images":
        for row, image in enumerate(dataset.images):
            base = _base(image.file_name)
            theirs[base] = -1 if base in theirs else row
        theirs |= {image.file_name: row for row, image in enumerate(dataset.images)}
    else:
        theirs = {class_name: label for label, class_name in enumerate(dataset.class_names)}
    rows.clear()
    for identity, text in zip(ids, names, strict=True):
        if identity is not ABSENT and text is not ABSENT:
            row = theirs.get(text, theirs.get(_base(text), -1) if name == "images" else -1)
            if row >= 0:
                rows[identity] = row


def _base(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).name


def _limits(sides: list[list[Any]]) -> np.ndarray:
    """(images, 2) float64 width and height, NaN where they are faulty or not above 0."""
    table = [[v if v is not ABSENT and v > 0 else np.nan for v in side] for side in sides]
    return np.array(table, dtype=np.float64).T.reshape(-1, 2)


def _boxes(
    records: Records,
    owners: list[Any],
    kinds: list[Any],
    shapes: list[Any],
    image_rows: dict[Any, int],
    labels: dict[Any, int],
    limits: np.ndarray,
    scores: list[Any] | None = None,
) -> Boxes:
    """The boxes of all sound records."""
    rows = sorted(records.sound)
    xywh = np.array([shapes[row] for row in rows], dtype=np.float64).reshape(-1, 4)
    images = np.array([image_rows[owners[row]] for row in rows], dtype=np.int64)
    return Boxes(
        xyxy=np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1),
        images=images,
        labels=np.array([labels[kinds[row]] for row in rows], dtype=np.int64),
        limits=limits[images],
        where=lambda row: records.where(rows[row]),
        scores=None if scores is None else np.array([scores[row] for row in rows], np.float64),
    )


def _shown(names: list[Any]) -> list[str]:
    return ["?" if name is ABSENT else name for name in names]


def _filled(smells: Any, values: list[Any], records: Records, field: str) -> Iterator[Finding]:
    """A test of values, for those that are there."""
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


def _annotation_smells(annotations: Records) -> Iterator[Finding]:
    """Ids that other programs trip over; fields that have to be assumed."""
    for field, assumed in (("area", "width * height"), ("iscrowd", "0"), ("id", "nothing")):
        without = annotations.absent(field)
        if without:
            message = (
                f"{len(without)} annotations have no {field!r}; {assumed} is assumed, but "
                "pycocotools stops there"
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
            message = f"id {identity!r:.40} is also that of {known}; pycocotools drops objects"
            yield Finding(WARNING, "annotation id comes twice", where, "id", message)
        elif identity == 0:
            message = "id 0: pycocotools counts this object as never found; count from 1"
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
