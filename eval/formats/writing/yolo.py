"""YOLO: a text file of boxes in fractions for each picture, and data.yaml with the classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from eval.errors import EvaluationError
from eval.formats.writing.file_names import bare_name, check_stems, flat_name, stem_of
from eval.formats.writing.labelled_image import (
    LabelledImage,
    check_size,
    counted,
    cut_at_border,
    rounded,
)

# With 12 digits a box of a picture 100,000 pixels wide comes back to a ten-millionth of a pixel.
DIGITS = 12


def yolo_lines(image: LabelledImage) -> str:
    """One line an object: `class x_center y_center width height`, and the score if there is one.

    The class is the label, from 0. Boxes are fractions of the image. Crowds are left out. A box
    that fractions from 0 to 1 cannot hold, because its centre lies outside the image or because it
    is larger than the image, is cut at the image's border; it is left out if nothing remains.

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


def picture_path(file_name: str, split: str) -> str:
    """The place of a picture in the folder that write_yolo fills."""
    return f"images/{split}/{flat_name(file_name)}"


def write_yolo(
    images: Sequence[LabelledImage], class_names: Sequence[str], folder: Path, split: str = "train"
) -> tuple[str, ...]:
    """Write labels/SPLIT/IMAGE.txt for every image, and data.yaml; pictures are not copied.

    data.yaml lists the splits that were written into the folder. Training programs ask for both
    `train` and `val`: if one is missing, the other stands for it.

    Returns
    -------
    What the format does not hold, one sentence with a count for each kind.

    Raises
    ------
    EvaluationError
        The size of an image is unknown, or two pictures have the same name but for the suffix.
    """
    names = [flat_name(image.file_name) for image in images]
    _write_texts(images, names, folder / "labels" / split)
    _write_yaml(class_names, folder)
    difficult = sum(int((image.difficult & ~image.crowd).sum()) for image in images)
    return (
        *counted({"difficult objects, which YOLO does not mark": difficult}),
        *_losses(images),
    )


def write_yolo_results(
    images: Sequence[LabelledImage], class_names: Sequence[str], folder: Path
) -> tuple[str, ...]:
    """Write labels/IMAGE.txt with scores, as YOLO programs save detections, and classes.txt.

    IMAGE is the name of the picture without folders and suffix, which read_yolo_results expects.
    Returns and raises the same as write_yolo.
    """
    text = class_list(class_names)
    names = [bare_name(image.file_name) for image in images]
    _write_texts(images, names, folder / "labels")
    (folder / "classes.txt").write_text(text, encoding="utf-8")
    return _losses(images)


def class_list(class_names: Sequence[str]) -> str:
    """The content of classes.txt: the name of a class on each line, in the order of the numbers.

    Raises
    ------
    EvaluationError
        A line does not hold the name of a class.
    """
    for name in class_names:
        if name.strip().splitlines() != [name]:
            raise EvaluationError(
                f"{name!r:.60}: a line of classes.txt keeps neither an empty name, nor line "
                "breaks, nor blanks at the ends; rename the class"
            )
    return "".join(f"{name}\n" for name in class_names)


def _write_texts(images: Sequence[LabelledImage], names: Sequence[str], folder: Path) -> None:
    check_stems(names, "YOLO")
    folder.mkdir(parents=True, exist_ok=True)
    for image, name in zip(images, names, strict=True):
        (folder / f"{stem_of(name)}.txt").write_text(yolo_lines(image), encoding="utf-8")


def _write_yaml(class_names: Sequence[str], folder: Path) -> None:
    import yaml

    splits = {path.name: f"images/{path.name}" for path in sorted((folder / "labels").iterdir())}
    other = splits.get("train") or splits.get("val") or next(iter(splits.values()))
    # Without an entry `path`, places are relative to data.yaml, so that the folder can be moved.
    content = {"train": other, "val": other, **splits, "names": dict(enumerate(class_names))}
    text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=10**6)
    (folder / "data.yaml").write_text(text, encoding="utf-8")


class _Rows(NamedTuple):
    """(N, 4) boxes in fractions, (N,) bool those that are written and those that were cut."""

    fractions: np.ndarray
    kept: np.ndarray
    cut: np.ndarray


def _rows(image: LabelledImage) -> _Rows:
    check_size(image, "YOLO's fractions")
    fractions = _fractions(image.boxes_xyxy, image)
    too_large = np.asarray(((fractions < 0) | (fractions > 1)).any(axis=1))
    inside, _, gone = cut_at_border(image)
    fractions = np.where(too_large[:, None], _fractions(inside, image), fractions)
    return _Rows(fractions, ~image.crowd & ~(too_large & gone), too_large)


def _fractions(boxes_xyxy: np.ndarray, image: LabelledImage) -> np.ndarray:
    sides = boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]
    pixels = np.concatenate([boxes_xyxy[:, :2] + sides / 2, sides], axis=1)
    return rounded(pixels / ([image.width, image.height] * 2), DIGITS)


def _losses(images: Sequence[LabelledImage]) -> tuple[str, ...]:
    pairs = [(_rows(image), ~image.crowd) for image in images]
    return counted(
        {
            "crowds, which YOLO does not mark and which were left out": sum(
                int(image.crowd.sum()) for image in images
            ),
            "boxes outside their image, which were left out": sum(
                int((~rows.kept & objects).sum()) for rows, objects in pairs
            ),
            "boxes that were cut at the border of their image, since fractions end at 1": sum(
                int((rows.cut & rows.kept).sum()) for rows, _ in pairs
            ),
        }
    )


def _text(fraction: float) -> str:
    return f"{fraction:.{DIGITS}f}".rstrip("0").rstrip(".")
