"""Average precision and recall by the size and by the shape of objects.

There are two divisions by size. COCO's three sizes have fixed limits (32^2 and 96^2 pixels), for
comparison with published figures. The five sizes from XS to XL are divided at the 10, 30, 70 and
90 % quantiles of the data set's own objects, as in Hoiem, Chodpathumwan and Dai, "Diagnosing error
in object detectors" (ECCV 2012), so that every bucket has enough objects at any image resolution.
Shapes have fixed limits of width / height, because a ratio means the same in every data set.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from eval.curves import Curves
from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.matching import FALSE, IGNORED, TRUE, Matches
from eval.why.average_precision import RULES, average_precisions, ranked
from eval.why.plain import plain

COCO_SIZES = (("small", "medium", "large"), (32.0, 96.0))
SIZE_NAMES, SIZE_SHARES = ("XS", "S", "M", "L", "XL"), (0.1, 0.3, 0.7, 0.9)
SHAPES = (("very tall", "tall", "square", "wide", "very wide"), (0.5, 0.75, 4 / 3, 2.0))


@dataclass(frozen=True, eq=False)
class Buckets:
    """Figures of objects in buckets by one measure; arrays of length B, the smallest bucket first.

    Attributes
    ----------
    measure
        "side": square root of the area, pixels; or "ratio": width / height.
    names
        Names of the buckets.
    limits
        (B - 1,) float64: bucket b contains values from limits[b - 1] on and below limits[b].
    average_precisions
        (B,) float64, mean over the classes with objects in the bucket; NaN without objects.
    recalls
        (B,) float64, share of the bucket's objects that are found; NaN without objects.
    objects, found, false
        (B,) int64: objects that count, those of them that are found, and false detections.
    """

    measure: str
    names: tuple[str, ...]
    limits: np.ndarray
    average_precisions: np.ndarray
    recalls: np.ndarray
    objects: np.ndarray
    found: np.ndarray
    false: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """Plain Python."""
        return plain(self)


class Measure(NamedTuple):
    """A measure of objects and detections, and how it divides them into buckets.

    Attributes
    ----------
    name, names, limits
        As in Buckets: its measure, names and limits.
    objects, detections
        (M,) and (N,) float64, the values of the measure.
    """

    name: str
    names: tuple[str, ...]
    limits: tuple[float, ...]
    objects: np.ndarray
    detections: np.ndarray


def all_buckets(
    curves: Curves, table: DetectionTable, dataset: Dataset, matches: Matches
) -> tuple[Buckets, Buckets, Buckets]:
    """Buckets by COCO's sizes, by the data set's own sizes, and by shape."""
    truths = dataset.all_truths
    object_sides = np.sqrt(np.maximum(truths.areas, 0))
    # The size of an object is its annotated area, that of a detection the area of its box.
    width, height = table.boxes_xywh[:, 2], table.boxes_xywh[:, 3]
    sides = np.sqrt(np.maximum(width, 0) * np.maximum(height, 0))
    own = object_sides[matches.counted]
    limits = tuple(np.quantile(own, SIZE_SHARES).tolist()) if len(own) else (np.nan,) * 4
    object_ratios = _ratios(truths.boxes_xywh[:, 2], truths.boxes_xywh[:, 3])
    measures = (
        Measure("side", *COCO_SIZES, object_sides, sides),
        Measure("side", SIZE_NAMES, limits, object_sides, sides),
        Measure("ratio", *SHAPES, object_ratios, _ratios(width, height)),
    )
    coco_sizes, own_sizes, shapes = (
        buckets(curves, table, dataset, matches, measure) for measure in measures
    )
    return coco_sizes, own_sizes, shapes


def buckets(
    curves: Curves,
    table: DetectionTable,
    dataset: Dataset,
    matches: Matches,
    measure: Measure,
) -> Buckets:
    """Evaluate each bucket as if only its objects counted.

    A true detection belongs to the bucket of its object, a false one to that of its own box; in all
    other buckets it is ignored. Matching is not repeated, so that the buckets add up to the whole.
    COCO's APs, APm and APl, which match again in each range, can therefore differ slightly.
    """
    names = measure.names
    bucket_of_object = np.searchsorted(measure.limits, measure.objects, side="right")
    bucket_of_detection = np.searchsorted(measure.limits, measure.detections, side="right")
    hit = matches.outcomes == TRUE
    bucket_of_detection[hit] = bucket_of_object[matches.truths[hit]]
    precisions = np.full(len(names), np.nan)
    for bucket in range(len(names)):
        counted = matches.counted & (bucket_of_object == bucket)
        if counted.any():
            outcomes = np.where(bucket_of_detection == bucket, matches.outcomes, np.int8(IGNORED))
            part = replace(matches, outcomes=outcomes, counted=counted)
            entries = ranked(curves, part, table, dataset)
            values = average_precisions(entries, RULES[matches.protocol])
            precisions[bucket] = np.nanmean(values)
    objects = np.bincount(bucket_of_object[matches.counted], minlength=len(names))
    found = np.bincount(bucket_of_detection[hit], minlength=len(names))
    wrong = matches.outcomes == FALSE
    with np.errstate(invalid="ignore"):
        recalls = np.where(objects > 0, found / objects, np.nan)
    return Buckets(
        measure=measure.name,
        names=names,
        limits=np.array(measure.limits, dtype=np.float64),
        average_precisions=precisions,
        recalls=recalls,
        objects=objects,
        found=found,
        false=np.bincount(bucket_of_detection[wrong], minlength=len(names)),
    )


def _ratios(width: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Width / height; 1 for a box without width and height, inf for one without height."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.nan_to_num(np.maximum(width, 0) / np.maximum(height, 0), nan=1.0, posinf=np.inf)
