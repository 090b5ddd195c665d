"""Ground truth of KITTI's object benchmark: a text file for each picture.

https://www.cvlibs.net/datasets/kitti/eval_object.php (the development kit's readme.txt)
"""

from __future__ import annotations

import os
from pathlib import Path

from eval.datasets import Dataset
from eval.errors import EvaluationError
from eval.formats.faults import Fault, FaultHandler, refuse
from eval.formats.number_lines import number_of
from eval.formats.text_files import word_lines
from eval.formats.truth.gathering import Gathering
from eval.formats.truth.picture_files import named_after
from eval.wording import amount

DONT_CARE = "DontCare"
LABELS = "label_2"
# Class, truncated, occluded, alpha, left, top, right, bottom, and 7 of the object in space
COLUMNS = 15
SCORE = ["1.0"]  # behind them in files of Datumaro


def read_kitti(path: str | os.PathLike[str], *, on_fault: FaultHandler = refuse) -> Dataset:
    """Read label_2, another folder of such text files, or the folder above, such as training.

    The pictures may lie in image_2 beside it.

    Boxes are continuous from 0. A region DontCare becomes a crowd of every class: under the COCO
    protocol, detections inside it count neither as right nor as false. Classes are the names in
    alphabetical order; their ids are 1, 2, and so on. The id of a picture is the name of its text
    file without the suffix.

    Raises
    ------
    EvaluationError
        The message names file and line: a wrong number of columns, or a corner that is no number.
    """
    folder = kitti_home(Path(path))
    files = sorted(folder.rglob("*.txt"))
    found = Gathering(on_fault)
    regions = []
    stems = [file.relative_to(folder).with_suffix("").as_posix() for file in files]
    for file, name in zip(files, named_after(folder, stems), strict=True):
        found.picture(name)
        for line, words in word_lines(file):
            where = f"{file.name}: line {line}"
            if len(words) < COLUMNS or words[COLUMNS:] not in ([], SCORE):
                message = f"{len(words)} columns; expected {COLUMNS}, as in KITTI's ground truth"
                on_fault(Fault(where, "columns", message, "wrong number of columns"))
                continue
            corners = [number_of(word) for word in words[4:8]]
            if words[0] == DONT_CARE:
                regions.append((where, len(found.names) - 1, corners))
            else:
                found.add(where, words[0], corners)
    classes = found.classes()
    if not classes:
        raise EvaluationError(f"{folder}: the files list no object of a class; check the path")
    for where, picture, corners in regions:
        for name in classes:
            found.add(where, name, corners, crowd=True, picture=picture)
    what = amount(len(regions), f"region {DONT_CARE} counts", f"regions {DONT_CARE} count")
    notes = (f"{what} as a crowd of every class",) if regions else ()
    return found.dataset(folder, notes=notes)


def kitti_home(path: Path) -> Path:
    """The folder label_2 in a folder or in its folder training; or the folder itself."""
    places = (path / LABELS, path / "training" / LABELS)
    return next((place for place in places if place.is_dir()), path)
