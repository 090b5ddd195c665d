"""Results in the format of ILSVRC DET submissions: one text file, seven numbers per line."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.formats.faults import Fault, FaultHandler, refuse
from eval.formats.number_lines import number_table
from eval.formats.results.tables import ResultRows, make_table
from eval.formats.text_files import read_bytes
from eval.records import LEAVES_OUT

FIELDS = ("image_index", "class", "confidence", "xmin", "ymin", "xmax", "ymax")


def read_ilsvrc_submission(
    path: str | os.PathLike[str], dataset: Dataset, *, on_fault: FaultHandler = refuse
) -> DetectionTable:
    """Read lines `image_index class confidence xmin ymin xmax ymax`, which may be compressed (.gz).

    Boxes are whole pixels counted from 0, the last one included (layout "inclusive0"); fractions
    and boxes that reach outside their image are kept. Image index and class are ids of the ground
    truth.

    Raises
    ------
    EvaluationError
        The message names file and line: an unknown image, a wrong number of columns, or a word
        that is no number. Also if no class is known.
    """
    source = Path(path).name
    table, lines, _ = number_table(read_bytes(path), FIELDS, source, on_fault)
    images = _positions(table[:, 0], dataset.image_index_by_id)
    for bad in np.flatnonzero(images < 0):
        message = (
            f"image_index {table[bad, 0]:.15g} is not in the ground truth; expected a number from "
            f"the second column of its image list; {LEAVES_OUT}"
        )
        where, value = f"{source}: line {lines[bad]}", f"{table[bad, 0]:.15g}"
        on_fault(Fault(where, "image_index", message, "unknown image", value))
    rows = ResultRows(
        images=images,
        labels=_positions(table[:, 1], dataset.label_by_category_id),
        boxes=table[:, 3:],
        scores=table[:, 2],
        layout="inclusive0",
        source=source,
        where=lambda row: f"{source}: line {lines[row]}",
        class_of=lambda row: f"{table[row, 1]:.15g}",
    )
    return make_table(dataset, rows)


def _positions(values: np.ndarray, known: dict[int | str, int]) -> np.ndarray:
    """(N,) int64: the position of each id, -1 if unknown; repeated ids are looked up once."""
    different, which = np.unique(values, return_inverse=True)
    # As dict keys 2.0 and 2 are equal; 2.5 is not found.
    positions = np.array([known.get(value, -1) for value in different.tolist()], dtype=np.int64)
    return positions[which]
