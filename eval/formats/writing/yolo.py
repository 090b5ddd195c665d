"""YOLO: a text file of boxes in fractions for each picture, and data.yaml with the classes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eval.errors import EvaluationError
from eval.formats.writing.labelled_image import LabelledImage

# With 12 digits a box of a picture 100,000 pixels wide comes back to a ten-millionth of a pixel.
DIGITS = 12


def yolo_lines(image: LabelledImage) -> str:
    """One line an object: `class x_center y_center width height`, and the score if there is one.

    The class is the label, from 0. Boxes are fractions of the image. Crowds are left out. A box
    that fractions from 0 to 1 cannot hold, because its centre lies outside the image or because it
    is larger than the image, is cut at the image's border.

    Raises
    ------
    EvaluationError
        The size of the image is unknown.
    """
    rows = _rows(image)
    lines = []
    for row, box in zip(np.flatnonzero(rows.kept), rows.fractions[rows.kept], strict=True):
        words = [str(image.labels[row]), *map(_text, box.tolist())]
        if image.scores is not None:
            words.append(repr(float(image.scores[row])))
        lines.append(" ".join(words) + "\n")
    return "".join(lines)


class _Rows(NamedTuple):
    """(N, 4) boxes in fractions, (N,) bool those that are written and those that were cut."""

    fractions: np.ndarray
    kept: np.ndarray
    cut: np.ndarray


def _rows(image: LabelledImage) -> _Rows:
    if min(image.width, image.height) <= 0:
        raise EvaluationError(
            f"{image.file_name}: its size is unknown, and YOLO's fractions need it; add width and "
            "height to the data set"
        )
    fractions = _fractions(image.boxes_xyxy, image)
    cut = np.asarray(((fractions < 0) | (fractions > 1)).any(axis=1))
    corners = image.boxes_xyxy.clip(0, [image.width, image.height] * 2)
    outside = cut & np.asarray((corners[:, 2:] <= corners[:, :2]).any(axis=1))
    fractions = np.where(cut[:, None], _fractions(corners, image), fractions)
    return _Rows(fractions, ~image.crowd & ~outside, cut)


def _fractions(boxes_xyxy: np.ndarray, image: LabelledImage) -> np.ndarray:
    sides = boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]
    pixels = np.concatenate([boxes_xyxy[:, :2] + sides / 2, sides], axis=1)
    return np.round(pixels / ([image.width, image.height] * 2), DIGITS) + 0.0


def _text(fraction: float) -> str:
    return f"{fraction:.{DIGITS}f}".rstrip("0").rstrip(".")
