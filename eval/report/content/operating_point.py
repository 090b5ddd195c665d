"""What a detector finds, misses and reports falsely if it keeps the scores from a threshold on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.matching import FALSE, TRUE, Matches
from eval.why.error_kinds import CORRECT, KINDS, classify_errors
from eval.why.images import by_image

# The protocol calls a detection false that TIDE, which has a matching of its own, calls correct.
OTHER = "other"
FALSE_KINDS = ("Loc", "Cls", "Both", "Dupe", "Bkg", OTHER)
# The IoU from which a detection can be true, and the IoU up to which it is background, as in TIDE.
_POSITIVE, _BACKGROUND = 0.5, 0.1


@dataclass(frozen=True, eq=False)
class OperatingPoint:
    """The detections kept at a score threshold, and the objects that they miss.

    Attributes
    ----------
    threshold
        The lowest score that is kept; NaN keeps nothing.
    objects
        The number of objects that count.
    true, false
        Rows of the table by falling score, as the protocol matches them.
    missed
        Rows of all_truths: objects without a true detection that is kept; those that fill the
        largest share of their image come first.
    kinds
        For each of `false`, its kind of error: one of FALSE_KINDS.
    alone
        The rows among `missed` to which no kept detection is close (TIDE's Miss).
    class_found, class_missed, class_false
        (classes,) int64, the number of each for every class.
    """

    threshold: float
    objects: int
    true: np.ndarray
    false: np.ndarray
    missed: np.ndarray
    kinds: np.ndarray
    alone: np.ndarray
    class_found: np.ndarray
    class_missed: np.ndarray
    class_false: np.ndarray

    def of_kind(self, kind: str) -> np.ndarray:
        """Rows of the false detections of this kind."""
        rows: np.ndarray = self.false[self.kinds == kind]
        return rows

    def to_dict(self) -> dict[str, Any]:
        """The counts, for report.json; a false detection of kind K counts under kinds[K]."""
        return {
            "threshold": self.threshold,
            "found": len(self.true),
            "missed": len(self.missed),
            "false": len(self.false),
            "kinds": {kind: len(self.of_kind(kind)) for kind in FALSE_KINDS},
            "missed_alone": len(self.alone),
        }


def operating_point(
    table: DetectionTable, dataset: Dataset, matches: Matches, threshold: float
) -> OperatingPoint:
    """Sort the detections and objects by their outcome at a score threshold."""
    kept = table.scores >= threshold
    order = np.argsort(-table.scores, kind="stable")
    true = order[(kept & (matches.outcomes == TRUE))[order]]
    false = order[(kept & (matches.outcomes == FALSE))[order]]
    found = np.zeros(len(matches.counted), dtype=bool)
    found[matches.truths[true]] = True
    missed = np.flatnonzero(matches.counted & ~found)
    missed = missed[np.argsort(-share_of_image(dataset)[missed], kind="stable")]
    # A comparison with NaN keeps nothing here as well.
    shown = by_image(table, dataset, matches, threshold=threshold)
    errors = classify_errors(shown, dataset, matches.singles, _POSITIVE, _BACKGROUND)
    kinds = np.full(len(table), CORRECT, dtype=np.int8)
    kinds[shown.rows] = errors.kinds
    names = np.array([*KINDS, OTHER])
    classes, of_object = len(dataset.class_names), dataset.all_truths.labels
    return OperatingPoint(
        threshold=threshold,
        objects=int(np.count_nonzero(matches.counted)),
        true=true,
        false=false,
        missed=missed,
        kinds=names[kinds[false]],
        alone=missed[~errors.reached[missed]],
        class_found=np.bincount(table.labels[true], minlength=classes),
        class_missed=np.bincount(of_object[missed], minlength=classes),
        class_false=np.bincount(table.labels[false], minlength=classes),
    )


def share_of_image(dataset: Dataset) -> np.ndarray:
    """(M,) float64: the share of its image that the box of each object covers."""
    sides = np.array([(image.width, image.height) for image in dataset.images], dtype=np.float64)
    areas = sides.reshape(-1, 2).prod(axis=1)[dataset.truth_images]
    boxes = dataset.all_truths.boxes_xywh
    share: np.ndarray = np.minimum(boxes[:, 2] * boxes[:, 3] / np.maximum(areas, 1), 1)
    return share
