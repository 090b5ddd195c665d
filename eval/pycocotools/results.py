"""Results in COCO's format, completed as pycocotools does: callers rely on the keys it adds."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np

from eval.errors import EvaluationError
from eval.pycocotools.masks import runs


def check_images(found: Iterable[Any], known: Collection[Any]) -> None:
    """Raise EvaluationError if results name an image id that the data set does not have."""
    unknown = set(found).difference(known)
    if unknown:
        raise EvaluationError(
            f"results: {len(unknown)} image ids are not in the data set, such as "
            f"{min(unknown, key=str)!r}; the results belong to another data set"
        )


def complete(records: list[dict[str, Any]]) -> None:
    """Add `id`, `area` and the like to each record; the first one decides what the records are."""
    for number, record in enumerate(records, start=1):
        record["id"] = number
    if not records or "caption" in records[0]:
        return
    if "bbox" in records[0] and len(records[0]["bbox"]):
        for record in records:
            left, top, width, height = record["bbox"][:4]
            right, bottom = left + width, top + height
            if "segmentation" not in record:
                record["segmentation"] = [[left, top, left, bottom, right, bottom, right, top]]
            record["area"] = width * height
            record["iscrowd"] = 0
    elif "segmentation" in records[0]:
        masks = runs.read(runs.texts_of(records), records.__getitem__)
        areas = masks.areas.astype(np.uint32)
        for record, area, box in zip(records, areas, masks.boxes, strict=True):
            record["area"] = area
            if "bbox" not in record:
                record["bbox"] = box
            record["iscrowd"] = 0
    elif "keypoints" in records[0]:
        for record in records:
            points = np.array(record["keypoints"])
            (left, top), (right, bottom) = (
                function((points[0::3], points[1::3]), axis=1) for function in (np.min, np.max)
            )
            record["area"] = (right - left) * (bottom - top)
            record["bbox"] = [left, top, right - left, bottom - top]


def records_of_rows(data: np.ndarray) -> list[dict[str, Any]]:
    """Records from an array (N, 7): image id, x, y, width, height, score, category id."""
    if data.ndim != 2 or data.shape[1] != 7:
        raise EvaluationError(
            f"results: an array of shape {data.shape}; expected (N, 7): image id, x, y, width, "
            "height, score, category id"
        )
    return [
        {
            "image_id": int(row[0]),
            "bbox": [row[1], row[2], row[3], row[4]],
            "score": row[5],
            "category_id": int(row[6]),
        }
        for row in data
    ]
