"""Choose which pictures of a training set are held out to validate on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from eval import Dataset

# Not the seed of a run: networks of different seeds are compared and combined, so all of them hold
# out the same photographs.
SPLIT_SEED = 0


def split_by_class(
    labels: NDArray[np.int64], fraction: float, seed: int
) -> tuple[list[int], list[int]]:
    """Row numbers for training and for validation, of pictures of one class each (N,).

    A share of every class is held out, but never its last picture.
    If the share is not a whole number, rounding is spread over the classes, so that small ones are
    held out as well.
    """
    order = np.random.default_rng([seed, 1]).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]  # classes one after another
    sizes = np.bincount(labels)
    ends = np.cumsum(sizes)
    gives = np.diff(np.round(fraction * ends), prepend=0)
    gives = np.minimum(gives, np.maximum(sizes - 1, 0))
    place = np.arange(len(order)) - np.repeat(ends - sizes, sizes)  # of each within its class
    held = place < np.repeat(gives, sizes)
    return sorted(order[~held].tolist()), sorted(order[held].tolist())


def split_validation(dataset: Dataset, fraction: float, seed: int) -> tuple[list[int], list[int]]:
    """Image indices for training and for validation, drawn with the seed.

    About `fraction` of the photographs of every class are held out, of the rarest class first: a
    draw without regard to classes can leave a rare one without a single object to measure. Classes
    that are too small for a whole photograph share one quota. The last photograph of a class is
    never held out: a class that is not learned need not be measured.
    """
    order = np.random.default_rng([seed, 1]).permutation(len(dataset))
    present = classes_present(dataset)[order]
    held = np.zeros(len(order), bool)
    left = present.sum(0)  # photographs of each class to learn from
    gives = np.round(fraction * left) > 0
    groups = [np.flatnonzero(present[:, label]) for label in np.argsort(left, kind="stable")]
    for rows in (*groups, np.flatnonzero(present.any(1) & ~present[:, gives].any(1))):
        missing = round(fraction * len(rows)) - int(held[rows].sum())
        for row in rows[~held[rows]]:
            if missing > 0 and left[present[row]].min() > 1:
                held[row] = True
                left -= present[row]
                missing -= 1
    missing = round(fraction * len(order)) - int(held.sum())
    empty = ~present.any(1) & ~held
    held[np.flatnonzero(empty)[: max(0, missing)]] = True
    return sorted(order[~held].tolist()), sorted(order[held].tolist())


def classes_present(dataset: Dataset) -> NDArray[np.bool_]:
    """(photographs, classes): whether it shows an object of the class that is not ignored."""
    present = np.zeros((len(dataset), len(dataset.class_names)), bool)
    for index in range(len(dataset)):
        truths = dataset.truths(index)
        present[index, truths.labels[~truths.ignored]] = True
    return present
