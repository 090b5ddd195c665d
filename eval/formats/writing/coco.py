"""COCO: one JSON document for all pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from eval.datasets import Identity
from eval.formats.writing.file_names import inner_name
from eval.formats.writing.labelled_image import LabelledImage, counted, rounded


def coco_dataset(
    images: Sequence[LabelledImage], class_names: Sequence[str], category_ids: Sequence[Identity]
) -> dict[str, Any]:
    """Images, annotations and categories; ground truth, or detections with a score each.

    Images keep their ids if all have one, and are numbered from 1 otherwise. Annotations are
    numbered from 1. `difficult`, which COCO itself does not define, is written if any object has
    it.
    """
    keep_ids = all(image.id is not None for image in images)
    any_difficult = any(image.difficult.any() for image in images)
    image_records: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, image in enumerate(images, start=1):
        image_id = image.id if keep_ids else number
        record = {"id": image_id, "file_name": image.file_name}
        image_records.append(record | {"width": image.width, "height": image.height})
        origins, ends = image.boxes_xyxy[:, :2], image.boxes_xyxy[:, 2:]
        boxes_xywh = rounded(np.concatenate([origins, ends - origins], axis=1)).tolist()
        for row, bbox in enumerate(boxes_xywh):
            annotation: dict[str, Any] = {
                "id": len(annotations) + 1,
                "image_id": image_id,
                "category_id": category_ids[image.labels[row]],
                "bbox": bbox,
                "area": float(rounded(image.areas[row])),
                "iscrowd": int(image.crowd[row]),
            }
            if any_difficult:
                annotation["difficult"] = int(image.difficult[row])
            if image.scores is not None:
                annotation["score"] = float(image.scores[row])
            annotations.append(annotation)
    categories = [
        {"id": identity, "name": name}
        for identity, name in zip(category_ids, class_names, strict=True)
    ]
    return {"images": image_records, "annotations": annotations, "categories": categories}


def picture_path(file_name: str, split: str) -> str:
    """The place of a picture in the folder that write_coco fills."""
    return f"{split}/{inner_name(file_name)}"


def write_coco(
    images: Sequence[LabelledImage],
    class_names: Sequence[str],
    category_ids: Sequence[Identity],
    folder: Path,
    split: str = "train",
) -> tuple[str, ...]:
    """Write annotations/instances_SPLIT.json; pictures are not copied.

    Ids that are texts are replaced by numbers from 1, because COCO's ids are numbers.

    Returns
    -------
    What the format does not hold, one sentence with a count for each kind.
    """
    if any(isinstance(image.id, str) for image in images):
        images = [replace(image, id=None) for image in images]
    if any(isinstance(identity, str) for identity in category_ids):
        category_ids = range(1, len(class_names) + 1)
    images = [replace(image, file_name=inner_name(image.file_name)) for image in images]
    (folder / "annotations").mkdir(parents=True, exist_ok=True)
    content = _as_json(coco_dataset(images, class_names, category_ids))
    (folder / "annotations" / f"instances_{split}.json").write_bytes(content)
    difficult = sum(int((image.difficult & ~image.crowd).sum()) for image in images)
    return counted({"difficult objects, which count like all others in COCO": difficult})


def write_coco_results(
    images: Sequence[LabelledImage],
    class_names: Sequence[str],
    category_ids: Sequence[Identity],
    folder: Path,
) -> None:
    """Write detections.json: a COCO data set with a score on each annotation, ids unchanged."""
    content = _as_json(coco_dataset(images, class_names, category_ids))
    (folder / "detections.json").write_bytes(content)


def _as_json(document: dict[str, Any]) -> bytes:
    import orjson

    return orjson.dumps(document) + b"\n"
