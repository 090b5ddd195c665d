"""Results as YOLO programs save them: a text file for each picture, boxes in fractions."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.errors import EvaluationError
from eval.formats.faults import Fault, Report, refuse
from eval.formats.number_lines import number_table
from eval.formats.results.tables import FILE_NAMES, find_images, make_table, rows_by_name
from eval.formats.text_files import read_bytes
from eval.formats.yolo import FIELDS, checked_rows, in_pixels


def read_yolo_results(
    path: str | os.PathLike[str], dataset: Dataset, *, report: Report = refuse
) -> DetectionTable:
    """Read a folder (or its subfolder labels) of files IMAGE.txt, `class cx cy w h confidence`.

    The class is the number of a class of the ground truth, counted from 0; boxes are fractions
    of the picture, whose size the ground truth tells. IMAGE is its file name without suffix, or an
    id that is text; a number is no id here.

    Raises
    ------
    EvaluationError
        Naming file and line: a file of no image, an image of unknown size, a wrong number of
        columns, no number, a box that is not in fractions; or no class is known.
    """
    folder = Path(path) / "labels" if (Path(path) / "labels").is_dir() else Path(path)
    files = sorted(folder.glob("*.txt"))
    if not files:
        raise EvaluationError(f"{os.fspath(path)}: no text file in it; expected one per image")
    stems = [file.stem for file in files]
    rows, said = rows_by_name(dataset, stems, Path(path).name, FILE_NAMES, "YOLO names its files")
    tables, images, wheres = [np.empty((0, 6))], [np.empty(0, np.int64)], []
    for file in files:
        table, lines, _ = number_table(read_bytes(file), (*FIELDS, "confidence"), file.name, report)
        good = checked_rows(table, lines, file.name, report, None)
        (row,) = find_images([file.stem], rows, [1], file.name, report)
        if row >= 0 and 0 in (dataset.images[row].width, dataset.images[row].height):
            message = "the ground truth does not tell its image's size; add it there"
            report(Fault(file.name, "image", message, "image of unknown size"))
            row = -1
        if row >= 0:
            pixels = in_pixels(table[good, :5], dataset.images[row])
            tables.append(np.concatenate([pixels, table[good, 5:]], axis=1))
            images.append(np.full(int(good.sum()), row))
            wheres += [(file.name, line) for line in lines[good]]
    rows_found = np.concatenate(tables)
    classes = len(dataset.class_names)
    numbers = rows_found[:, 0]  # whole, but perhaps too large for an integer
    return make_table(
        dataset,
        np.concatenate(images),
        np.where(numbers < classes, np.minimum(numbers, classes), -1).astype(np.int64),
        rows_found[:, 1:5],
        rows_found[:, 5],
        layout="xywh",
        source=Path(path).name,
        where=lambda row: "{}: line {}".format(*wheres[row]),
        class_of=lambda row: f"{numbers[row]:.0f}",
        notes=("class numbers were read as places in the ground truth's classes, from 0", *said),
    )
