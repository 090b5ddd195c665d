"""The options of the COCO protocol, and its curves with the figures computed from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from eval.errors import EvaluationError
from eval.matching import Matches

STAT_NAMES = (
    *("AP", "AP50", "AP75", "APs", "APm", "APl"),
    *("AR1", "AR10", "AR100", "ARs", "ARm", "ARl"),
)
AREAS = {
    "all": (0.0, 1e10),
    "small": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, 1e10),
}


@dataclass(frozen=True, eq=False)
class CocoOptions:
    """The options of the protocol, with COCO's own as defaults.

    Attributes
    ----------
    iou_thresholds, recall_thresholds
        Rising numbers: 1 to 64 IoU thresholds, and at least one recall threshold.
    max_detections
        Limits on the number of detections per class and image, highest scores first; there are
        figures for each limit.
    areas
        Ranges of object area in pixels^2 by name, with both ends included.
    """

    iou_thresholds: np.ndarray = field(default_factory=lambda: np.linspace(0.5, 0.95, 10))
    recall_thresholds: np.ndarray = field(default_factory=lambda: np.linspace(0, 1, 101))
    max_detections: tuple[int, ...] = (1, 10, 100)
    areas: dict[str, tuple[float, float]] = field(default_factory=lambda: dict(AREAS))

    def __post_init__(self) -> None:
        for name in ("iou_thresholds", "recall_thresholds"):
            values = _as_numbers(getattr(self, name))
            rising = values.ndim == 1 and len(values) > 0 and np.diff(values).min(initial=0) >= 0
            if not rising or not np.isfinite(values).all():
                raise EvaluationError(f"{name}: expected one or more rising numbers")
            object.__setattr__(self, name, values)
        if len(self.iou_thresholds) > 64:
            raise EvaluationError("iou_thresholds: more than 64; evaluate in several runs")
        if self.iou_thresholds[0] < 0 or self.iou_thresholds[-1] > 1:
            raise EvaluationError("iou_thresholds: expected numbers from 0 to 1")
        limits = self.max_detections
        is_list = isinstance(limits, (list, tuple)) and len(limits) > 0
        if not is_list or any(type(n) is not int or n < 1 for n in limits):
            raise EvaluationError(f"max_detections {limits}: expected whole numbers from 1")
        object.__setattr__(self, "max_detections", tuple(sorted(set(limits))))
        if not self.areas:
            raise EvaluationError("areas: expected one or more ranges")
        if "all" not in self.areas:
            raise EvaluationError("areas: no range 'all', which AP is computed over; add it")
        for name, bounds in self.areas.items():
            pair = _as_numbers(bounds)
            if pair.shape != (2,) or not pair[0] <= pair[1]:
                raise EvaluationError(f"areas: {name!r} is {bounds}; expected (from, to), pixels^2")


def _as_numbers(values: Any) -> np.ndarray:
    """The values as an array; a single NaN if that is impossible."""
    try:
        return np.array(values, dtype=np.float64, ndmin=1)
    except (TypeError, ValueError):
        return np.array([np.nan])


@dataclass(frozen=True, eq=False)
class CocoResult:
    """Curves of every class, area range and detection limit; -1 where no object counts.

    Attributes
    ----------
    options, category_order
        category_order[k] is the label of the k-th class by rising category id.
    curves, curve_scores
        (classes, areas, limits, thresholds, recalls) float64, precision at each recall
        threshold and the score there; classes in category_order.
    recalls
        (classes, areas, limits, thresholds) float64, the final recall.
    matches
        The matches at the first IoU threshold and the first area range.
    ties
        The number of detections with the score of an earlier one of their class.
    """

    options: CocoOptions
    category_order: np.ndarray
    curves: np.ndarray
    curve_scores: np.ndarray
    recalls: np.ndarray
    matches: Matches
    ties: int = 0

    @cached_property
    def precision(self) -> np.ndarray:
        """pycocotools' eval["precision"], (thresholds, recalls, classes, areas, limits)."""
        return np.ascontiguousarray(self.curves.transpose(3, 4, 0, 1, 2))

    @cached_property
    def scores(self) -> np.ndarray:
        """pycocotools' eval["scores"], of the same shape."""
        return np.ascontiguousarray(self.curve_scores.transpose(3, 4, 0, 1, 2))

    @cached_property
    def recall(self) -> np.ndarray:
        """pycocotools' eval["recall"], (thresholds, classes, areas, limits)."""
        return np.ascontiguousarray(self.recalls.transpose(3, 0, 1, 2))

    def average_precision(
        self,
        area: str = "all",
        limit: int | None = None,
        iou: float | None = None,
        labels: np.ndarray | None = None,
    ) -> float:
        """Mean precision over thresholds, recalls and classes; NaN where no object counts.

        `limit` defaults to the largest one; `iou` is one of the thresholds and defaults to all;
        `labels` are the labels of the classes, by default of all.
        """
        a, m, rows = self._place(area, limit, iou)
        curves = self.curves
        if labels is not None:
            curves = curves[np.isin(self.category_order, labels)]
        # The order of the sum decides its last bit: thresholds, recalls, classes.
        return _mean(curves[:, a, m, rows].transpose(1, 2, 0)) if m >= 0 else np.nan

    def average_recall(
        self, area: str = "all", limit: int | None = None, iou: float | None = None
    ) -> float:
        """Mean recall over thresholds and classes; NaN where no object counts."""
        a, m, rows = self._place(area, limit, iou)
        return _mean(self.recalls[:, a, m, rows].transpose(1, 0)) if m >= 0 else np.nan

    def class_precision(self) -> np.ndarray:
        """(classes,) float64, the AP of each label over all areas at the largest limit, or NaN."""
        a, m, rows = self._place("all", None, None)
        result = np.full(len(self.category_order), np.nan)
        for k, label in enumerate(self.category_order):
            result[label] = _mean(self.curves[k, a, m, rows])
        return result

    def stats(self, official: bool = False) -> dict[str, float]:
        """The twelve figures by STAT_NAMES; NaN (official: -1) where no object counts.

        Official: as in pycocotools, the first figure is that at 100 detections, and is missing if
        100 is not among the limits. Otherwise it is that at the largest limit.
        """
        limits = self.options.max_detections
        if official and len(limits) < 3:
            raise EvaluationError(
                f"max_detections {limits}: pycocotools needs three limits; leave `official` out"
            )
        missing = -1.0 if official else np.nan
        small, middle = (limits[min(i, len(limits) - 1)] for i in range(2))
        last = limits[2] if official else limits[-1]
        ap, ar = self.average_precision, self.average_recall
        values = (
            ap("all", 100 if official else last),
            ap("all", last, 0.5),
            ap("all", last, 0.75),
            *(ap(area, last) for area in ("small", "medium", "large")),
            *(ar("all", limit) for limit in (small, middle, last)),
            *(ar(area, last) for area in ("small", "medium", "large")),
        )
        return {
            name: missing if np.isnan(value) else value
            for name, value in zip(STAT_NAMES, values, strict=True)
        }

    def _place(self, area: str, limit: int | None, iou: float | None) -> tuple[int, int, slice]:
        options = self.options
        areas, limits = list(options.areas), options.max_detections
        wanted = limits[-1] if limit is None else limit
        rows = slice(None)
        if iou is not None:
            equal = np.flatnonzero(options.iou_thresholds == iou)
            rows = slice(equal[0], equal[-1] + 1) if len(equal) else slice(0, 0)
        if area not in areas or wanted not in limits:
            return 0, -1, rows
        return areas.index(area), limits.index(wanted), rows


def _mean(values: np.ndarray) -> float:
    known = values[values > -1]
    return float(np.mean(known)) if len(known) else np.nan
