"""A note where detections seem to be those of the image before or behind the one they name."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.notes.overlaps import evidence, fit, is_probable


def about_images(best: DetectionTable, dataset: Dataset) -> tuple[str, ...]:
    """A note if the best detections overlap objects of other images far better, by a simple rule.

    `best` are those of best_detections. There is no note if most of them overlap their own objects.
    """
    images, objects, starts = best.images, dataset.all_truths.boxes_xyxy, dataset.starts
    found = best.boxes_xyxy
    given = fit(found, images, objects, starts)
    if 2 * given.hits >= len(best):
        return ()
    others = [
        (words, fit(found, meant, objects, starts)) for words, meant in _rules(images, dataset)
    ]
    probable = [one for one in others if is_probable(given, one[1], len(others))]
    if not probable:
        return ()
    words, other = max(probable, key=lambda one: one[1].overlaps.sum())
    return (f"{words}: {evidence(given, other)}",)


def _rules(images: np.ndarray, dataset: Dataset) -> Iterator[tuple[str, np.ndarray]]:
    """Ways to name images wrongly: words, and for each of (N,) images the one that is meant; -1."""
    ids, rows = [image.id for image in dataset.images], dataset.image_index_by_id
    numbers = [identity for identity in ids if isinstance(identity, int)]
    if len(numbers) == len(ids):
        for step, size, first in ((-1, "large", 1), (1, "small", 0)):
            yield (
                f"ids of images seem to be one too {size} (are they counted from {first}?)",
                np.array([rows.get(numbers[image] + step, -1) for image in images.tolist()]),
            )
        begin = min(numbers)
        if max(numbers) - begin == len(ids) - 1:
            names = [image.file_name for image in dataset.images]
            by_name = np.array(sorted(range(len(ids)), key=names.__getitem__))
            positions = np.array([number - begin for number in numbers])
            yield "ids of images seem to number the sorted file names", by_name[positions[images]]
    source = "in the ground truth"
    yield f"detections seem to be those of the image before {source}", images - 1
    behind = np.append(np.arange(1, len(ids)), -1)
    yield f"detections seem to be those of the next image {source}", behind[images]
