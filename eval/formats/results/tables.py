"""The DetectionTable that the readers of text formats build from their rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

from eval.boxes import to_xywh
from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.errors import EvaluationError
from eval.wording import amount, listed

LEFT_OUT = "left out"  # begins the note on detections of unknown classes


@dataclass(frozen=True, eq=False)
class ResultRows:
    """N detections of a file.

    Attributes
    ----------
    images, labels
        (N,) int64 indices into the data set; -1 where unknown.
    boxes, scores
        (N, 4) and (N,) float64.
    layout
        What the four numbers of a box mean, one of eval.boxes.LAYOUTS.
    source
        Name of the file or folder.
    where, class_of
        The file and line of a row, and its class as written there.
    """

    images: np.ndarray
    labels: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray
    layout: str
    source: str
    where: Callable[[int], str]
    class_of: Callable[[int], str]


def make_table(
    dataset: Dataset, rows: ResultRows, notes: Sequence[str] = (), hint: str = ""
) -> DetectionTable:
    """The rows whose image and class are known; a note gives the number of unknown classes.

    Parameters
    ----------
    notes
        What the reader noted so far.
    hint
        What may be wrong with unknown classes.

    Raises
    ------
    EvaluationError
        No class is known.
    """
    unknown = rows.labels < 0
    notes = list(notes)
    if unknown.any():
        notes.append(_unknown_classes(dataset, rows, unknown, hint))
    kept = np.flatnonzero(~unknown & (rows.images >= 0))
    boxes, layout = rows.boxes[kept], rows.layout
    corners = boxes if layout != "xywh" else to_xywh(boxes, layout)
    below = corners[:, 2:] < (corners[:, :2] if layout != "xywh" else 0)
    negative = below.any(axis=1)
    if negative.any():
        first = rows.where(int(kept[np.argmax(negative)]))
        what = "a negative side" if layout == "xywh" else "max below min"
        kept_boxes = amount(int(negative.sum()), "box", "boxes")
        notes.append(f"kept {kept_boxes} with {what} (first: {first})")
    return DetectionTable(
        images=rows.images[kept].astype(np.int32),
        labels=rows.labels[kept].astype(np.int32),
        boxes=np.ascontiguousarray(boxes),
        scores=np.ascontiguousarray(rows.scores[kept]),
        layout=layout,
        source=rows.source,
        notes=tuple(notes),
        where=lambda row: rows.where(int(kept[row])),
    )


def _unknown_classes(dataset: Dataset, rows: ResultRows, unknown: np.ndarray, hint: str) -> str:
    """The note on (N,) bool `unknown` rows."""
    names = sorted({rows.class_of(row) for row in np.flatnonzero(unknown).tolist()})
    similar = _similar(names, dataset.class_names)
    if unknown.all():
        raise EvaluationError(
            f"{rows.source}: none of its classes ({listed(names)}) is in the ground truth, whose "
            f"classes are {listed(dataset.class_names)}; use these names{similar}{hint}"
        )
    return (
        f"{LEFT_OUT} {amount(int(unknown.sum()), 'detection')} of classes that are not in the "
        f"ground truth: {listed(names)}{similar}{hint}"
    )


def _similar(unknown: Sequence[str], names: Sequence[str]) -> str:
    """The known names most similar to the first unknown ones."""
    pairs = [(name, get_close_matches(name, names, 1)) for name in unknown[:3]]
    similar = list(dict.fromkeys(repr(near[0]) for _, near in pairs if near))
    return f"; did you mean {', '.join(similar)}?" if similar else ""
