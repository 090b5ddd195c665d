"""PASCAL VOC: one XML file for each picture, and lists of pictures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

import numpy as np

from eval.errors import EvaluationError
from eval.formats.writing.labelled_image import LabelledImage, rounded

NOT_XML = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
CORNERS = ("xmin", "ymin", "xmax", "ymax")


def voc_xml(image: LabelledImage, class_names: Sequence[str]) -> str:
    """The annotation file of one image.

    Corners are pixels counted from 1, the last one included, so that [0, 0, 10, 10] becomes
    1, 1, 10, 10. Fractions of pixels are kept, as in the files of VOC2012. Boxes narrower than one
    pixel are left out, since xmax would lie below xmin. Crowds are marked as difficult.

    Raises
    ------
    EvaluationError
        A class or file name contains a character that XML cannot hold.
    """
    root = ElementTree.Element("annotation")
    _add(root, "filename", image.file_name)
    if min(image.width, image.height) > 0:
        size = ElementTree.SubElement(root, "size")
        for tag, value in (("width", image.width), ("height", image.height), ("depth", 3)):
            _add(size, tag, str(value))
    _add(root, "segmented", "0")
    corners = inclusive_corners(image)
    for row in np.flatnonzero(held(image)):
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


def inclusive_corners(image: LabelledImage) -> np.ndarray:
    """(N, 4) xmin, ymin, xmax, ymax, counted from 1, the last pixel included."""
    return rounded(image.boxes_xyxy + np.array([1, 1, 0, 0]))


def held(image: LabelledImage) -> np.ndarray:
    """(N,) bool: boxes at least one pixel wide and high."""
    corners = inclusive_corners(image)
    return np.asarray((corners[:, 2:] >= corners[:, :2]).all(axis=1))


def _add(parent: ElementTree.Element, tag: str, text: str) -> None:
    if NOT_XML.search(text):
        raise EvaluationError(
            f"{text!r:.60}: XML cannot hold a control character; rename the class or the picture"
        )
    ElementTree.SubElement(parent, tag).text = text
