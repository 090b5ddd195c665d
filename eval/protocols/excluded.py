"""Pairs of image and class that are not evaluated (the blacklist of ILSVRC)."""

from __future__ import annotations

import numpy as np

from eval.datasets import Dataset


def on_excluded(images: np.ndarray, labels: np.ndarray, dataset: Dataset) -> np.ndarray:
    """(N,) bool: the rows whose image index and label are a pair in dataset.excluded."""
    excluded = np.zeros(len(images), dtype=bool)
    if not len(dataset.excluded):
        return excluded
    touched = np.zeros(len(dataset), dtype=bool)
    touched[dataset.excluded[:, 0]] = True
    rows = np.flatnonzero(touched[images])
    classes = len(dataset.class_names)
    pairs = dataset.excluded[:, 0] * classes + dataset.excluded[:, 1]
    excluded[rows] = np.isin(images[rows].astype(np.int64) * classes + labels[rows], pairs)
    return excluded
