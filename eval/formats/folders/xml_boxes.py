"""The annotation files of PASCAL VOC and ILSVRC: one XML file per image, and arrays from many.

The two data sets differ in the meaning of `name` (a class or a WordNet id), in the number of the
first pixel (1 or 0) and in the flag `difficult`, which ILSVRC lacks.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Sequence
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np

from eval.boxes import to_xywh, to_xyxy
from eval.datasets import ImageRecord, Truths
from eval.formats.faults import Fault, FaultHandler
from eval.formats.folders.xml_shapes import box_around_shape
from eval.formats.number_lines import number_of
from eval.formats.text_files import declares_entities
from eval.wording import amount

# Sides that other programs can read as whole numbers, corners whose products remain finite
LARGEST_SIDE, LARGEST_CORNER = 2**63, 1e150
CORNERS = ("xmin", "ymin", "xmax", "ymax")
FLAGS = dict.fromkeys(("0", "0.0", "false", "no", "unspecified", ""), False)
FLAGS |= dict.fromkeys(("1", "1.0", "true", "yes"), True)
DECLARED = re.compile(
    rb"""(?:\xef\xbb\xbf)?\s*<\?xml[^>]*?encoding=["']([A-Za-z0-9._-]+)["'][^>]*\?>"""
)
BARE_AMPERSAND = re.compile(r"&(?!#?\w{1,31};)")


class XmlObject(NamedTuple):
    """One object: class and corners as in the file, and its number in the file, from 1.

    The corners may be those around a polygon or a rotated box.
    """

    name: str
    corners: list[float]
    difficult: bool
    number: int
    around_shape: bool = False


class XmlImage(NamedTuple):
    """The content of one file; sides are 0 and the name is "" where they are missing."""

    file_name: str
    height: int
    width: int
    objects: list[XmlObject]


NOTHING = XmlImage("", 0, 0, [])


def parse_xml(content: bytes, where: str, on_fault: FaultHandler) -> XmlImage:
    """Read one annotation file; `where` names it in faults."""
    root = _root(content, where, on_fault)
    if root is None:
        return NOTHING
    if root.tag != "annotation":
        message = f"the root element is <{root.tag}>; expected <annotation>"
        on_fault(Fault(where, "annotation", message, "not an annotation"))
        return NOTHING
    height, width = (_side(root, side, where, on_fault) for side in ("height", "width"))
    found = [
        _object(element, number, f"{where}: object {number}", on_fault)
        for number, element in enumerate(root.iterfind("object"), start=1)
    ]
    name = (root.findtext("filename") or "").strip()
    return XmlImage(name, height, width, [one for one in found if one is not None])


def _root(content: bytes, where: str, on_fault: FaultHandler) -> ElementTree.Element | None:
    """The root element, also of files in an encoding that the parser lacks or that is not declared.

    Tools on Windows write their own code page without declaring it, and names with a bare `&`.
    """
    if declares_entities(content):
        message = "declares entities, which annotations do not need; remove the DOCTYPE"
        on_fault(Fault(where, "", message, "not XML"))
        return None
    try:
        return ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        text = _text(content)
        if text is not None:
            with contextlib.suppress(ElementTree.ParseError, ValueError):
                return ElementTree.fromstring(BARE_AMPERSAND.sub("&amp;", text))
        message = f"not XML, or cut short ({error}); write it again"
        on_fault(Fault(where, "", message, "not XML"))
        return None


def _text(content: bytes) -> str | None:
    """The text after the XML declaration; None if no likely encoding fits.

    A wrong guess changes letters of names, but no figure: numbers and tags are ASCII.
    """
    declared = DECLARED.match(content)
    first = declared[1].decode("ascii") if declared else "utf-8-sig"
    for encoding in (first, "gb18030", "latin-1"):
        with contextlib.suppress(ValueError, LookupError):
            return content[declared.end() if declared else 0 :].decode(encoding).lstrip()
    return None


def _side(root: ElementTree.Element, side: str, where: str, on_fault: FaultHandler) -> int:
    """A side of the image in pixels, 0 if it is not given."""
    text = (root.findtext(f"size/{side}") or "").strip()
    if not text:
        return 0
    value = number_of(text)
    if 0 <= value <= LARGEST_SIDE and value == int(value):
        return int(value)
    message = f"size/{side} is {text!r:.40}; expected a whole number of pixels"
    on_fault(Fault(where, f"size/{side}", message, "size is no number of pixels"))
    return 0


