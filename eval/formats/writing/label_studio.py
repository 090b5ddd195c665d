"""Label Studio: tasks with rectangles, to be imported into a project."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import numpy as np

from eval.errors import EvaluationError
from eval.formats.writing.labelled_image import LabelledImage

# Where Label Studio serves files of a local folder; its own converters have the same default.
LOCAL_FILES = "/data/local-files/?d="


def label_studio_tasks(
    images: Sequence[LabelledImage], class_names: Sequence[str], image_root: str = LOCAL_FILES
) -> list[dict[str, Any]]:
    """One task an image: detections become predictions, ground truth becomes annotations.

    Parameters
    ----------
    image_root
        The address of the pictures, in front of each file name.

    Raises
    ------
    EvaluationError
        The size of an image is unknown.
    """
    return [_task(image, class_names, image_root) for image in images]


def _task(image: LabelledImage, class_names: Sequence[str], image_root: str) -> dict[str, Any]:
    data = {"image": image_root + quote(image.file_name)}
    result = _regions(image, class_names)
    if image.scores is None:
        return {"data": data, "annotations": [{"result": result}]}
    score = float(image.scores.mean()) if len(image) else 0.0
    prediction = {"model_version": "detections", "score": score, "result": result}
    return {"data": data, "predictions": [prediction]}


def _regions(image: LabelledImage, class_names: Sequence[str]) -> list[dict[str, Any]]:
    if min(image.width, image.height) <= 0:
        raise EvaluationError(
            f"{image.file_name}: its size is unknown, and Label Studio's percentages need it; add "
            "width and height to the data set"
        )
    sides = image.boxes_xyxy[:, 2:] - image.boxes_xyxy[:, :2]
    boxes = np.concatenate([image.boxes_xyxy[:, :2], sides], axis=1)
    percent = np.round(100 * boxes / ([image.width, image.height] * 2), 10) + 0.0
    regions = []
    for row, (x, y, width, height) in enumerate(percent.tolist()):
        value = {"x": x, "y": y, "width": width, "height": height, "rotation": 0}
        region: dict[str, Any] = {
            "id": f"box{row + 1}",
            "type": "rectanglelabels",
            "from_name": "label",
            "to_name": "image",
            "original_width": image.width,
            "original_height": image.height,
            "image_rotation": 0,
            "value": {**value, "rectanglelabels": [class_names[image.labels[row]]]},
        }
        if image.scores is not None:
            region["score"] = float(image.scores[row])
        regions.append(region)
    return regions
