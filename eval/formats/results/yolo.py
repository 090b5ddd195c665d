"""Results as YOLO programs save them: one text file per image, boxes in fractions."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.errors import EvaluationError
from eval.formats.faults import Fault, FaultHandler, refuse
from eval.formats.number_lines import number_table
from eval.formats.results.image_names import FILE_NAMES, find_images, rows_by_name
from eval.formats.results.tables import ResultRows, make_table
from eval.formats.text_files import read_bytes
from eval.formats.yolo_lines import FIELDS, checked_rows, in_pixels


def read_yolo_results(
    path: str | os.PathLike[str], dataset: Dataset, *, on_fault: FaultHandler = refuse
) -> DetectionTable:
    """Read a folder (or its subfolder labels) of files IMAGE.txt: `class cx cy w h confidence`.

    The class is the position of a class in the ground truth, from 0. Boxes are fractions of the
    image, whose size is in the ground truth. IMAGE is the file name of the image without its
    suffix, or an id that is text; numbers are not read as ids.

    Raises
    ------
    EvaluationError
        The message names file and line: a file without an image, an image of unknown size, a wrong
        number of columns, a word that is no number, or a box that is not in fractions. Also if no
        class is known.
    """
    folder = Path(path) / "labels" if (Path(path) / "labels").is_dir() else Path(path)
    files = sorted(folder.glob("*.txt"))
    if not files:
        raise EvaluationError(f"{os.fspath(path)}: contains no text file; expected one per image")
    stems = [file.stem for file in files]
    rows, notes = rows_by_name(
        dataset, stems, Path(path).name, FILE_NAMES, "YOLO names files after images"
    )
    tables, images, wheres = [np.empty((0, 6))], [np.empty(0, np.int64)], []
    for file in files:
        table, lines, _ = number_table(
            read_bytes(file), (*FIELDS, "confidence"), file.name, on_fault
        )
        good = checked_rows(table, lines, file.name, on_fault, None)
        (row,) = find_images([file.stem], rows, [1], file.name, on_fault)
        if row >= 0 and 0 in (dataset.images[row].width, dataset.images[row].height):
            message = "the ground truth lacks the size of this image; add it there"
            on_fault(Fault(file.name, "image", message, "image of unknown size"))
            row = -1
        if row >= 0:
            pixels = in_pixels(table[good, :5], dataset.images[row])
            tables.append(np.concatenate([pixels, table[good, 5:]], axis=1))
            images.append(np.full(int(good.sum()), row))
            wheres += [(file.name, line) for line in lines[good]]
    read = np.concatenate(tables)
    classes = len(dataset.class_names)
    numbers = read[:, 0]  # whole numbers, but possibly too large for an integer
    table_rows = ResultRows(
        images=np.concatenate(images),
        labels=np.where(numbers < classes, np.minimum(numbers, classes), -1).astype(np.int64),
        boxes=read[:, 1:5],
        scores=read[:, 5],
        layout="xywh",
        source=Path(path).name,
        where=lambda row: "{}: line {}".format(*wheres[row]),
        class_of=lambda row: f"{numbers[row]:.0f}",
    )
    note = "class numbers were read as positions in the classes of the ground truth, from 0"
    return make_table(dataset, table_rows, (note, *notes))
