"""The linter for detections in COCO JSON."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from eval.checking.records import (
    BOX,
    ID,
    NUMBER,
    Records,
    boxes_of,
    is_box,
    is_id,
    is_number,
    is_text,
    list_of,
    shifted_ids,
)
from eval.checking.smells import (
    ERROR,
    NOTE,
    WARNING,
    Finding,
    box_smells,
    score_smells,
)
from eval.datasets import Dataset
from eval.formats.coco.plain_records import plain_results
from eval.formats.json_files import ABSENT
from eval.formats.results.class_names import labels_by_name
from eval.formats.results.coco_ids import ids_by_name, ids_of
from eval.formats.results.coco_records import class_names_of
from eval.formats.results.image_names import rows_of_own_ids
from eval.formats.results.other_ids import rows_of_other_ids
from eval.records import systematic_mistake
from eval.wording import amount


def is_results(document: Any) -> bool:
    """Whether a JSON document contains detections: a list, or annotations with scores."""
    if isinstance(document, dict):
        annotations = document.get("annotations")
        first = annotations[0] if isinstance(annotations, list) and annotations else None
        return isinstance(first, dict) and "score" in first
    return isinstance(document, list)


def check_results(
    document: Any,
    source: str,
    dataset: Dataset | None,
    findings: list[Finding],
    *,
    names: str | os.PathLike[str] | None = None,
    skip_unlisted: bool = False,
) -> None:
    """Add findings on detections in COCO JSON; without `dataset` ids and sizes are not checked.

    `names` and `skip_unlisted` are explained at read_detections.
    """
    image_rows: dict[Any, int] = {} if dataset is None else dict(dataset.image_index_by_id)
    labels: dict[Any, int] = {}
    if dataset is not None:
        labels = dict(ids_of(None, dataset, source, names).labels)
    reasons: dict[Any, str] = {}
    if isinstance(document, dict) and "annotations" not in document:
        has = ", ".join(map(str, document)) or "nothing"
        message = f"expected a list, or an object with 'annotations'; it has: {has:.80}"
        findings.append(Finding(ERROR, "no list", source, "annotations", message))
        return
    if isinstance(document, dict):
        records = list_of(document, "annotations", source, findings)
        for rows, name, key in (
            (image_rows, "images", "file_name"),
            (labels, "categories", "name"),
        ):
            reasons |= _renumber(document, name, key, rows, dataset, source, findings)
    elif isinstance(document, list):
        records = Records(source, "record", document, findings)
    else:
        message = f"expected a list of detections; got {type(document).__name__}"
        findings.append(Finding(ERROR, "no list", source, "", message))
        return
    records.records = plain_results(records.records)
    if dataset is not None:
        labels |= _classes_by_name(records, labels, dataset)
    owners = records.column("image_id", is_id, ID)
    kinds = records.column("category_id", is_id, ID)
    if dataset is not None:
        own = image_rows != dataset.image_index_by_id
        by_name = None if own else ids_by_name(dataset)
        if (
            not own
            and ABSENT not in owners
            and (others := rows_of_other_ids(owners, records.records, dataset, skip=skip_unlisted))
        ):
            image_rows, message = others
            findings.append(Finding(WARNING, "other image ids", source, "image_id", message))
        records.known("image_id", owners, image_rows, "the ground truth's images", by_name, reasons)
        findings += _unknown_categories(records, kinds, labels)
        sizes = [(image.width or np.nan, image.height or np.nan) for image in dataset.images]
        limits = np.array(sizes, np.float64).reshape(-1, 2)
    else:
        image_rows = {owner: row for row, owner in enumerate(dict.fromkeys(owners))}
        labels = {kind: label for label, kind in enumerate(dict.fromkeys(kinds))}
        limits = np.full((len(image_rows), 2), np.nan)
        message = "ids and sizes are not checked; name the ground truth with --data"
        findings.append(Finding(NOTE, "results alone", source, "", message))
    shapes = records.column("bbox", is_box, BOX)
    scores = records.column("score", is_number, NUMBER)
    boxes = boxes_of(records, owners, kinds, shapes, image_rows, labels, limits, scores)
    findings += box_smells(boxes, source)
    findings += score_smells(boxes, source)
    if not records.records:
        message = "no detections: every object will count as missed"
        findings.append(Finding(WARNING, "empty list", source, "", message))
    images = amount(len(set(boxes.images.tolist())), "image")
    content = f"{amount(len(records.records), 'detection')} on {images}"
    findings.append(Finding(NOTE, "content", source, "", content))


def _classes_by_name(records: Records, labels: dict[Any, int], dataset: Dataset) -> dict[Any, int]:
    """The label of each class name, if the reader finds classes by name; they become the ids."""
    rows = records.records
    if not rows or not all(isinstance(record, dict) for record in rows):
        return {}
    words, field = class_names_of(rows)
    ids = [record.get("category_id", ABSENT) for record in rows]
    if all(isinstance(identity, str) for identity in ids):
        words, field = [str(identity) for identity in ids], "category_id"
    elif not field or not all(identity is ABSENT for identity in ids):
        return {}
    by_name, notes = labels_by_name(words, dataset.class_names)
    known = {name: label for name, label in by_name.items() if label >= 0}
    if any(word in labels for word in words) or not known:
        return {}
    records.records = [{**r, "category_id": word} for r, word in zip(rows, words, strict=True)]
    message = "; ".join((f"classes were read by the field {field!r}, as names", *notes))
    records.findings.append(Finding(NOTE, "how it was read", records.source, field, message))
    return known


def _unknown_categories(
    records: Records, kinds: list[Any], labels: dict[Any, int]
) -> Iterator[Finding]:
    """Warn of left out detections of unknown categories; if all are unknown, add errors."""
    unknown: dict[Any, list[int]] = {}
    for position, kind in enumerate(kinds):
        if kind is not ABSENT and kind not in labels:
            unknown.setdefault(kind, []).append(position)
            records.sound.discard(position)
    all_unknown = not any(kind is ABSENT or kind in labels for kind in kinds)
    severity, remedy = (ERROR, "like all others") if all_unknown else (WARNING, "left out")
    beside = shifted_ids(kinds, labels)
    for kind, positions in unknown.items():
        mistake = systematic_mistake(kind, labels, beside)
        hint = f"; {mistake}" if mistake else ""
        message = (
            f"category_id {kind!r:.60} is not listed in the ground truth's categories; "
            f"{amount(len(positions), 'detection')} of it, {remedy}{hint}"
        )
        where = records.where(positions[0])
        yield Finding(
            severity,
            f"{records.name}: unknown category_id",
            where,
            "category_id",
            message,
            len(positions),
        )


def _renumber(
    document: dict[str, Any],
    name: str,
    key: str,
    rows: dict[Any, int],
    dataset: Dataset | None,
    source: str,
    findings: list[Finding],
) -> dict[Any, str]:
    """Replace `rows` by those of the ids that results define for their images or categories.

    Returns why ids of images have no row.
    """
    listed = document.get(name)
    if not isinstance(listed, list) or not listed or dataset is None:
        return {}
    if not all(isinstance(record, dict) and key in record for record in listed):
        return {}
    own = Records(source, name, listed, findings)
    ids = own.column("id", is_id, ID)
    names = own.column(key, is_text, "text")
    pairs = [
        (identity, text)
        for identity, text in zip(ids, names, strict=True)
        if identity is not ABSENT and text is not ABSENT
    ]
    rows.clear()
    if name == "images":
        image_rows, reasons = rows_of_own_ids(
            [identity for identity, _ in pairs], [text for _, text in pairs], dataset
        )
        rows.update(image_rows)
        return reasons
    theirs = {class_name: label for label, class_name in enumerate(dataset.class_names)}
    rows.update({identity: theirs[text] for identity, text in pairs if text in theirs})
    return {}
