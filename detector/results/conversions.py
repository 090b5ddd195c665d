"""Detections as the types of other libraries, which are imported only here.

All functions take the arrays of `Detections`: boxes (N, 4) float32 xyxy in pixels, scores (N,)
float32 and labels (N,) int64.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from detector.extras import MissingLibraryError

if TYPE_CHECKING:
    import pandas
    import supervision
    import torch

BOX = ("x1", "y1", "x2", "y2")


def columns(
    boxes_xyxy: np.ndarray, scores: np.ndarray, labels: np.ndarray, class_names: Sequence[str]
) -> dict[str, Any]:
    """The columns of a table with one row an object: name, label, score, x1, y1, x2, y2."""
    names = [class_names[label] for label in labels.tolist()]
    sides = dict(zip(BOX, boxes_xyxy.T, strict=True))
    return {"name": names, "label": labels, "score": scores, **sides}


def to_records(table: dict[str, Any]) -> list[dict[str, Any]]:
    """One dictionary a row, with the types of JSON."""
    lists = [list(table["name"]), *(table[key].tolist() for key in table if key != "name")]
    return [dict(zip(table, row, strict=True)) for row in zip(*lists, strict=True)]


def to_pandas(table: dict[str, Any]) -> pandas.DataFrame:
    """A data frame of these columns, copied."""
    pandas = _optional("pandas", "to_pandas")
    names = pandas.Series(table["name"], dtype="str")
    return pandas.DataFrame(table | {"name": names}, copy=True)


def to_coco(
    boxes_xyxy: np.ndarray,
    scores: np.ndarray,
    category_ids: Sequence[int | str],
    image_id: int | str,
) -> list[dict[str, Any]]:
    """COCO results; `category_ids` has one id an object."""
    # Corners are rounded, not sides, so that these boxes are those that the other formats hold.
    corners = boxes_xyxy.astype(np.float64).round(3)
    sides = (corners[:, 2:] - corners[:, :2]).round(3)
    boxes_xywh = np.concatenate([corners[:, :2], sides], axis=1).tolist()
    rounded = scores.astype(np.float64).round(6).tolist()
    return [
        {"image_id": image_id, "category_id": category_id, "bbox": bbox, "score": score}
        for category_id, bbox, score in zip(category_ids, boxes_xywh, rounded, strict=True)
    ]


def to_torch(
    boxes_xyxy: np.ndarray, scores: np.ndarray, labels: np.ndarray
) -> dict[str, torch.Tensor]:
    """The dictionary that torchvision's detectors return; labels from 1, since 0 is background."""
    torch = _optional("torch", "to_torch")
    arrays = {"boxes": boxes_xyxy, "labels": labels + 1, "scores": scores}
    return {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}


def to_supervision(
    boxes_xyxy: np.ndarray, scores: np.ndarray, labels: np.ndarray, class_names: Sequence[str]
) -> supervision.Detections:
    """supervision's Detections, copied; its annotators read the names from data["class_name"]."""
    supervision = _optional("supervision", "to_supervision")
    names = np.array([class_names[label] for label in labels.tolist()], dtype=np.str_)
    return supervision.Detections(
        xyxy=boxes_xyxy.copy(),
        confidence=scores.copy(),
        class_id=labels.copy(),
        data={"class_name": names},
    )


def _optional(library: str, method: str) -> Any:
    try:
        return importlib.import_module(library)
    except ModuleNotFoundError as error:
        if error.name != library:
            raise
        raise MissingLibraryError(f"{method} needs {library}; run pip install {library}") from None
