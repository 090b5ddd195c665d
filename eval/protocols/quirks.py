"""Sentences about boxes that VOC and ILSVRC judge although nothing can come of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eval.boxes import judged_corners
from eval.datasets import Dataset
from eval.detections import DetectionTable


def about_boxes(table: DetectionTable, dataset: Dataset) -> tuple[str, ...]:
    """How many detections and objects have no area, and what that means for the figures."""
    objects = dataset.all_truths
    found, given, gain = judged_corners(table.boxes, table.layout, objects.boxes, objects.layout)
    sentences: tuple[str, ...] = ()
    if np.isnan(found).any():
        nan = int(np.isnan(found).any(axis=1).sum())
        sentences += (f"Detections with NaN in their boxes (they match nothing): {nan}",)
    if empty := _without_area(found, gain):
        sentences += (f"Detections without width or height (they match nothing): {empty}",)
    if empty := _without_area(given, gain):
        sentences += (f"Objects without width or height (nothing matches them): {empty}",)
    return sentences


def listed(names: Sequence[str], chosen: np.ndarray, most: int = 5) -> str:
    """The names where `chosen` (names,) bool is set, shortened to `most` of them."""
    rows = np.flatnonzero(chosen)
    shown = ", ".join(names[row] for row in rows[:most])
    return shown if len(rows) <= most else f"{shown} and {len(rows) - most} more"


def _without_area(corners: np.ndarray, gain: float) -> int:
    left, top, right, bottom = corners.T
    return int(np.count_nonzero((right - left + gain <= 0) | (bottom - top + gain <= 0)))
