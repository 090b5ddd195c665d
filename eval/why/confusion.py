"""The confusion matrix of classes and background."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.matching import Matches
from eval.why.classes import best_overall
from eval.why.compiled import kernel
from eval.why.images import by_image, overlap_xywh, shared_area
from eval.why.plain import plain

_NOTHING = -1  # no object matched; -2 for an ignored detection


class Pair(NamedTuple):
    """The number of objects of one class that were detected as another."""

    true: str
    predicted: str
    times: int


@dataclass(frozen=True, eq=False)
class Confusion:
    """The confusion matrix at one score threshold.

    Attributes
    ----------
    names
        Names of the K classes.
    threshold
        The lowest score that is kept; NaN if no threshold is known, and then nothing is kept.
    iou_threshold
        The lowest IoU at which a detection matches an object of any class.
    counts
        (K + 1, K + 1) int64. Rows are objects of class k, and background; columns are detections of
        class k, and missed. The last cell is 0.
    top
        The largest counts of two different classes, the largest first.
    rows, taken
        (D,) int64, the detections that are counted: row of the table, and row of the object in
        all_truths, or -1 for background.
    missed
        Rows of the objects in all_truths that no detection matches.
    """

    names: tuple[str, ...]
    threshold: float
    iou_threshold: float
    counts: np.ndarray
    top: tuple[Pair, ...]
    rows: np.ndarray
    taken: np.ndarray
    missed: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """Plain Python, without the rows; entries of `top` have true, predicted and times."""
        figures = ("names", "threshold", "iou_threshold", "counts")
        result = {name: plain(getattr(self, name)) for name in figures}
        return {**result, "top": [plain(pair._asdict()) for pair in self.top]}


def confusion(
    table: DetectionTable,
    dataset: Dataset,
    matches: Matches,
    *,
    threshold: float | None = None,
    iou_threshold: float = 0.5,
    most: int = 20,
) -> Confusion:
    """Match the detections of each image, highest score first, to objects of any class.

    A detection matches the free object with the largest IoU of at least iou_threshold; of equal
    ones an object of its own class, then the first. Without a match it counts as background, unless
    it overlaps an ignored object of any class that much (for a crowd or group: lies inside it to
    that share), or the protocol excludes it.

    Parameters
    ----------
    matches
        Determine which objects count, and the default threshold.
    threshold
        The lowest score that is kept; None for the one with the best F1 of all classes together.
    most
        The length of `top`.
    """
    if threshold is None:
        threshold = best_overall(table, matches).threshold
    truths, classes = dataset.all_truths, len(dataset.class_names)
    shown = by_image(table, dataset, matches, threshold=threshold)
    taken = np.empty(len(shown.rows), dtype=np.int32)
    found = np.zeros(len(truths), dtype=bool)
    _take(
        shown.boxes_xywh,
        shown.labels,
        shown.starts.astype(np.int64),
        np.ascontiguousarray(truths.boxes_xywh, dtype=np.float64),
        truths.labels.astype(np.int32),
        matches.singles,
        truths.crowd,
        dataset.starts.astype(np.int64),
        iou_threshold,
        taken,
        found,
    )
    counted = (taken >= 0) | (taken == _NOTHING)
    taken, labels = taken[counted], shown.labels[counted]
    # The label of object -1, which is appended, is background.
    rows = np.append(truths.labels, classes)[taken]
    counts = np.zeros((classes + 1, classes + 1), dtype=np.int64)
    np.add.at(counts, (rows, labels), 1)
    missed = np.flatnonzero(matches.singles & ~found)
    counts[:classes, classes] = np.bincount(truths.labels[missed], minlength=classes)
    return Confusion(
        names=dataset.class_names,
        threshold=float(threshold),
        iou_threshold=iou_threshold,
        counts=counts,
        top=_largest(counts[:classes, :classes], dataset.class_names, most),
        rows=shown.rows[counted].astype(np.int64),
        taken=taken.astype(np.int64),
        missed=missed,
    )


def _largest(counts: np.ndarray, names: tuple[str, ...], most: int) -> tuple[Pair, ...]:
    off = counts.copy()
    np.fill_diagonal(off, 0)
    order = np.argsort(-off, axis=None, kind="stable")[:most]
    cells = [divmod(int(cell), len(names)) for cell in order]
    pairs = (Pair(names[row], names[column], int(off[row, column])) for row, column in cells)
    return tuple(pair for pair in pairs if pair.times)


@kernel("f8[2] i4[1] i8[1] f8[2] i4[1] b1[1] b1[1] i8[1] f8 i4[1] b1[1]")
def _take(  # type: ignore[no-untyped-def]
    boxes, labels, starts, truths, truth_labels, counted, crowd, truth_starts, threshold,
    taken, found,
):  # fmt: skip
    for image in range(len(starts) - 1):
        begin, end = truth_starts[image], truth_starts[image + 1]
        for i in range(starts[image], starts[image + 1]):
            best, most, same = -1, threshold, False
            ignored = False
            for j in range(begin, end):
                if counted[j] and not found[j]:
                    value = overlap_xywh(boxes, i, truths, j)
                    own = truth_labels[j] == labels[i]
                    first = best < 0 and value >= threshold
                    if first or value > most or (value == most and own and not same and best >= 0):
                        best, most, same = j, value, own
                elif not counted[j] and crowd[j]:
                    inside = shared_area(boxes, i, truths, j)
                    share = inside / (boxes[i, 2] * boxes[i, 3]) if inside > 0 else 0.0
                    ignored = ignored or share >= threshold
                elif not counted[j]:
                    ignored = ignored or overlap_xywh(boxes, i, truths, j) >= threshold
            if best >= 0:
                found[best] = True
                taken[i] = best
            else:
                taken[i] = -2 if ignored else -1
