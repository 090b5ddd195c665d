"""Results for tests: detections to write, and the reader for a path."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from eval import Dataset
from eval.detections import DetectionTable
from eval.reading import results_reader_of


class Found(NamedTuple):
    """A detection: rows of image and class, score, first and last pixel counted from 0."""

    image: int
    label: int
    score: float
    xmin: float
    ymin: float
    xmax: float
    ymax: float


def read(path: Path | str, dataset: Dataset) -> DetectionTable:
    reader = results_reader_of(path)
    assert reader is not None
    return reader(path, dataset)
