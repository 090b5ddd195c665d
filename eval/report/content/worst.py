"""Choose the pictures that show the errors of a detector best."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def one_for_each_image(
    rows: np.ndarray, images: np.ndarray, labels: np.ndarray, shown: set[int], per_class: int
) -> Iterator[tuple[int, int]]:
    """Yield (row, image) in the order of `rows`: each image once, each class `per_class` times.

    Parameters
    ----------
    images, labels
        The image and the label of every row.
    shown
        Images to skip; the caller adds those that it has used.
    """
    used: dict[int, int] = {}
    for row in rows.tolist():
        image, label = int(images[row]), int(labels[row])
        if image not in shown and used.get(label, 0) < per_class:
            yield row, image
            used[label] = used.get(label, 0) + (image in shown)


def most_errors_first(*images: np.ndarray, count: int) -> np.ndarray:
    """(count,) int64: all images, those with the most errors first; equal ones in their order.

    Parameters
    ----------
    images
        The image of every error, in one array or several.
    """
    errors = np.bincount(np.concatenate(images).astype(np.int64), minlength=count)
    order: np.ndarray = np.argsort(-errors, kind="stable")
    return order
