"""Pairs of image and class on which nothing is judged (the blacklist of ILSVRC)."""

from __future__ import annotations

import numpy as np

from eval.datasets import Dataset


def on_excluded(images: np.ndarray, labels: np.ndarray, dataset: Dataset) -> np.ndarray:
    """(N,) bool: rows whose image index and label are a pair of dataset.excluded."""
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
