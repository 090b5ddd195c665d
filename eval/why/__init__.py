"""Why a detector has the figure it has: each analysis a module, all of them by `explain`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eval.curves import class_curves
from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.matching import Matches
from eval.why.bootstrap import Bootstrap
from eval.why.bootstrap import bootstrap as resample
from eval.why.buckets import Buckets, all_buckets
from eval.why.calibration import Calibration, calibration
from eval.why.classes import ClassTable, class_table
from eval.why.comparison import Comparison, compare
from eval.why.confusion import Confusion, confusion
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


@dataclass(frozen=True, eq=False)
class Explanation:
    """All analyses of one result; each has its own to_dict.

    Attributes
    ----------
    protocol, iou_threshold
        Under which, and at which IoU, detections were matched.
    classes
        One line a class, and the score threshold with the best F1 over all.
    coco_sizes, sizes, shapes
        Average precision and recall by COCO's sizes, the data set's own, and aspect ratio.
    confusion, misses
        At that threshold; misses is None without traces of a proposal pipeline.
    tide
        Kinds of error and what each costs.
    calibration
        Precision by score.
    bootstrap
        Confidence intervals of AP and mAP; None if not asked for.
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
    bootstrap: Bootstrap | None
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
    bootstrap: int = 1000,
    seed: int = 0,
    traces: ObjectTraces | None = None,
    several: Sequence[Matches] | None = None,
) -> Explanation:
    """Everything that can be said about a result without running a detector.

    Parameters
    ----------
    table, dataset
        Detections and ground truth.
    matches
        The protocol's, at IoU .5.
    bootstrap, seed
        How many data sets are drawn for confidence intervals (0 for none; none without images),
        and the seed.
    traces
        What a proposal pipeline recorded about each object, if one did.
    several
        Matches at several IoU thresholds; the intervals then are those of the mean AP over them
        (COCO's AP) in the place of the AP at `matches`.
    """
    curves = class_curves(matches, table, dataset)
    classes = class_table(curves, table, dataset, matches)
    threshold = classes.overall.threshold
    drawn = None
    if bootstrap and len(dataset):
        used = matches if several is None else several
        drawn = resample(table, dataset, used, draws=bootstrap, seed=seed)
    coco_sizes, sizes, shapes = all_buckets(curves, table, dataset, matches)
    return Explanation(
        protocol=matches.protocol,
        iou_threshold=matches.iou_threshold,
        classes=classes,
        coco_sizes=coco_sizes,
        sizes=sizes,
        shapes=shapes,
        confusion=confusion(table, dataset, matches, threshold=threshold),
        tide=tide(table, dataset, matches),
        calibration=calibration(table, dataset, matches),
        bootstrap=drawn,
        misses=None
        if traces is None
        else explain_misses(traces, matches, table, dataset, threshold),
    )
