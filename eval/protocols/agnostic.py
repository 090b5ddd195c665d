"""All classes taken as one, as pycocotools does with useCats = 0."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.protocols.excluded import on_excluded, on_unverified
from eval.ranking import inverse, rising

CLASS = "any class"


def as_one_class(
    table: DetectionTable, dataset: Dataset, *, verified_only: bool = False
) -> tuple[DetectionTable, Dataset]:
    """The detections and the ground truth with a single class.

    Excluded pairs of image and class are left out of both, and with `verified_only` the detections
    on pairs that nobody has checked. Within an image, rows are in the order of their former
    category ids, which decides between equal scores and between equal overlaps as in pycocotools.
    """
    rank = inverse(rising(dataset.category_ids))
    rows = np.argsort(rank[table.labels], kind="stable")
    images, labels = table.images[rows], table.labels[rows]
    left_out = on_excluded(images, labels, dataset)
    if verified_only:
        left_out |= on_unverified(images, labels, dataset)
    rows = rows[~left_out]
    place = table.where
    merged = replace(
        table,
        images=table.images[rows],
        labels=np.zeros(len(rows), np.int32),
        boxes=table.boxes[rows],
        scores=table.scores[rows],
        where=None if place is None else lambda row: place(int(rows[row])),
    )
    truths = dataset.all_truths
    order = np.lexsort((rank[truths.labels], dataset.truth_images))
    order = order[~on_excluded(dataset.truth_images[order], truths.labels[order], dataset)]
    every = np.stack([np.arange(len(dataset)), np.zeros(len(dataset), np.int64)], axis=1)
    counts = np.bincount(dataset.truth_images[order], minlength=len(dataset))
    return merged, replace(
        dataset,
        class_names=(CLASS,),
        category_ids=(1,),
        all_truths=replace(truths[order], labels=np.zeros(len(order), np.int64)),
        starts=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        excluded=np.empty((0, 2), np.int64),
        verified=every if verified_only and dataset.verified is not None else None,
        federation=None,
    )
