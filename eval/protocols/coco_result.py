"""The curves of the COCO protocol, and the figures computed from them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from eval.errors import EvaluationError
from eval.matching import Matches
from eval.protocols.options import AREAS, COCO_THRESHOLDS, CocoOptions

STAT_NAMES = (
    *("AP", "AP50", "AP75", "APs", "APm", "APl"),
    *("AR1", "AR10", "AR100", "ARs", "ARm", "ARl"),
)
LETTERS = {"small": "s", "medium": "m", "large": "l"}  # in the names of the figures
# A threshold is found although 0.9 is 0.8999999999999999 in numpy.linspace(0.5, 0.95, 10).
_SAME = 1e-9


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
        # The order of the sum decides its last bit: thresholds, recalls, classes.
        chosen = self.curves[self._chosen(labels)]
        return _mean(chosen[:, a, m, rows].transpose(1, 2, 0)) if m >= 0 else np.nan

    def average_recall(
        self,
        area: str = "all",
        limit: int | None = None,
        iou: float | None = None,
        labels: np.ndarray | None = None,
    ) -> float:
        """Mean recall over thresholds and classes; NaN where no object counts."""
        a, m, rows = self._place(area, limit, iou)
        chosen = self.recalls[self._chosen(labels)]
        return _mean(chosen[:, a, m, rows].transpose(1, 0)) if m >= 0 else np.nan

    def class_precision(self) -> np.ndarray:
        """(classes,) float64, the AP of each label over all areas at the largest limit, or NaN."""
        return self._by_label(self.curves)

    def class_stats(self) -> dict[str, np.ndarray]:
        """The figures of each label by name, (classes,) float64: AP, AP50, AP75 and AR100.

        AP50 and AP75 stand for the thresholds, and AR100 for the largest limit, in force.
        """
        figures = {"AP": self.class_precision()}
        for iou in self.shown_thresholds:
            figures[threshold_name(iou)] = self._by_label(self.curves, iou)
        recalls = self._by_label(self.recalls)
        return {**figures, f"AR{self.options.max_detections[-1]}": recalls}

    def stats(self) -> dict[str, float]:
        """The figures by name; NaN where no object counts.

        With COCO's own options they are the twelve of STAT_NAMES. Otherwise there is one for each
        threshold, limit and area in force, and its name tells which.
        """
        ap, ar = self.average_precision, self.average_recall
        areas = self.area_names
        return {
            "AP": ap(),
            **{threshold_name(iou): ap(iou=iou) for iou in self.shown_thresholds},
            **{f"AP{called}": ap(name) for name, called in areas.items()},
            **{f"AR{limit}": ar(limit=limit) for limit in self.options.max_detections},
            **{f"AR{called}": ar(name) for name, called in areas.items()},
        }

    @property
    def area_names(self) -> dict[str, str]:
        """How the figures of each area range but "all" are called, as _area_name says."""
        areas = self.options.areas
        return {name: _area_name(name, self.options) for name in areas if name != "all"}

    def official_stats(self) -> dict[str, float]:
        """The twelve figures as pycocotools computes them; -1 where no object counts.

        The first is that at 100 detections, and is missing if 100 is not among the limits. A
        threshold is found only if it is 0.5 or 0.75 to the last bit.
        """
        limits = self.options.max_detections
        if len(limits) < 3:
            raise EvaluationError(
                f"max_detections {limits}: pycocotools needs three limits; leave `official` out"
            )
        exact = set(self.options.iou_thresholds.tolist())
        last, ap, ar = limits[2], self.average_precision, self.average_recall
        values = (
            ap("all", 100),
            *(ap("all", last, iou) if iou in exact else np.nan for iou in (0.5, 0.75)),
            *(ap(area, last) for area in LETTERS),
            *(ar("all", limit) for limit in limits[:3]),
            *(ar(area, last) for area in LETTERS),
        )
        names = (*STAT_NAMES[:6], *(f"AR{limit}" for limit in limits[:3]), *STAT_NAMES[9:])
        return {
            name: -1.0 if np.isnan(value) else value
            for name, value in zip(names, values, strict=True)
        }

    def _chosen(self, labels: np.ndarray | None) -> slice | np.ndarray:
        """The rows of these labels in the arrays, in category_order."""
        return slice(None) if labels is None else np.isin(self.category_order, labels)

    def _by_label(self, figures: np.ndarray, iou: float | None = None) -> np.ndarray:
        """(classes,) float64, the mean of each label over all areas at the largest limit."""
        a, m, rows = self._place("all", None, iou)
        means = np.full(len(self.category_order), np.nan)
        for k, label in enumerate(self.category_order):
            means[label] = _mean(figures[k, a, m, rows])
        return means

    @property
    def shown_thresholds(self) -> list[float]:
        """The thresholds that have figures of their own: of COCO's ten only 0.5 and 0.75."""
        thresholds: list[float] = self.options.iou_thresholds.tolist()
        return [0.5, 0.75] if thresholds == COCO_THRESHOLDS.tolist() else thresholds

    def _place(self, area: str, limit: int | None, iou: float | None) -> tuple[int, int, slice]:
        options = self.options
        areas, limits = list(options.areas), options.max_detections
        wanted = limits[-1] if limit is None else limit
        rows = slice(None)
        if iou is not None:
            distances = np.abs(options.iou_thresholds - iou)
            near = np.flatnonzero((distances == distances.min()) & (distances <= _SAME))
            rows = slice(near[0], near[-1] + 1) if len(near) else slice(0, 0)
        if area not in areas or wanted not in limits:
            return 0, -1, rows
        return areas.index(area), limits.index(wanted), rows


def threshold_name(iou: float) -> str:
    """The name of the AP at one IoU threshold: 0.5 -> "AP50"."""
    return f"AP{100 * iou:.10g}"


def _area_name(name: str, options: CocoOptions) -> str:
    """How figures of an area range are called: "s" for COCO's small one, " tiny" for another."""
    is_coco_s = name in LETTERS and options.areas[name] == AREAS[name]
    return LETTERS[name] if is_coco_s else f" {name}"


def _mean(values: np.ndarray) -> float:
    known = values[values > -1]
    return float(np.mean(known)) if len(known) else np.nan
