"""Confidence intervals by bootstrap over images (Efron and Tibshirani 1993, chapter 13)."""

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
    """95 % percentile intervals of mAP and of the AP of each class; NaN where no object counts.

    If a class has few images, draws tend to score higher than the data set itself, because an
    object that is drawn twice is also detected twice; its interval is then not symmetric about the
    value.

    Attributes
    ----------
    draws, seed
        The number of drawn data sets, and the seed.
    mean
        The interval of mAP.
    values, errors, lows, highs
        (classes,) float64: AP, its standard error, and the ends of its interval. Draws without
        objects of a class are left out for that class.
    """

    draws: int
    seed: int
    mean: Interval
    values: np.ndarray
    errors: np.ndarray
    lows: np.ndarray
    highs: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """Plain Python; `mean` has value, error, low and high."""
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
        Matches at one IoU threshold, or at several (COCO's ten) over which AP is averaged.
    draws
        The number of data sets to draw; each has as many images, drawn with replacement.
    seed
        The same seed gives the same images, whatever the detections.

    Raises
    ------
    EvaluationError
        There are no images, fewer than two draws, or no matches.
    """
    (values,), means, classes = figures([(table, matches)], dataset, draws, seed)
    over_classes = interval(float(mean(values)), means[0])
    return Bootstrap(draws, seed, over_classes, values, *spread(classes[0]))
