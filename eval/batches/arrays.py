"""Checked NumPy arrays from the fields of a prediction or target, whichever library made them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from eval.errors import EvaluationError

Fields: TypeAlias = "Mapping[str, Any]"

LARGEST_LABEL = 2**63 - 1
BOX_FORMATS = ("xyxy", "xywh", "cxcywh")


def boxes_in(fields: Fields, where: str, box_format: str) -> np.ndarray:
    """(N, 4) float64 [x, y, width, height] from the field `boxes` in a format of BOX_FORMATS.

    The numbers become float64 before sides are computed, so that nothing is rounded.

    Raises
    ------
    EvaluationError
        The field is missing, has another shape or dtype, contains a number that is not finite, or
        is a torchvision BoundingBoxes in another format.
    """
    given = _field(fields, "boxes", where)
    marked = getattr(getattr(given, "format", None), "name", None)
    if isinstance(marked, str) and marked.lower() != box_format:
        raise EvaluationError(
            f"{where}: boxes are marked as {marked}, but box_format is {box_format!r}"
        )
    array = _array(given, f"{where}: boxes")
    if array.size == 0:  # torch.tensor([]) stands for no boxes
        return np.empty((0, 4))
    if array.ndim != 2 or array.shape[1] != 4:
        raise EvaluationError(f"{where}: boxes of shape {array.shape}; expected (N, 4)")
    return _xywh(_finite(array, f"{where}: boxes"), box_format)


def _xywh(boxes: np.ndarray, box_format: str) -> np.ndarray:
    first, second = boxes[:, :2], boxes[:, 2:]
    if box_format == "xyxy":
        return np.concatenate([first, second - first], axis=1)
    if box_format == "cxcywh":
        return np.concatenate([first - second / 2, second], axis=1)
    return boxes


def numbers_in(fields: Fields, name: str, count: int, where: str) -> np.ndarray:
    """(count,) float64, finite."""
    return _finite(_column(fields, name, count, where), f"{where}: {name}")


def labels_in(fields: Fields, count: int, where: str) -> np.ndarray:
    """(count,) int64 from the field `labels`."""
    labels = _column(fields, "labels", count, where)
    if count and labels.dtype.kind not in "iu":
        raise EvaluationError(f"{where}: labels of dtype {labels.dtype}; expected whole numbers")
    if count and labels.max() > LARGEST_LABEL:  # of an unsigned type, which would become negative
        bad = int(np.argmax(labels))
        raise EvaluationError(
            f"{where}: labels[{bad}] is {labels[bad]}; expected at most {LARGEST_LABEL}"
        )
    return labels.astype(np.int64)


def flags_in(fields: Fields, name: str, count: int, where: str) -> np.ndarray:
    """(count,) bool from zeros and ones; all False if the field is missing."""
    if name not in fields:
        return np.zeros(count, dtype=bool)
    flags = _column(fields, name, count, where)
    wrong = ~np.isin(flags, (0, 1))
    if wrong.any():
        bad = int(np.argmax(wrong))
        raise EvaluationError(f"{where}: {name}[{bad}] is {flags[bad]}; expected 0 or 1")
    return flags.astype(bool)


def identity_in(fields: Fields, where: str) -> int | str | None:
    """The field `image_id`: a whole number, also in an array of one, or a text."""
    given = fields.get("image_id")
    if given is None or isinstance(given, str):
        return given
    array = _array(given, f"{where}: image_id")
    if array.size != 1 or array.dtype.kind not in "iuU":
        raise EvaluationError(
            f"{where}: image_id is {given!r:.60}; expected one whole number or a text"
        )
    return array.reshape(-1)[0].item()


def _column(fields: Fields, name: str, count: int, where: str) -> np.ndarray:
    array = _array(_field(fields, name, where), f"{where}: {name}")
    if array.size == 0 and count == 0:
        return np.empty(0)
    if array.shape != (count,):
        raise EvaluationError(
            f"{where}: {name} of shape {array.shape}; expected ({count},), one for each box"
        )
    if array.dtype.kind not in "biuf":
        raise EvaluationError(f"{where}: {name} of dtype {array.dtype}; expected numbers")
    return array


def _field(fields: Fields, name: str, where: str) -> Any:
    if name not in fields:
        present = ", ".join(map(str, fields)) or "nothing"
        raise EvaluationError(f"{where} has no {name!r}; it has: {present:.80}")
    return fields[name]


def _array(values: Any, what: str) -> np.ndarray:
    """Values of any library as an array; torch's tensors are recognised by their methods."""
    if hasattr(values, "detach"):
        values = _copied(values, what)
    try:
        return np.asarray(values)
    except (TypeError, ValueError):
        raise EvaluationError(f"{what}: {type(values).__name__} is no array of numbers") from None


def _copied(tensor: Any, what: str) -> Any:
    """A tensor of torch as an array in the processor's memory."""
    try:
        copy = tensor.detach().cpu()
        # NumPy has no bfloat16; float64 holds every value of torch's types exactly.
        return (copy.double() if copy.is_floating_point() else copy).numpy()
    except (TypeError, RuntimeError):  # also NotImplementedError, of tensors without values
        kind = [getattr(tensor, name, "?") for name in ("device", "layout", "dtype")]
        raise EvaluationError(
            f"{what}: a tensor (device {kind[0]}, {kind[1]}, {kind[2]}) that does not become an "
            "array; expected a dense one with values"
        ) from None


def _finite(array: np.ndarray, what: str) -> np.ndarray:
    """The (N,) or (N, 4) array in float64, if it consists of finite numbers."""
    if array.dtype.kind not in "iuf":
        raise EvaluationError(f"{what} of dtype {array.dtype}; expected numbers")
    numbers = array.astype(np.float64)
    finite = np.isfinite(numbers)
    if not finite.all():
        bad = int(np.argwhere(~finite)[0, 0])
        raise EvaluationError(f"{what}[{bad}] is {numbers[bad].tolist()}; expected finite numbers")
    return numbers
