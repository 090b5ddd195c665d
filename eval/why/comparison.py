"""Test whether one result is better than another, by paired bootstrap over images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eval.datasets import Dataset
from eval.errors import EvaluationError
from eval.why.plain import plain
from eval.why.resampling import Interval, Run, figures, interval, mean, spread, terms


@dataclass(frozen=True, eq=False)
class Comparison:
    """B minus A on the same draws of images, as fractions; positive if B is better.

    Attributes
    ----------
    draws, seed
        As in Bootstrap.
    names
        Names of A and of B.
    first, second
        mAP of A and of B on the data set.
    mean
        The difference of mAP.
    better
        Share of the draws in which B has the higher mAP; draws with equal mAP count half.
    values, errors, lows, highs, shares
        (classes,) float64, the same for the AP of each class.
    """

    draws: int
    seed: int
    names: tuple[str, str]
    first: float
    second: float
    mean: Interval
    better: float
    values: np.ndarray
    errors: np.ndarray
    lows: np.ndarray
    highs: np.ndarray
    shares: np.ndarray

    @property
    def sentence(self) -> str:
        """The difference as a sentence: which result is better and by how much, or neither."""
        difference, (loser, winner) = self.mean, self.names
        if not np.isfinite([difference.value, difference.error]).all():
            return "No difference can be measured: no object counts"
        value, low, high = difference.value, difference.low, difference.high
        if value < 0:
            value, low, high, loser, winner = -value, -high, -low, winner, loser
        size = (
            f"{100 * value:.1f} ± {100 * difference.error:.1f} points "
            f"(95 % interval {100 * low:.1f} to {100 * high:.1f})"
        )
        if low > 0:
            return f"{winner} is better than {loser} by {size}"
        return f"The difference is within chance: {winner} minus {loser} is {size}"

    def to_dict(self) -> dict[str, Any]:
        """Plain Python, including the sentence."""
        difference = plain(self.mean._asdict())
        return {**plain(self), "mean": difference, "sentence": self.sentence}


def compare(
    first: Run,
    second: Run,
    dataset: Dataset,
    *,
    names: tuple[str, str] = ("A", "B"),
    draws: int = 1000,
    seed: int = 0,
) -> Comparison:
    """Compare two results, A and B, on one data set.

    Both are evaluated on the same draws, so that the difficulty of a draw cancels out: a difference
    much smaller than the interval of either result can still be beyond chance.

    Parameters
    ----------
    first, second
        The detections of A and of B, each with its matches (as in bootstrap).

    Raises
    ------
    EvaluationError
        As for bootstrap, or the results were matched under different protocols or thresholds.
    """
    if terms(first[1]) != terms(second[1]):
        raise EvaluationError(
            f"{names[0]} and {names[1]} were matched under different protocols or IoU thresholds; "
            "evaluate both in the same way"
        )
    plains, means, classes = figures([first, second], dataset, draws, seed)
    difference = classes[1] - classes[0]
    a, b = float(mean(plains[0])), float(mean(plains[1]))
    return Comparison(
        draws,
        seed,
        names,
        a,
        b,
        interval(b - a, means[1] - means[0]),
        float(_share_above(means[1] - means[0])),
        plains[1] - plains[0],
        *spread(difference),
        shares=_share_above(difference),
    )


def _share_above(differences: np.ndarray) -> np.ndarray:
    """Share of values above 0 along the first axis; 0 counts half, NaN not at all."""
    signs = np.where(np.isnan(differences), np.nan, (np.sign(differences) + 1) / 2)
    return mean(signs.T)
