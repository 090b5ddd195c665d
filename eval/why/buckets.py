"""Average precision and recall by the size and by the shape of objects.

Sizes come twice. COCO's three have fixed limits (32^2 and 96^2 pixels), for comparison with what
others publish. The five from XS to XL are cut where the data set's own objects reach 10, 30, 70
and 90 % by size, as in Hoiem, Chodpathumwan and Dai, "Diagnosing error in object detectors"
(ECCV 2012): whatever the pictures' resolution, every bucket holds enough objects to be measured.
Shapes have fixed limits of width / height, since a ratio means the same in every data set.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

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
    """Objects by one measure, arrays of one length B from the least to the greatest.

    Attributes
    ----------
    measure
        "side": square root of the area, pixels; or "ratio": width / height.
    names
        Of the buckets.
    limits
        (B - 1,) float64: bucket b holds what is at least limits[b - 1] and below limits[b].
    average_precisions
        (B,) float64, mean over the classes that have objects in the bucket; NaN without any.
    recalls
        (B,) float64, share of the bucket's objects found; NaN without any.
    objects, found, false
        (B,) int64: objects that have to be found, how many were, and false detections.
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


def all_buckets(
    curves: Curves, table: DetectionTable, dataset: Dataset, matches: Matches
) -> tuple[Buckets, Buckets, Buckets]:
    """By COCO's sizes, by the data set's own, and by shape; see buckets."""
    truths = dataset.all_truths
    object_sides = np.sqrt(np.maximum(truths.areas, 0))
    # An object is as large as its annotation says; a detection as its box.
    width, height = table.boxes_xywh[:, 2], table.boxes_xywh[:, 3]
    sides = np.sqrt(np.maximum(width, 0) * np.maximum(height, 0))
    own = object_sides[matches.counted]
    limits = tuple(np.quantile(own, SIZE_SHARES).tolist()) if len(own) else (np.nan,) * 4
    object_ratios = _ratios(truths.boxes_xywh[:, 2], truths.boxes_xywh[:, 3])
    judged = (curves, table, dataset, matches)
    return (
        buckets(*judged, "side", *COCO_SIZES, object_sides, sides),
        buckets(*judged, "side", SIZE_NAMES, limits, object_sides, sides),
        buckets(*judged, "ratio", *SHAPES, object_ratios, _ratios(width, height)),
    )


def buckets(
    curves: Curves,
    table: DetectionTable,
    dataset: Dataset,
    matches: Matches,
    measure: str,
    names: tuple[str, ...],
    limits: tuple[float, ...],
    object_values: np.ndarray,
    detection_values: np.ndarray,
) -> Buckets:
    """Judge each bucket as if only its objects had to be found.

    A true detection belongs to its object's bucket and a false one to its own; each is passed
    over in the others. Matching is not repeated, so that the buckets add up to the whole; COCO's
    own APs, APm and APl, which match anew in each range, can differ a little.

    Parameters
    ----------
    object_values, detection_values
        (M,) and (N,) float64, what the limits are compared with.
    """
    bucket_of_object = np.searchsorted(limits, object_values, side="right")
    bucket_of_detection = np.searchsorted(limits, detection_values, side="right")
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
        measure=measure,
        names=names,
        limits=np.array(limits, dtype=np.float64),
        average_precisions=precisions,
        recalls=recalls,
        objects=objects,
        found=found,
        false=np.bincount(bucket_of_detection[wrong], minlength=len(names)),
    )


def _ratios(width: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Width / height; 1 for a box without sides, inf for one without height."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.nan_to_num(np.maximum(width, 0) / np.maximum(height, 0), nan=1.0, posinf=np.inf)
