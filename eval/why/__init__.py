"""Explain the figures of a detector; one module per analysis, and `explain` runs them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eval.curves import class_curves
from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.matching import Matches
from eval.why.buckets import Buckets, all_buckets
from eval.why.calibration import Calibration, calibration
from eval.why.classes import ClassTable, class_table
from eval.why.comparison import Comparison, compare
from eval.why.confusion import Confusion, confusion
from eval.why.intervals import Intervals
from eval.why.intervals import intervals as measure_intervals
from eval.why.misses import Misses, explain_misses
from eval.why.tide import Tide, tide
from eval.why.traces import ObjectTraces, read_traces

__all__ = [
    "Comparison",
    "Explanation",
    "Misses",
    "ObjectTraces",
    "compare",
    "explain",
    "explain_misses",
    "read_traces",
]
_MOST_OF_TIDE = {"lvis": 300}  # detections per image, as in TIDE's own reader of LVIS


@dataclass(frozen=True, eq=False)
class Explanation:
    """All analyses of one result; each has its own to_dict.

    Attributes
    ----------
    protocol, iou_threshold
        The protocol and the IoU threshold of the matching.
    classes
        Figures of each class, and the score threshold with the best F1 of all classes together.
    coco_sizes, sizes, shapes
        Average precision and recall by COCO's sizes, the data set's own, and aspect ratio.
    confusion, misses
        At that score threshold; misses is None without traces of a proposal pipeline.
    tide
        The kinds of error, and the AP that each costs.
    calibration
        Precision by score.
    intervals
        95 % intervals of AP and mAP; None if draws are disabled.
    """

    protocol: str
    iou_threshold: float
    classes: ClassTable
    coco_sizes: Buckets
    sizes: Buckets
    shapes: Buckets
    confusion: Confusion
    tide: Tide
    calibration: Calibration
    intervals: Intervals | None
    misses: Misses | None

    def to_dict(self) -> dict[str, Any]:
        """Plain Python, ready for JSON: NaN is None."""
        parts = {name: value for name, value in vars(self).items() if hasattr(value, "to_dict")}
        return {**vars(self), **{name: part.to_dict() for name, part in parts.items()}}


def explain(
    table: DetectionTable,
    dataset: Dataset,
    matches: Matches,
    *,
    draws: int = 1000,
    seed: int = 0,
    traces: ObjectTraces | None = None,
    several: Sequence[Matches] | None = None,
) -> Explanation:
    """Run all analyses of a result; no detector is needed.

    Parameters
    ----------
    table, dataset
        The detections and the ground truth.
    matches
        The protocol's matches, at IoU 0.5.
    draws, seed
        The number of halves of the images drawn for 95 % intervals, and the seed. There are no
        intervals with 0 draws or without images.
    traces
        What a proposal pipeline recorded about each object; None without such a record.
    several
        Matches at several IoU thresholds. The intervals are then those of the mean AP over
        these thresholds (COCO's AP) instead of the AP of `matches`.
    """
    curves = class_curves(matches, table, dataset)
    classes = class_table(curves, table, dataset, matches)
    threshold = classes.overall.threshold
    bounds = None
    if draws and len(dataset):
        used = matches if several is None else several
        bounds = measure_intervals(table, dataset, used, draws=draws, seed=seed)
    coco_sizes, sizes, shapes = all_buckets(curves, table, dataset, matches)
    return Explanation(
        protocol=matches.protocol,
        iou_threshold=matches.iou_threshold,
        classes=classes,
        coco_sizes=coco_sizes,
        sizes=sizes,
        shapes=shapes,
        confusion=confusion(table, dataset, matches, threshold=threshold),
        tide=tide(table, dataset, matches, most=_MOST_OF_TIDE.get(matches.protocol, 100)),
        calibration=calibration(table, dataset, matches),
        intervals=bounds,
        misses=None
        if traces is None
        else explain_misses(traces, matches, table, dataset, threshold),
    )
