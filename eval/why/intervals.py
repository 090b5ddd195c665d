"""95 % intervals of average precision, and of differences between two results.

An interval is about the figure that many images of the same kind would give. It is centred on an
estimate of that figure without the bias of a small data set (`average_precision.py`), and its width
comes from halves of the images (`half_samples.py`). For average precision it is Wilson's interval
(1927) of a share, with the number of observations that would give this standard error: it stays
within 0 and 1, and is right near them. `benchmarks/interval_coverage.py` counts how often the
intervals hold the true figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.matching import Matches
from eval.why.half_samples import images_with_objects, measure, standard_errors, with_mean
from eval.why.plain import plain

# A class has an interval if its objects lie in at least this many images.
FEWEST_IMAGES = 5
Z = 1.959963984540054  # 97.5 % of a normal distribution lie below it


class Interval(NamedTuple):
    """A figure (a fraction or a difference of fractions), its standard error and 95 % interval."""

    value: float
    error: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Intervals:
    """95 % intervals of mAP and of the AP of each class.

    The figure of a small data set tends to lie in the upper part of its interval, because a small
    data set flatters a detector.

    Attributes
    ----------
    draws, seed
        The number of halves drawn, and the seed.
    mean
        The interval of mAP.
    values, errors, lows, highs
        (classes,) float64: AP, its standard error, and the ends of its interval; NaN where no
        object counts. The last three are NaN for classes with objects in fewer than FEWEST_IMAGES
        images.
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


def intervals(
    table: DetectionTable,
    dataset: Dataset,
    matches: Matches | Sequence[Matches],
    *,
    draws: int = 1000,
    seed: int = 0,
) -> Intervals:
    """95 % intervals of AP and mAP under the matches' protocol.

    Parameters
    ----------
    matches
        Matches at one IoU threshold, or at several (COCO's ten) over which AP is averaged.
    draws
        The number of halves of the images to draw.
    seed
        The same seed gives the same images, whatever the detections.

    Raises
    ------
    EvaluationError
        There are no images, fewer than two draws, or no matches.
    """
    (measured,) = measure([(table, matches)], dataset, draws, seed)
    images = images_with_objects(matches, dataset)
    values, unbiased = with_mean(measured.values), with_mean(measured.unbiased)
    errors = standard_errors(with_mean(measured.drawn), len(dataset))
    share = np.clip(unbiased, 0, 1)
    spread = share * (1 - share)
    with np.errstate(divide="ignore", invalid="ignore"):
        # Where all or nothing is right, the errors are 0, and each image is one observation.
        lows, highs = wilson(share, np.where(spread > 0, spread / errors**2, images))
    return Intervals(draws, seed, *arranged(images, values, errors, lows, highs))


def arranged(
    images: np.ndarray,
    values: np.ndarray,
    errors: np.ndarray,
    lows: np.ndarray,
    highs: np.ndarray,
) -> tuple[Interval, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The last column as an interval, then the four columns of the classes before it.

    Intervals are widened to contain their figure, and are NaN if they rest on too few images.
    """
    enough = (images >= FEWEST_IMAGES) & ~np.isnan(errors)
    lows, highs = np.fmin(lows, values), np.fmax(highs, values)
    columns = [values, *(np.where(enough, column, np.nan) for column in (errors, lows, highs))]
    mean = Interval(*(float(column[-1]) for column in columns))
    by_class = [column[:-1] for column in columns]
    return mean, by_class[0], by_class[1], by_class[2], by_class[3]


def wilson(shares: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ends of Wilson's 95 % interval of shares among so many observations; NaN for none."""
    with np.errstate(invalid="ignore", divide="ignore"):
        middle = (shares + Z**2 / (2 * counts)) / (1 + Z**2 / counts)
        half = np.sqrt(shares * (1 - shares) / counts + (Z / (2 * counts)) ** 2)
        half *= Z / (1 + Z**2 / counts)
    return np.maximum(middle - half, 0), np.minimum(middle + half, 1)
