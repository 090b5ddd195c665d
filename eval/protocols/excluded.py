"""Pairs of image and class that are not evaluated, or only in part.

These are the blacklist of ILSVRC, and the pairs of federated data that nobody has checked.
"""

from __future__ import annotations

import numpy as np

from eval.datasets import Dataset


def on_excluded(images: np.ndarray, labels: np.ndarray, dataset: Dataset) -> np.ndarray:
    """(N,) bool: the rows whose image index and label are a pair in dataset.excluded."""
    return _among(images, labels, dataset.excluded, dataset)


def on_unverified(
    images: np.ndarray, labels: np.ndarray, dataset: Dataset, objects: np.ndarray | None = None
) -> np.ndarray:
    """(N,) bool: the rows whose image index and label nobody has checked.

    Checked are the pairs in dataset.verified and those of objects: of all, or of the rows `objects`
    of dataset.all_truths.
    """
    if dataset.verified is None:
        return np.zeros(len(images), dtype=bool)
    own = np.stack([dataset.truth_images, dataset.all_truths.labels], axis=1)
    own = own if objects is None else own[objects]
    return ~_among(images, labels, np.concatenate([dataset.verified, own]), dataset)


def on_not_exhaustive(images: np.ndarray, labels: np.ndarray, dataset: Dataset) -> np.ndarray:
    """(N,) bool: the rows whose image index and label are a pair that is annotated in part."""
    if dataset.federation is None:
        return np.zeros(len(images), dtype=bool)
    return _among(images, labels, dataset.federation.not_exhaustive, dataset)


def _among(
    images: np.ndarray, labels: np.ndarray, pairs: np.ndarray, dataset: Dataset
) -> np.ndarray:
    """(N,) bool: the rows whose image index and label are one of the (P, 2) pairs."""
    found = np.zeros(len(images), dtype=bool)
    if not len(pairs):
        return found
    touched = np.zeros(len(dataset), dtype=bool)
    touched[pairs[:, 0]] = True
    rows = np.flatnonzero(touched[images])
    classes = len(dataset.class_names)
    keys = pairs[:, 0] * classes + pairs[:, 1]
    found[rows] = np.isin(images[rows].astype(np.int64) * classes + labels[rows], keys)
    return found
