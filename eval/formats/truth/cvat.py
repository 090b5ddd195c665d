"""Ground truth in the XML of CVAT, "CVAT for images 1.1": one file for all pictures.

https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

from eval.datasets import Dataset
from eval.errors import EvaluationError
from eval.formats.coco.mask_boxes import box_of_mask
from eval.formats.faults import FaultHandler, refuse
from eval.formats.foreign import kind_of_xml
from eval.formats.number_lines import number_of
from eval.formats.text_files import declares_entities, read_bytes
from eval.formats.truth.gathering import Gathering
from eval.formats.truth.shapes import around_ellipse, around_points, around_rotated
from eval.formats.truth.split_files import file_of_split

FILE = "annotations.xml"
TRUE = ("1", "true", "yes")
CORNERS = ("xtl", "ytl", "xbr", "ybr")


def read_cvat(
    path: str | os.PathLike[str], split: str | None = None, *, on_fault: FaultHandler = refuse
) -> Dataset:
    """Read annotations.xml, or the unpacked export with it, of a task, a job or a project.

    Boxes are continuous from 0. A rotated box, a polygon, an ellipse and a mask count as the box
    around them; polylines, points, cuboids, skeletons and tags are left out; notes say how many.
    The attributes `difficult` and `is_crowd` (or `iscrowd`) of an object are read. Classes are the
    labels of the task in their order, and their ids are 1, 2, and so on. The id of a picture is the
    stem of its file name.

    Parameters
    ----------
    split
        A subset of a project, or the file of that name. Default: all pictures of the only file.

    Raises
    ------
    EvaluationError
        The message names file, picture and object: XML that is cut short, an object without a class
        or box, an unknown subset, or tracks of a video.
    """
    place = Path(path)
    file = place
    if place.is_dir():
        files = cvat_files(place)
        file = file_of_split(place, files, None if len(files) == 1 else split)
        split = split if len(files) == 1 else None
    found = Gathering(on_fault)
    labels: list[str] = []
    subsets: dict[str, None] = {}
    around = 0
    for element in _elements(file):
        if element.tag == "track":
            raise EvaluationError(
                f"{file.name}: this is CVAT's XML of a video, which does not name its pictures; "
                "export the task as 'CVAT for images 1.1'"
            )
        if element.tag != "image":
            labels += _labels(element)
            continue
        subset = element.get("subset") or ""
        subsets[subset] = None
        if split is None or subset == split:
            around += _read_picture(element, file.name, found)
    if split is not None and split not in subsets:
        there = ", ".join(filter(None, subsets)) or "none"
        raise EvaluationError(f"{file.name}: no subset {split!r:.40}; its subsets are {there}")
    shapes = f"{around} rotated boxes, polygons, ellipses or masks: the box around each one counts"
    return found.dataset(place, class_names=labels, notes=(shapes,) if around else ())


def cvat_files(folder: Path) -> list[Path]:
    """annotations.xml, or the files that Datumaro calls after the subsets; [] without any."""
    if (folder / FILE).is_file():
        return [folder / FILE] if kind_of_xml(folder / FILE) == "CVAT" else []
    paths = [path for path in sorted(folder.glob("*.xml")) if path.is_file()]
    if not paths or kind_of_xml(paths[0]) != "CVAT":  # a folder of VOC may have many files
        return []
    return [path for path in paths if kind_of_xml(path) == "CVAT"]


def _elements(path: Path) -> Iterator[ElementTree.Element]:
    """Each picture, track and head of a file in turn; their memory is freed."""
    content = read_bytes(path)
    if declares_entities(content):
        raise EvaluationError(
            f"{path.name}: declares entities, which annotations do not need; remove the DOCTYPE"
        )
    try:
        parser = ElementTree.iterparse(io.BytesIO(content), ("start", "end"))
        root = next(parser)[1]
        if root.tag != "annotations":
            raise EvaluationError(f"{path.name}: the root is <{root.tag}>; expected <annotations>")
        for event, element in parser:
            if event == "end" and element.tag in ("image", "track", "meta"):
                yield element
                root.clear()
    except (ElementTree.ParseError, ValueError, LookupError, StopIteration) as error:
        raise EvaluationError(
            f"{path.name}: not XML, or cut short ({error}); export it again"
        ) from None


def _labels(meta: ElementTree.Element) -> list[str]:
    """The labels that boxes may have, without those of parts of skeletons and of whole pictures."""
    return [
        name.strip()
        for label in meta.iter("label")
        if (name := label.findtext("name"))
        and label.find("parent") is None
        and label.findtext("type") != "tag"
    ]


def _read_picture(image: ElementTree.Element, source: str, found: Gathering) -> int:
    """Add a picture with its objects; returns how many of them have another shape than a box."""
    name = image.get("name") or ""
    found.picture(name, number_of(image.get("width")), number_of(image.get("height")))
    around = 0
    for number, element in enumerate(image, start=1):
        if element.tag not in SHAPES:
            found.leave_out(element.tag)
            continue
        flags = {
            (one.get("name") or "").lower().replace("_", ""): (one.text or "").strip().lower()
            for one in element.iter("attribute")
        }
        around += element.tag != "box" or number_of(element.get("rotation")) > 0
        found.add(
            f"{source}: {name:.60}: object {number}",
            element.get("label") or "",
            SHAPES[element.tag](element),
            difficult=flags.get("difficult") in TRUE,
            crowd=flags.get("iscrowd") in TRUE,
        )
    return around


def _numbers(element: ElementTree.Element, *names: str) -> list[float]:
    return [number_of(element.get(name)) for name in names]


def _rotation(element: ElementTree.Element) -> float:
    return number_of(element.get("rotation") or "0")


def _box(element: ElementTree.Element) -> list[float]:
    return around_rotated(_numbers(element, *CORNERS), _rotation(element))


def _polygon(element: ElementTree.Element) -> list[float] | None:
    """The box around points like "10.0,20.5;30,40"."""
    pairs = [point.split(",") for point in (element.get("points") or "").split(";")]
    if not all(len(pair) == 2 for pair in pairs):
        return None
    return around_points([number_of(x) for x, _ in pairs], [number_of(y) for _, y in pairs])


def _ellipse(element: ElementTree.Element) -> list[float]:
    cx, cy, rx, ry = _numbers(element, "cx", "cy", "rx", "ry")
    return around_ellipse(cx, cy, rx, ry, _rotation(element))


def _mask(element: ElementTree.Element) -> list[float]:
    """The box around the runs of pixels, row by row in a rectangle; without runs, the rectangle."""
    left, top, width, height = _numbers(element, "left", "top", "width", "height")
    counts = [number_of(word) for word in (element.get("rle") or "").split(",")]
    if all(map(math.isfinite, (width, height, *counts))):
        # box_of_mask takes runs column by column, so that rows and columns change places
        runs = {"size": [int(width), int(height)], "counts": [int(count) for count in counts]}
        y, x, rows, columns = box_of_mask(runs) or (0, 0, height, width)
        left, top, width, height = left + x, top + y, columns, rows
    return [left, top, left + width, top + height]


SHAPES: dict[str, Callable[[ElementTree.Element], list[float] | None]] = {
    "box": _box,
    "polygon": _polygon,
    "ellipse": _ellipse,
    "mask": _mask,
}
