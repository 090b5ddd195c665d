"""PASCAL VOC: one XML file for each picture, and lists of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from eval.errors import EvaluationError
from eval.formats.folders.voc_files import INCLUSIVE_HEADER
from eval.formats.folders.xml_boxes import LARGEST_CORNER
from eval.formats.writing.file_names import NOT_XML, check_stems, flat_name, stem_of
from eval.formats.writing.labelled_image import LabelledImage, counted, rounded

CORNERS = ("xmin", "ymin", "xmax", "ymax")


def voc_xml(image: LabelledImage, class_names: Sequence[str]) -> str:
    """The annotation file of one image.

    Corners are pixels counted from 1, the last one included, so that [0, 0, 10, 10] becomes
    1, 1, 10, 10. Fractions of pixels are kept, as in the files of VOC2012. Boxes narrower than one
    pixel are left out, since xmax would lie below xmin, and so are boxes at places that no reader
    takes. Crowds are marked as difficult.

    Raises
    ------
    EvaluationError
        A class or file name is empty or contains a control character, or begins or ends with a
        blank, which readers of XML remove.
    """
    root = ElementTree.Element("annotation")
    _add(root, "filename", image.file_name)
    if min(image.width, image.height) > 0:
        size = ElementTree.SubElement(root, "size")
        for tag, value in (("width", image.width), ("height", image.height), ("depth", 3)):
            _add(size, tag, str(value))
    _add(root, "segmented", "0")
    corners = _inclusive_corners(image)
    for row in np.flatnonzero(_held(corners)):
        one = ElementTree.SubElement(root, "object")
        _add(one, "name", class_names[image.labels[row]])
        _add(one, "pose", "Unspecified")
        _add(one, "truncated", "0")
        _add(one, "difficult", str(int(image.difficult[row] | image.crowd[row])))
        box = ElementTree.SubElement(one, "bndbox")
        for tag, value in zip(CORNERS, corners[row].tolist(), strict=True):
            _add(box, tag, str(int(value)) if value == int(value) else repr(value))
    ElementTree.indent(root, "\t")
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def picture_path(file_name: str, split: str) -> str:
    """The place of a picture in the folder that write_voc fills; splits share one folder."""
    return f"JPEGImages/{_name(file_name)}"


def write_voc(
    images: Sequence[LabelledImage], class_names: Sequence[str], folder: Path, split: str = "train"
) -> tuple[str, ...]:
    """Write Annotations/IMAGE.xml for every image, ImageSets/Main/SPLIT.txt and labelmap.txt.

    The last one lists the classes, as in the exports of CVAT; the devkit has no such file. Several
    splits may be written into one folder. Blanks in file names become underscores, because lists of
    VOC separate words by blanks. Pictures are not copied.

    Returns
    -------
    What the format does not hold, one sentence with a count for each kind.

    Raises
    ------
    EvaluationError
        As voc_xml; or two pictures have the same name but for the suffix; or the name of a class
        contains a line break.
    """
    names = [_name(image.file_name) for image in images]
    annotations, lists = folder / "Annotations", folder / "ImageSets" / "Main"
    earlier = sorted(f"{path.stem}.jpg" for path in annotations.glob("*.xml"))
    check_stems([*earlier, *names], "VOC")
    annotations.mkdir(parents=True, exist_ok=True)
    lists.mkdir(parents=True, exist_ok=True)
    for image, name in zip(images, names, strict=True):
        text = voc_xml(replace(image, file_name=name), class_names)
        (annotations / f"{stem_of(name)}.xml").write_text(text, encoding="utf-8")
    lines = "".join(f"{stem_of(name)}\n" for name in names)
    (lists / f"{split}.txt").write_text(lines, encoding="utf-8")
    (folder / "labelmap.txt").write_text(_label_map(class_names), encoding="utf-8")
    others = sum(not name.endswith(".jpg") for name in names)
    return (
        *_losses(images),
        *counted({"pictures other than .jpg, which the devkit does not find": others}),
    )


def _label_map(class_names: Sequence[str]) -> str:
    """NAME:COLOUR:PARTS:ACTIONS a line; all but the name may be empty."""
    for name in class_names:
        _check_text(name)
        if "\n" in name:
            raise EvaluationError(f"{name!r:.60}: a line holds no line break; rename the class")
    rows = "".join(f"{name}:::\n" for name in class_names)
    return f"{INCLUSIVE_HEADER}\n{rows}"


def _name(file_name: str) -> str:
    return "_".join(flat_name(file_name).split())


def _inclusive_corners(image: LabelledImage) -> np.ndarray:
    """(N, 4) xmin, ymin, xmax, ymax, counted from 1, the last pixel included."""
    return rounded(image.boxes_xyxy + np.array([1, 1, 0, 0]))


def _held(corners: np.ndarray) -> np.ndarray:
    """(N,) bool: boxes at least one pixel wide and high, at places that are read again."""
    return np.asarray((corners[:, 2:] >= corners[:, :2]).all(axis=1)) & ~_endless(corners)


def _endless(corners: np.ndarray) -> np.ndarray:
    return np.asarray((np.abs(corners) >= LARGEST_CORNER).any(axis=1))


def _losses(images: Sequence[LabelledImage]) -> tuple[str, ...]:
    crowds = narrow = endless = fractional = 0
    for image in images:
        corners = _inclusive_corners(image)
        held = _held(corners)
        crowds += int((image.crowd & held).sum())
        endless += int(_endless(corners).sum())
        narrow += int((~held & ~_endless(corners)).sum())
        fractional += int((corners[held] % 1 != 0).any(axis=1).sum())
    return counted(
        {
            "crowds, which VOC does not mark and which became difficult objects": crowds,
            "boxes narrower than a pixel, which were left out": narrow,
            f"boxes that end {LARGEST_CORNER:g} pixels away, which were left out": endless,
            "boxes with fractions of pixels, which some readers of VOC reject": fractional,
        }
    )


def _add(parent: ElementTree.Element, tag: str, text: str) -> None:
    _check_text(text)
    ElementTree.SubElement(parent, tag).text = text


def _check_text(text: str) -> None:
    if not text or NOT_XML.search(text) or text != text.strip():
        raise EvaluationError(
            f"{text!r:.60}: XML keeps neither an empty name, nor control characters, nor blanks at "
            "the ends; rename the class or the picture"
        )
