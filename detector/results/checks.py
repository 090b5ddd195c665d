"""Checks of the fields of Detections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from detector.errors import DetectorError


def checked(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of Detections in their documented types.

    Raises
    ------
    DetectorError
        Shapes, lengths or values are inconsistent.
    """
    names = tuple(fields["class_names"])
    identities = tuple(fields["category_ids"]) or tuple(range(1, len(names) + 1))
    values: dict[str, Any] = {
        "boxes_xyxy": _array(fields["boxes_xyxy"], "boxes_xyxy", np.float32, (-1, 4)),
        "scores": _array(fields["scores"], "scores", np.float32, (-1,)),
        "labels": _array(fields["labels"], "labels", np.int64, (-1,)),
        "class_names": names,
        "image_size": tuple(int(side) for side in fields["image_size"]),
        "category_ids": tuple(i if isinstance(i, str) else int(i) for i in identities),
    }
    _check_lengths(values)
    _check_rows(values["boxes_xyxy"], values["scores"], values["labels"], len(names))
    _check_image(fields["image"], values["image_size"])
    return values


def _array(values: Any, name: str, dtype: type, shape: tuple[int, ...]) -> np.ndarray:
    array = np.asarray(values)
    if array.size == 0:
        return np.zeros([max(side, 0) for side in shape], dtype=dtype)
    kinds = "iu" if dtype is np.int64 else "iuf"
    fits = array.ndim == len(shape) and array.shape[1:] == shape[1:]
    if not fits or array.dtype.kind not in kinds:
        expected = "(N, 4)" if len(shape) == 2 else "(N,)"
        raise DetectorError(
            f"{name} is {array.dtype} {array.shape}; expected {np.dtype(dtype)} {expected}"
        )
    return array.astype(dtype, copy=False)


def _check_lengths(values: Mapping[str, Any]) -> None:
    boxes, scores, labels = (len(values[name]) for name in ("boxes_xyxy", "scores", "labels"))
    if not boxes == scores == labels:
        raise DetectorError(
            f"{boxes} boxes_xyxy, {scores} scores, {labels} labels; expected equal numbers"
        )
    identities, classes = len(values["category_ids"]), len(values["class_names"])
    if identities != classes:
        raise DetectorError(
            f"{identities} category_ids for {classes} class_names; expected equal numbers"
        )


def _check_rows(boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray, classes: int) -> None:
    if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
        raise DetectorError("boxes_xyxy or scores contain NaN or infinity; expected finite numbers")
    crossed = (boxes[:, 2:] < boxes[:, :2]).any(axis=1)
    if crossed.any():
        row = int(np.argmax(crossed))
        raise DetectorError(
            f"boxes_xyxy[{row}] is {boxes[row].tolist()}; expected [x1, y1, x2, y2] with "
            "x2 >= x1 and y2 >= y1"
        )
    if len(labels) and not 0 <= labels.min() <= labels.max() < classes:
        raise DetectorError(
            f"labels lie in {labels.min()}..{labels.max()}; expected 0..{classes - 1}, "
            f"indices of {classes} class_names"
        )


def _check_image(image: Any, image_size: tuple[int, ...]) -> None:
    if len(image_size) != 2 or min(image_size) < 1:
        raise DetectorError(f"image_size is {image_size}; expected (height, width) above 0")
    if image is None:
        return
    if not isinstance(image, np.ndarray):
        raise DetectorError(f"image is a {type(image).__name__}; expected read_image's array")
    shape, is_rgb = image.shape, image.dtype == np.uint8 and image.shape[2:] == (3,)
    if not is_rgb or (shape[:2] != image_size and not _is_reduced(shape[:2], image_size)):
        raise DetectorError(
            f"image is {image.dtype} {shape}; expected uint8 {(*image_size, 3)}, or fewer pixels "
            "in the same proportions"
        )


def _is_reduced(shape: tuple[int, ...], size: tuple[int, ...]) -> bool:
    """Whether a shape is smaller than a size and has its proportions, up to a rounded side."""
    turned = abs(shape[0] * size[1] - shape[1] * size[0])
    return 0 < max(shape) < max(size) and turned <= max(size)
