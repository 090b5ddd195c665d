"""Results as ILSVRC DET wants them: one text file, seven numbers a line."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.formats.faults import Fault, Report, refuse
from eval.formats.number_lines import number_table
from eval.formats.results.tables import make_table
from eval.formats.text_files import read_bytes

FIELDS = ("image_index", "class", "confidence", "xmin", "ymin", "xmax", "ymax")


def read_ilsvrc_submission(
    path: str | os.PathLike[str], dataset: Dataset, *, report: Report = refuse
) -> DetectionTable:
    """Read lines `image_index class confidence xmin ymin xmax ymax`, also from .gz.

    Pixels counted from 0, the last one included (layout "inclusive0"); fractions and boxes that
    leave their image are taken as they are. Image index and class are ids of the ground truth.

    Raises
    ------
    EvaluationError
        Naming file and line: an unknown image, a wrong number of columns, no number; or no class
        is known.
    """
    source = Path(path).name
    table, lines, _ = number_table(read_bytes(path), FIELDS, source, report)
    images = _positions(table[:, 0], dataset.image_index_by_id)
    for bad in np.flatnonzero(images < 0):
        message = (
            f"image_index {table[bad, 0]:.15g} is no image of the ground truth; expected the "
            "second column of its image list"
        )
        report(Fault(f"{source}: line {lines[bad]}", "image_index", message, "unknown image"))
    return make_table(
        dataset,
        images,
        _positions(table[:, 1], dataset.label_by_category_id),
        table[:, 3:],
        table[:, 2],
        layout="inclusive0",
        source=source,
        where=lambda row: f"{source}: line {lines[row]}",
        class_of=lambda row: f"{table[row, 1]:.15g}",
    )


def _positions(values: np.ndarray, known: dict[int | str, int]) -> np.ndarray:
    """(N,) int64: where each id stands, -1 for an unknown one. Few differ, so few are looked up."""
    different, which = np.unique(values, return_inverse=True)
    # 2.0 and 2 are one key to Python; 2.5 is no key at all.
    found = np.array([known.get(value, -1) for value in different.tolist()], dtype=np.int64)
    return found[which]
