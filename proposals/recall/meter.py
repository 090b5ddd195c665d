"""Measuring proposals: how many objects they cover, how closely, and with how many boxes.

    meter = RecallMeter()
    for image, truths_xyxy, labels in data:
        meter.add(selective_search(image).boxes_xyxy, truths_xyxy, labels)
    print(meter.report(class_names).table())

An object is covered at an IoU threshold if any box reaches that IoU with it (Uijlings et al. 2013,
section 5); one box may cover several objects. COCO's evaluation matches each box to one object, so
its figures are never higher, and are the same where objects do not share boxes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from proposals.boxes import area, intersection_over_union
from proposals.recall.report import NEVER, THRESHOLDS, RecallReport
from proposals.result import ProposalError


class RecallMeter:
    """Measures images one after another; keeps a few numbers per object, but no boxes."""

    def __init__(self) -> None:
        self._box_counts: list[int] = []
        self._best_overlaps: list[NDArray[np.float32]] = []
        self._first_ranks: list[NDArray[np.int64]] = []
        self._labels: list[NDArray[np.int64]] = []
        self._areas: list[NDArray[np.float64]] = []

    def add(
        self,
        boxes_xyxy: ArrayLike,
        truths_xyxy: ArrayLike,
        labels: ArrayLike,
        ignored: ArrayLike | None = None,
        areas: ArrayLike | None = None,
    ) -> None:
        """Measure the proposals of one image.

        Parameters
        ----------
        boxes_xyxy
            (N, 4) numbers, best first; `[x1, y1, x2, y2]` in pixels, continuous. N may be 0.
        truths_xyxy
            (T, 4) numbers, the objects of the image. T may be 0: the image's boxes still count.
        labels
            (T,) whole numbers from 0, the class of each object.
        ignored
            (T,) bool, True for objects that do not count (difficult, crowds); None counts all.
        areas
            (T,) numbers, pixels^2, which decide between small, medium and large. None takes the
            areas of the boxes; COCO takes the areas of its masks.

        Raises
        ------
        ProposalError
            A shape, dtype or value is not as above; the message gives the image's number, from 0.
        """
        where = f"image {len(self._box_counts)}"
        boxes = _boxes(boxes_xyxy, f"{where}: boxes_xyxy")
        truths = _boxes(truths_xyxy, f"{where}: truths_xyxy")
        count = len(truths)
        classes = _column(labels, count, "iu", f"{where}: labels").astype(np.int64)
        if (classes < 0).any():
            raise ProposalError(
                f"{where}: labels go down to {classes.min()}; number classes from 0"
            )
        sizes = area(truths) if areas is None else _column(areas, count, "iuf", f"{where}: areas")
        keep = np.ones(count, bool)
        if ignored is not None:
            keep = ~_column(ignored, count, "b", f"{where}: ignored").astype(bool)

        overlaps = intersection_over_union(truths[keep], boxes)
        self._box_counts.append(len(boxes))
        self._best_overlaps.append(overlaps.max(axis=1, initial=0))
        self._first_ranks.append(_first_ranks(overlaps))
        self._labels.append(classes[keep])
        self._areas.append(sizes[keep].astype(np.float64))

    def report(self, class_names: Sequence[str] = ()) -> RecallReport:
        """The figures of all images added so far.

        Parameters
        ----------
        class_names
            Name of each class by label; without names, class 3 is called "3".

        Raises
        ------
        ProposalError
            A label has no name, or two classes have the same name.
        """
        labels = np.concatenate([np.empty(0, np.int64), *self._labels])
        classes = int(labels.max(initial=-1)) + 1
        names = tuple(class_names) or tuple(str(label) for label in range(classes))
        if classes > len(names):
            raise ProposalError(
                f"class_names: {len(names)} names, but labels go up to {classes - 1}; "
                "give one per class"
            )
        if len(set(names)) < len(names):
            raise ProposalError(
                "class_names: two classes have the same name; give each class its own"
            )
        return RecallReport(
            box_counts=np.array(self._box_counts, np.int64),
            best_overlaps=np.concatenate([np.empty(0, np.float32), *self._best_overlaps]),
            first_ranks=np.concatenate(
                [np.empty((0, len(THRESHOLDS)), np.int64), *self._first_ranks]
            ),
            labels=labels,
            areas=np.concatenate([np.empty(0, np.float64), *self._areas]),
            class_names=names,
        )


def measure_recall(
    boxes_xyxy: Iterable[ArrayLike],
    truths_xyxy: Iterable[ArrayLike],
    labels: Iterable[ArrayLike],
    ignored: Iterable[ArrayLike] | None = None,
    *,
    areas: Iterable[ArrayLike] | None = None,
    class_names: Sequence[str] = (),
) -> RecallReport:
    """Measure the proposals of several images at once.

    Parameters
    ----------
    boxes_xyxy, truths_xyxy, labels, ignored, areas
        One array per image, as `RecallMeter.add` takes them.
    class_names
        See `RecallMeter.report`.

    Raises
    ------
    ProposalError
        An array is not as described there, or the arguments have different numbers of images.
    """
    arguments = {
        "boxes_xyxy": boxes_xyxy,
        "truths_xyxy": truths_xyxy,
        "labels": labels,
        "ignored": ignored,
        "areas": areas,
    }
    columns = {name: list(values) for name, values in arguments.items() if values is not None}
    if len({len(column) for column in columns.values()}) > 1:
        counts = ", ".join(f"{name} {len(column)}" for name, column in columns.items())
        raise ProposalError(f"numbers of images differ ({counts}); give one array per image")
    meter = RecallMeter()
    for index in range(len(columns["boxes_xyxy"])):
        meter.add(**{name: column[index] for name, column in columns.items()})
    return meter.report(class_names)


def _first_ranks(overlaps: NDArray[np.float32]) -> NDArray[np.int64]:
    """(T, thresholds): the first column of (T, N) overlaps that reaches each threshold."""
    # The running maximum is sorted, so a binary search finds the first box over each threshold.
    best_so_far = np.maximum.accumulate(overlaps, axis=1)
    ranks = np.array([np.searchsorted(row, THRESHOLDS) for row in best_so_far], np.int64)
    ranks = ranks.reshape(-1, len(THRESHOLDS))
    ranks[ranks == overlaps.shape[1]] = NEVER
    return ranks


def _boxes(values: ArrayLike, what: str) -> NDArray[np.float32]:
    array = np.asarray(values)
    if array.size == 0:
        return np.empty((0, 4), np.float32)
    if array.ndim != 2 or array.shape[1] != 4 or array.dtype.kind not in "iuf":
        raise ProposalError(
            f"{what}: expected (N, 4) numbers [x1, y1, x2, y2], got {array.shape} {array.dtype}"
        )
    if not np.isfinite(array).all():
        raise ProposalError(f"{what}: NaN or infinity; leave such boxes out")
    return array.astype(np.float32)


def _column(values: ArrayLike, count: int, kinds: str, what: str) -> NDArray:
    array = np.asarray(values)
    if array.size == 0 and count == 0:
        return np.empty(0, np.int64)
    if array.shape != (count,) or array.dtype.kind not in kinds:
        kind = {"b": "bool", "iu": "whole numbers", "iuf": "numbers"}[kinds]
        raise ProposalError(
            f"{what}: expected ({count},) {kind}, one per object, got {array.shape} {array.dtype}"
        )
    return array
