"""Bad tables of Open Images; results are a table in fractions."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from tests.eval.bad_cases.formats import Edit, are, cut, first, same, swap
from tests.eval.bad_inputs import RESULTS, RIGHT, TRUTH, Case, Inputs

BOXES, LABELS = "validation-annotations-bbox.csv", "validation-annotations-human-imagelabels.csv"
NAMES, HIERARCHY = "class-descriptions-boxable.csv", "bbox_labels_600_hierarchy.json"
CLASSES = {1: "/m/01yrx", 2: "/m/0bt9lr"}
UNKNOWN_SIZES = {name: RIGHT[name] for name in ("coco", "voc", "voc2007")}
READ = f"{BOXES} was read"
AS_TABLE = "read as: image from 'imageid'"
LOOKED_FOR = "--protocol open_images leaves them out"
IN_FRACTIONS = "no pictures are beside it"
BY_SIZE = "figures by size"


def _row(record: dict[str, Any], value: float) -> str:
    """ImageID, LabelName, Confidence and corners in fractions."""
    image = next(one for one in TRUTH["images"] if one["id"] == record["image_id"])
    x, y, width, height = record["bbox"]
    wide, high = image["width"], image["height"]
    corners = (x / wide, (x + width) / wide, y / high, (y + height) / high)
    return ",".join(map(str, (image["id"], CLASSES[record["category_id"]], value, *corners)))


def _tables() -> dict[str, str]:
    columns = "ImageID,LabelName,Confidence,XMin,XMax,YMin,YMax"
    boxes = [f"{_row(one, 1)},0" for one in TRUTH["annotations"]]
    labels = [f"{image},{label},1" for image in (1, 2) for label in CLASSES.values()]
    below = [{"LabelName": label} for label in CLASSES.values()]
    return {
        BOXES: "\n".join([f"{columns},IsGroupOf", *boxes]) + "\n",
        LABELS: "\n".join(["ImageID,LabelName,Confidence", *labels]) + "\n",
        NAMES: f"{CLASSES[1]},cat\n{CLASSES[2]},dog\n",
        HIERARCHY: json.dumps({"LabelName": "/m/0bl9f", "Subcategory": below}),
        "results/results.csv": "\n".join([columns, *[_row(one, one["score"]) for one in RESULTS]]),
    }


def oid(
    name: str = BOXES, edit: Edit = same, *, pictures: bool = False
) -> Callable[[Path], Inputs]:
    """The tables with an edit of one of them, and maybe pictures beside them."""

    def make(folder: Path) -> Inputs:
        for file, text in _tables().items():
            content = edit(text.encode()) if file == name else text.encode()
            (folder / "oid" / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / "oid" / file).write_bytes(content)
        for image in TRUTH["images"] if pictures else ():
            size = (image["width"], image["height"])
            Image.new("L", size).save(folder / "oid" / image["file_name"])
        return Inputs(folder / "oid", folder / "oid" / "results" / "results.csv")

    return make


CASES = [
    Case("Open Images: the tables, with pictures", oid(pictures=True), RIGHT,
         notes=(READ, AS_TABLE, LOOKED_FOR)),
    Case("Open Images: the tables alone", oid(), UNKNOWN_SIZES,
         notes=(READ, IN_FRACTIONS, AS_TABLE, LOOKED_FOR), coco_notes=(BY_SIZE,)),
    Case("Open Images: boxes in pixels", oid(BOXES, first("0.34375", "110")),
         f"{BOXES}: a box ends at 110; expected fractions"),
    Case("Open Images: a maximum below its minimum", oid(BOXES, first("0.03125", "0.9")),
         f"{BOXES}: line 2: the box "),
    Case("Open Images: a cell that is no number", oid(BOXES, first("0.03125", "left")),
         f"{BOXES}: line 2: XMin is 'left'; expected a fraction of the picture"),
    Case("Open Images: IsGroupOf yes", oid(BOXES, first(",0\n", ",yes\n")),
         f"{BOXES}: line 2: IsGroupOf is 'yes'; expected 0 or 1"),
    Case("Open Images: a row cut short", oid(BOXES, cut(-4)), f"{BOXES}: line 5: "),
    Case("Open Images: labels of a program", oid(LABELS, first(",1\n", ",0.7\n")),
         f"{LABELS}: line 2: Confidence is 0.7, so that the label is a program's"),
    Case("Open Images: a label that is neither present nor absent",
         oid(LABELS, first(",1\n", ",maybe\n")), f"{LABELS}: line 2: Confidence is 'maybe'"),
    Case("Open Images: class names in three columns", oid(NAMES, swap("cat", "cat,tom")),
         f"{NAMES}: line 1: 3 columns; expected LabelName and name"),
    Case("Open Images: a hierarchy that is a list", oid(HIERARCHY, are(b"[]")),
         f"{HIERARCHY}: not a class hierarchy of Open Images"),
    Case("Open Images: a hierarchy cut short", oid(HIERARCHY, cut(-3)), "not JSON, or cut short"),
]  # fmt: skip
