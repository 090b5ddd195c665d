"""How far chance moves a figure: bootstrap over images (Efron and Tibshirani 1993, chapter 13)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.matching import Matches
from eval.why.plain import plain
from eval.why.resampling import Interval, figures, interval, mean, spread

__all__ = ["Bootstrap", "Interval", "bootstrap"]


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """Mean AP and each class's AP with 95 % percentile intervals; NaN where no object counts.

    With few images to a class, draws tend to score above the data set itself, since an object
    drawn twice is found twice; an interval then lies unevenly about its value.

    Attributes
    ----------
    draws, seed
        How many data sets were drawn, and with which seed.
    mean
        Of mAP over classes.
    values, errors, lows, highs
        (classes,) float64: AP, its standard error, and the ends of its interval. A draw without
        any object of a class is left out of that class's.
    """

    draws: int
    seed: int
    mean: Interval
    values: np.ndarray
    errors: np.ndarray
    lows: np.ndarray
    highs: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """Plain Python; `mean` is an object with value, error, low and high."""
        return {**plain(self), "mean": plain(self.mean._asdict())}


def bootstrap(
    table: DetectionTable,
    dataset: Dataset,
    matches: Matches | Sequence[Matches],
    *,
    draws: int = 1000,
    seed: int = 0,
) -> Bootstrap:
    """Confidence intervals of AP and mAP under the matches' protocol.

    Parameters
    ----------
    matches
        At one IoU threshold; or at several (COCO's ten), over which AP is averaged.
    draws
        Data sets of as many images drawn with replacement.
    seed
        The same seed gives the same images, whatever the detections.

    Raises
    ------
    EvaluationError
        No images, fewer than two draws, or no matches.
    """
    (values,), means, classes = figures([(table, matches)], dataset, draws, seed)
    over_classes = interval(float(mean(values)), means[0])
    return Bootstrap(draws, seed, over_classes, values, *spread(classes[0]))
