"""Ground truth in the JSON of Apple's Create ML: boxes by their centres in pixels.

https://developer.apple.com/documentation/createml/building-an-object-detector-data-source
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from eval.datasets import Dataset
from eval.errors import EvaluationError
from eval.formats.faults import Fault, FaultHandler, refuse
from eval.formats.json_files import read_json
from eval.formats.truth.gathering import Gathering
from eval.formats.truth.values import number, objects, text

PICTURE = ("image", "imagefilename", "imageFilename", "filename")
ANNOTATIONS = ("annotations", "annotation")


def read_createml(path: str | os.PathLike[str], *, on_fault: FaultHandler = refuse) -> Dataset:
    """Read one JSON file: a list of pictures, each with labels and coordinates.

    The coordinates x and y are the centre of the box. Sizes are read from the pictures, if they lie
    beside the file. Classes are the labels in alphabetical order; their ids are 1, 2, and so on.
    The id of a picture is the stem of its file name.

    Raises
    ------
    EvaluationError
        The message names file, picture and annotation: a file of another content, an annotation
        without a label, or coordinates that are no numbers.
    """
    place = Path(path)
    document = read_json(place)
    if not isinstance(document, list):
        raise EvaluationError(f"{place.name}: no list of pictures, as Create ML expects it")
    found = Gathering(on_fault)
    for position, record in enumerate(document):
        where = f"{place.name}: record[{position}]"
        if not isinstance(record, dict):
            found.on_fault(Fault(where, "", "is no JSON object; correct it", "no object"))
            continue
        found.picture(next((name for key in PICTURE if (name := text(record.get(key)))), ""))
        listed: Any = next((record[key] for key in ANNOTATIONS if key in record), [])
        for number_, one in enumerate(objects(listed)):
            found.add(f"{where}: annotations[{number_}]", text(one.get("label")), _box(one))
    return found.dataset(place)


def _box(one: dict[str, Any]) -> list[float] | None:
    coordinates = one.get("coordinates")
    if not isinstance(coordinates, dict):
        return None
    cx, cy, width, height = (number(coordinates.get(key)) for key in ("x", "y", "width", "height"))
    return [cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2]