def _object(
    element: ElementTree.Element, number: int, where: str, on_fault: FaultHandler
) -> XmlObject | None:
    name = (element.findtext("name") or "").strip()
    box = element.find("bndbox")
    texts = {} if box is None else {child.tag: child.text for child in box}
    numbers = [number_of(texts.get(corner)) for corner in CORNERS]
    corners = [one if abs(one) < LARGEST_CORNER else math.nan for one in numbers]
    around = box_around_shape(element) if box is None else None
    if around is not None:
        corners = around
    flag = (element.findtext("difficult") or "0").strip()
    difficult = FLAGS.get(flag.lower())
    xmin, ymin, xmax, ymax = corners
    if name and xmin <= xmax and ymin <= ymax and difficult is not None:  # NaN is never <=
        return XmlObject(name, corners, difficult, number, around is not None)

    if not name:
        message = "no <name>; expected the class of the object"
        on_fault(Fault(where, "name", message, "object without a class"))
    if difficult is None:
        message = f"difficult is {flag!r:.40}; expected 0 or 1"
        on_fault(Fault(where, "difficult", message, "difficult is not 0 or 1"))
    if around is None:
        for corner, value in zip(CORNERS, corners, strict=True):
            if math.isnan(value):
                on_fault(_bad_corner(f"bndbox/{corner}", texts.get(corner), where))
    for low, high in (("xmin", "xmax"), ("ymin", "ymax")):
        if number_of(texts.get(low)) > number_of(texts.get(high)):
            message = f"{high} {texts[high]} is below {low} {texts[low]}; swap or correct them"
            on_fault(Fault(where, f"bndbox/{high}", message, "corners in the wrong order"))
    return None


def _bad_corner(field: str, text: str | None, where: str) -> Fault:
    if text is None:
        return Fault(where, field, f"no <{field}>; expected a number", "missing corner")
    message = f"{field} is {text!r:.40}; expected a number of pixels"
    return Fault(where, field, message, "not a finite number")


def objects_as_arrays(
    objects: Sequence[Sequence[tuple[int, XmlObject]]], layout: str
) -> tuple[Truths, np.ndarray]:
    """Truths and their (M,) int64 image indices from (label, object) pairs of each image."""
    flat = [pair for pairs in objects for pair in pairs]
    boxes = np.array([one.corners for _, one in flat], dtype=np.float64).reshape(-1, 4)
    sides = to_xywh(boxes, layout)[:, 2:]
    truths = Truths(
        boxes=boxes,
        labels=np.array([label for label, _ in flat], dtype=np.int64),
        areas=sides[:, 0] * sides[:, 1],
        difficult=np.array([one.difficult for _, one in flat], dtype=bool),
        crowd=np.zeros(len(flat), dtype=bool),
        layout=layout,
    )
    return truths, np.repeat(np.arange(len(objects)), [len(pairs) for pairs in objects])


def oddities(
    images: Sequence[ImageRecord], truths: Truths, truth_images: np.ndarray
) -> tuple[str, ...]:
    """Notes on images of unknown size and on boxes that reach outside their image."""
    notes = []
    sizes = np.array([(image.width, image.height) for image in images], np.float64).reshape(-1, 2)
    unknown = (sizes == 0).any(axis=1)
    if unknown.any():
        first = images[int(np.argmax(unknown))].file_name
        notes.append(
            f"{amount(int(unknown.sum()), 'image has', 'images have')} no size in the annotation "
            f"(first: {first})"
        )
    boxes, limits = to_xyxy(truths.boxes, truths.layout), sizes[truth_images]
    outside = (boxes[:, :2] < 0).any(axis=1) | (boxes[:, 2:] > limits).any(axis=1)
    outside &= ~unknown[truth_images]
    if outside.any():
        first = images[int(truth_images[np.argmax(outside)])].file_name
        notes.append(
            f"{amount(int(outside.sum()), 'box reaches', 'boxes reach')} outside the image "
            f"(first: {first})"
        )
    return tuple(notes)


def label_objects(
    objects: Sequence[XmlObject],
    labels: dict[str, int],
    where: str,
    on_fault: FaultHandler,
    remedy: str,
) -> list[tuple[int, XmlObject]]:
    """Label and object of each; an unknown name is a fault, whose message ends with `remedy`."""
    pairs = []
    for one in objects:
        label = labels.get(one.name)
        if label is None:
            message = f"name {one.name!r:.60} is not a known class; {remedy}"
            on_fault(Fault(f"{where}: object {one.number}", "name", message, "unknown class"))
        else:
            pairs.append((label, one))
    return pairs
