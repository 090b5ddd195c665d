"""Notes on boxes that can never match under the rules of VOC and ILSVRC."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eval.boxes import comparable_corners
from eval.datasets import Dataset
from eval.detections import DetectionTable


def about_boxes(table: DetectionTable, dataset: Dataset) -> tuple[str, ...]:
    """Notes on detections and objects without area or with NaN."""
    objects = dataset.all_truths
    detected, annotated, gain = comparable_corners(
        table.boxes, table.layout, objects.boxes, objects.layout
    )
    sentences: tuple[str, ...] = ()
    if np.isnan(detected).any():
        nan = int(np.isnan(detected).any(axis=1).sum())
        sentences += (f"detections with NaN in their boxes, which match nothing: {nan}",)
    if empty := _without_area(detected, gain):
        sentences += (f"detections without width or height, which match nothing: {empty}",)
    if empty := _without_area(annotated, gain):
        sentences += (f"objects without width or height, which nothing matches: {empty}",)
    return sentences


def listed(names: Sequence[str], chosen: np.ndarray, most: int = 5) -> str:
    """The names chosen by a (names,) bool array; after `most` of them only their number."""
    rows = np.flatnonzero(chosen)
    shown = ", ".join(names[row] for row in rows[:most])
    return shown if len(rows) <= most else f"{shown} and {len(rows) - most} more"


def _without_area(corners: np.ndarray, gain: float) -> int:
    left, top, right, bottom = corners.T
    return int(np.count_nonzero((right - left + gain <= 0) | (bottom - top + gain <= 0)))
