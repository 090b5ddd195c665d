"""Ground truth in Datumaro's own JSON, one file for each subset.

https://open-edge-platform.github.io/datumaro/latest/docs/data-formats/formats/datumaro.html
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from eval.datasets import Dataset
from eval.errors import EvaluationError
from eval.formats.coco.mask_boxes import box_of_mask
from eval.formats.faults import Fault, FaultHandler, refuse
from eval.formats.foreign import kind_of_json
from eval.formats.json_files import read_json
from eval.formats.truth.gathering import Gathering
from eval.formats.truth.shapes import around_points, around_rotated
from eval.formats.truth.split_files import file_of_split
from eval.formats.truth.values import number, objects, text
from eval.wording import amount

MOST = 20  # files that are looked at
FLAGS = {"difficult": ("difficult",), "crowd": ("is_crowd", "iscrowd")}


def read_datumaro(
    path: str | os.PathLike[str], split: str | None = None, *, on_fault: FaultHandler = refuse
) -> Dataset:
    """Read one JSON file, for instance annotations/default.json, or the folder above.

    Boxes are [x, y, width, height], continuous from 0; a polygon, a mask and a rotated box count as
    the box around them; other annotations are left out, with a note. The attributes `difficult` and
    `is_crowd` are read. Classes are those of the file; their ids are 0, 1, and so on, as in the
    file. The id of a picture is the stem of its file name.

    Parameters
    ----------
    split
        The file in the folder annotations, if there are several.

    Raises
    ------
    EvaluationError
        The message names file, item and annotation: a file of another content, a `label_id` that
        has no label, or a box that is no 4 numbers.
    """
    place = Path(path)
    if place.is_dir():
        place = file_of_split(place, datumaro_files(place), split)
    elif split is not None:
        raise EvaluationError(f"{place.name}: is one split; leave the split out")
    document = read_json(place)
    if not isinstance(document, dict) or not isinstance(document.get("items"), list):
        raise EvaluationError(f"{place.name}: no list 'items', as Datumaro writes it; export again")
    names = _labels(document.get("categories"))
    found = Gathering(on_fault)
    around = 0
    for position, item in enumerate(document["items"]):
        where = f"{place.name}: items[{position}]"
        if not isinstance(item, dict):
            found.on_fault(Fault(where, "", "is no JSON object; correct it", "no object"))
            continue
        _open_picture(item, found)
        for number_, one in enumerate(objects(item.get("annotations"))):
            around += _add(one, names, f"{where}: annotations[{number_}]", found)
    shapes = amount(around, "polygon, mask or rotated box", "polygons, masks or rotated boxes")
    notes = (f"{shapes}: the box around each one counts",) if around else ()
    folder = place.parent.parent / "images" / place.stem
    return found.dataset(
        place, class_names=names, category_ids=range(len(names)), notes=notes,
        folder=folder if folder.is_dir() else None,
    )  # fmt: skip


def datumaro_files(folder: Path) -> list[Path]:
    """The files of Datumaro in a folder or in its folder annotations."""
    for pattern in ("annotations/*.json", "*.json"):
        paths = [path for path in sorted(folder.glob(pattern)) if path.is_file()]
        found = [path for path in paths[:MOST] if kind_of_json(path) == "Datumaro"]
        if found:
            return found
    return []


def _labels(categories: Any) -> list[str]:
    group = categories.get("label") if isinstance(categories, dict) else None
    labels = group.get("labels") if isinstance(group, dict) else None
    return [text(one.get("name")) for one in objects(labels)]


def _open_picture(item: dict[str, Any], found: Gathering) -> None:
    """Begin the picture of an item, whose size is [height, width]."""
    media = next((m for k in ("image", "media") if isinstance(m := item.get(k), dict)), {})
    size = media.get("size")
    height, width = map(number, size) if isinstance(size, list) and len(size) == 2 else (0.0, 0.0)
    identity = text(item.get("id"))
    found.picture(text(media.get("path")) or f"{identity}.jpg", width, height)


def _add(one: dict[str, Any], names: list[str], where: str, found: Gathering) -> int:
    """Add one annotation; returns 1 if it has another shape than a box, else 0."""
    kind = text(one.get("type"))
    if kind not in ("bbox", "polygon", "mask", "rotated_bbox"):
        found.leave_out(kind or "annotation of no type")
        return 0
    label = one.get("label_id")
    if type(label) is not int or not 0 <= label < len(names):
        message = f"label_id is {label!r:.40}; expected one of 0 to {len(names) - 1}"
        found.on_fault(Fault(where, "label_id", message, "unknown class"))
        return 0
    attributes = one.get("attributes")
    marks = attributes if isinstance(attributes, dict) else {}
    flags = {flag: any(marks.get(key) in (True, 1) for key in keys) for flag, keys in FLAGS.items()}
    found.add(where, names[label], _box(kind, one), **flags)
    return int(kind != "bbox")


def _box(kind: str, one: dict[str, Any]) -> list[float] | None:
    if kind == "polygon":
        points = one.get("points")
        values = [number(value) for value in points] if isinstance(points, list) else []
        return around_points(values[::2], values[1::2])
    box = box_of_mask(one.get("rle")) if kind == "mask" else one.get("bbox")
    if kind == "rotated_bbox":
        box = [one.get(key) for key in ("cx", "cy", "w", "h")]
    if not isinstance(box, list) or len(box) != 4:
        return None
    x, y, width, height = (number(value) for value in box)
    if kind != "rotated_bbox":
        return [x, y, x + width, y + height]
    corners = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
    return around_rotated(corners, number(one.get("r", 0)))
