"""What a user may choose about an evaluation, and what COCO and LVIS choose themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from eval.errors import EvaluationError

EVERY_AREA = (0.0, 1e10)  # pixels^2, as in pycocotools
COCO_THRESHOLDS = np.linspace(0.5, 0.95, 10)
AREAS = {
    "all": EVERY_AREA,
    "small": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, 1e10),
}


@dataclass(frozen=True, eq=False)
class Options:
    """Choices in place of a protocol's own; None leaves the protocol's.

    Attributes
    ----------
    iou_thresholds
        The IoU from which a detection is true. COCO and LVIS take 1 to 64 rising ones and average
        over them; the other protocols take one.
    max_detections
        Limits on the number of detections, highest scores first: for COCO one or more per class and
        image, with figures for each; for LVIS one per image. The other protocols have none.
    areas
        Ranges of object area in pixels^2 by name, with both ends included. Without a range "all",
        which AP is computed over, it is added. COCO and LVIS only.
    recall_thresholds
        Rising levels of recall at which precision is averaged. COCO and LVIS only.
    class_agnostic
        Take all classes as one, as with pycocotools' useCats = 0. LVIS has no such rule.

    Raises
    ------
    EvaluationError
        A value makes no sense. `evaluate` raises it for options that the protocol does not have.
    """

    iou_thresholds: float | Sequence[float] | np.ndarray | None = None
    max_detections: int | Sequence[int] | None = None
    areas: Mapping[str, tuple[float, float]] | None = None
    recall_thresholds: Sequence[float] | np.ndarray | None = None
    class_agnostic: bool = False

    def __post_init__(self) -> None:
        checks = {
            "iou_thresholds": checked_iou,
            "recall_thresholds": checked_recall,
            "max_detections": checked_limits,
            "areas": _with_every_area,
        }
        for name, check in checks.items():
            if getattr(self, name) is not None:
                object.__setattr__(self, name, check(getattr(self, name), name))
        if self.class_agnostic not in (False, True):
            raise EvaluationError(f"class_agnostic {self.class_agnostic!r}: expected True or False")

    @property
    def given(self) -> dict[str, Any]:
        """The options that are not left to the protocol."""
        return {
            name: value
            for name, value in vars(self).items()
            if value is not None and value is not False
        }


@dataclass(frozen=True, eq=False)
class CocoOptions:
    """The options of the protocol in force, by default COCO's own.

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

    iou_thresholds: np.ndarray = field(default_factory=COCO_THRESHOLDS.copy)
    recall_thresholds: np.ndarray = field(default_factory=lambda: np.linspace(0, 1, 101))
    max_detections: tuple[int, ...] = (1, 10, 100)
    areas: dict[str, tuple[float, float]] = field(default_factory=lambda: dict(AREAS))

    def __post_init__(self) -> None:
        for name, check in _CHECKS.items():
            object.__setattr__(self, name, check(getattr(self, name), name))
        if "all" not in self.areas:
            raise EvaluationError("areas: no range 'all', which AP is computed over; add it")


def in_force(options: Options | None, limits: tuple[int, ...] = (1, 10, 100)) -> CocoOptions:
    """COCO's own options, or those of LVIS with its limit, and what a user chose in their place."""
    chosen = {"max_detections": limits, **(options.given if options else {})}
    return CocoOptions(**{name: value for name, value in chosen.items() if name in _CHECKS})


def at_one_threshold(options: CocoOptions, iou_threshold: float) -> CocoOptions:
    """One IoU threshold, the largest limit and all areas, where only the matches are wanted."""
    return CocoOptions(
        iou_thresholds=np.array([iou_threshold]),
        recall_thresholds=np.zeros(1),
        max_detections=options.max_detections[-1:],
        areas={"all": options.areas["all"]},
    )


def checked_rising(values: Any, name: str) -> np.ndarray:
    """(N,) float64; raises EvaluationError unless they are one or more rising numbers."""
    numbers = _as_numbers(values)
    rising = numbers.ndim == 1 and len(numbers) > 0 and np.diff(numbers).min(initial=0) >= 0
    if not rising or not np.isfinite(numbers).all():
        raise EvaluationError(f"{name}: expected one or more rising numbers")
    return numbers


def checked_iou(values: Any, name: str) -> np.ndarray:
    """(N,) float64; raises EvaluationError unless they are 1 to 64 rising numbers from 0 to 1."""
    numbers = checked_rising(values, name)
    if len(numbers) > 64:
        raise EvaluationError(f"{name}: more than 64; evaluate in several runs")
    if numbers[0] < 0 or numbers[-1] > 1:
        raise EvaluationError(f"{name}: expected numbers from 0 to 1")
    return numbers


def checked_recall(values: Any, name: str) -> np.ndarray:
    """(N,) float64; raises EvaluationError unless they are one or more rising numbers to 1."""
    numbers = checked_rising(values, name)
    if numbers[0] < 0 or numbers[-1] > 1:
        raise EvaluationError(f"{name}: expected numbers from 0 to 1, which recall reaches")
    return numbers


def checked_limits(limits: Any, name: str) -> tuple[int, ...]:
    """The limits rising, each once; raises EvaluationError unless they are whole numbers from 1."""
    limits = (limits,) if type(limits) is int else limits
    is_list = isinstance(limits, (list, tuple)) and len(limits) > 0
    if not is_list or any(type(one) is not int or not 0 < one < 2**63 for one in limits):
        raise EvaluationError(f"{name} {limits!s:.60}: expected whole numbers from 1, of 64 bits")
    return tuple(sorted(set(limits)))


def checked_areas(areas: Any, name: str) -> dict[str, tuple[float, float]]:
    """Ranges by name; raises EvaluationError unless there are some, from a number to a number."""
    if not isinstance(areas, Mapping) or not areas:
        raise EvaluationError(f"{name}: expected one or more ranges")
    checked = {}
    for key, bounds in areas.items():
        pair = _as_numbers(bounds)
        if pair.shape != (2,) or not pair[0] <= pair[1]:
            raise EvaluationError(f"{name}: {key!r} is {bounds}; expected (from, to), pixels^2")
        checked[key] = (float(pair[0]), float(pair[1]))
    return checked


def _with_every_area(areas: Any, name: str) -> dict[str, tuple[float, float]]:
    checked = checked_areas(areas, name)
    return checked if "all" in checked else {"all": EVERY_AREA, **checked}


def _as_numbers(values: Any) -> np.ndarray:
    """The values as an array; a single NaN if that is impossible."""
    try:
        return np.array(values, dtype=np.float64, ndmin=1)
    except (TypeError, ValueError):
        return np.array([np.nan])


_CHECKS = {
    "iou_thresholds": checked_iou,
    "recall_thresholds": checked_recall,
    "max_detections": checked_limits,
    "areas": checked_areas,
}
