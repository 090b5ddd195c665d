"""Ground truth of labelme and its relatives (AnyLabeling): a JSON file for each picture.

https://github.com/wkentaro/labelme
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.datasets import Dataset
from eval.errors import EvaluationError
from eval.formats.faults import Fault, FaultHandler, refuse
from eval.formats.foreign import kind_of_json
from eval.formats.json_files import parsed_json
from eval.formats.text_files import decoded, read_bytes
from eval.formats.truth.gathering import Gathering
from eval.formats.truth.shapes import around_circle, around_points
from eval.formats.truth.values import number, text
from eval.wording import amount

KIND = "labelme"
LISTS = ("labels.txt", "classes.txt")
NO_CLASS = ("__ignore__", "_background_")
EMBEDDED = re.compile(rb'"imageData"\s*:\s*"[\w+/=\\]*"')  # the picture; parsing needs 12 times it
FLAT = ("line", "linestrip", "point", "points")  # shapes that enclose nothing


def read_labelme(path: str | os.PathLike[str], *, on_fault: FaultHandler = refuse) -> Dataset:
    """Read a folder of labelme's JSON files and its subfolders, or one file.

    The box around a rectangle, polygon, rotated rectangle, mask or circle counts, continuous from
    0; points and lines are left out, with a note. The flag `difficult` of an object is read.
    Pictures may be embedded in the files. Classes are those of labels.txt or classes.txt in the
    folder, or else the names in the files in alphabetical order; their ids are 1, 2, and so on. The
    id of a picture is the stem of its file name.

    Raises
    ------
    EvaluationError
        The message names file, object and field: a file that is no JSON, an object without a class,
        or points that are no numbers.
    """
    place = Path(path)
    files = _files(place) if place.is_dir() else [place]
    chosen = [file for file in files if len(files) == 1 or kind_of_json(file) == KIND]
    found = Gathering(on_fault)
    for file in chosen:
        _read_file(file, place, found)
    if not chosen:
        raise EvaluationError(f"{os.fspath(path)}: contains no JSON of labelme; check the path")
    others = len(files) - len(chosen)
    note = f"left out {amount(others, 'JSON file')} that labelme did not write"
    lists = (place / name for name in LISTS if place.is_dir())
    names = next((_listed(file) for file in lists if file.is_file()), [])
    return found.dataset(place, class_names=names, notes=(note,) if others else ())


def _files(folder: Path) -> list[Path]:
    return sorted(
        Path(parent) / name
        for parent, _, names in os.walk(folder)
        for name in names
        if name.lower().endswith(".json") and not name.startswith(".")
    )


def _listed(path: Path) -> list[str]:
    lines = [line.strip() for line in decoded(read_bytes(path), path.name).splitlines()]
    return [line for line in lines if line and line not in NO_CLASS]


def _read_file(path: Path, place: Path, found: Gathering) -> None:
    """Add the picture of one file, which lies beside the file, and its objects."""
    content = EMBEDDED.sub(b'"imageData":""', read_bytes(path))
    document = parsed_json(content, os.fspath(path))
    shapes = document.get("shapes") if isinstance(document, dict) else None
    if not isinstance(shapes, list):
        message = "no list 'shapes', as labelme writes it; save the file again"
        found.on_fault(Fault(path.name, "shapes", message, "no list of objects"))
        return
    name = text(document.get("imagePath")).replace("\\", "/").rpartition("/")[2]
    above = path.parent.relative_to(place) if place.is_dir() else Path()
    width, height = (number(document.get(side)) for side in ("imageWidth", "imageHeight"))
    found.picture((above / (name or f"{path.stem}.jpg")).as_posix(), width, height)
    for position, shape in enumerate(shapes, start=1):
        where = f"{path.name}: object {position}"
        if not isinstance(shape, dict):
            found.on_fault(Fault(where, "", "is no JSON object; correct it", "no object"))
            continue
        kind = text(shape.get("shape_type"))
        if kind in FLAT:
            found.leave_out(kind)
            continue
        box = _box(kind, shape.get("points"))
        found.add(where, text(shape.get("label")), box, difficult=_is_difficult(shape))


def _is_difficult(shape: dict[str, Any]) -> bool:
    """Whether an object is marked `difficult`: by a flag, or by the field of X-AnyLabeling."""
    flags = shape.get("flags")
    by_flag = flags.get("difficult") if isinstance(flags, dict) else None
    return by_flag is True or shape.get("difficult") is True


def _box(kind: str, points: Any) -> list[float] | None:
    """The box around a shape; None if its points are no pairs of numbers."""
    if not isinstance(points, list) or len(points) < 2:
        return None
    pairs: list[Sequence[float]] = [
        [number(value) for value in point]
        for point in points
        if isinstance(point, list) and len(point) == 2
    ]
    if len(pairs) < len(points):
        return None
    if kind == "circle":
        return around_circle(pairs[0], pairs[1])
    return around_points([x for x, _ in pairs], [y for _, y in pairs])
