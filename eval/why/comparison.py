"""Test whether one result is better than another, on the same halves of the images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eval.datasets import Dataset
from eval.errors import EvaluationError
from eval.why.half_samples import (
    Run,
    images_with_objects,
    measure,
    standard_errors,
    terms,
    with_mean,
)
from eval.why.intervals import Interval, Z, arranged
from eval.why.plain import plain
from eval.wording import difference, fraction


@dataclass(frozen=True, eq=False)
class Comparison:
    """B minus A on the same images, as fractions; positive if B is better.

    Attributes
    ----------
    draws, seed
        As in Intervals.
    names
        Names of A and of B.
    first, second
        mAP of A and of B on the data set.
    mean
        The difference of mAP.
    better
        Share of the halves in which B has the higher mAP; halves with equal mAP count half.
    values, errors, lows, highs, shares
        (classes,) float64, the same for the AP of each class; NaN as in Intervals.
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
        change, (loser, winner) = self.mean, self.names
        if not np.isfinite(change.value):
            return "No difference can be measured: no object counts"
        if not np.isfinite(change.error):
            return (
                f"{winner} minus {loser} is {difference(change.value)}; "
                "the images are too few to tell this from chance"
            )
        value, low, high = change.value, change.low, change.high
        if value < 0:
            value, low, high, loser, winner = -value, -high, -low, winner, loser
        size = (
            f"{fraction(value)} ± {fraction(change.error)} "
            f"(95 % interval {difference(low)} to {difference(high)})"
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

    Both are evaluated on the same halves, so that the difficulty of their images cancels out: a
    difference much smaller than the interval of either result can still be beyond chance.

    Parameters
    ----------
    first, second
        The detections of A and of B, each with its matches (as in intervals).

    Raises
    ------
    EvaluationError
        As for intervals, or the results were matched under different protocols or thresholds.
    """
    if terms(first[1]) != terms(second[1]):
        raise EvaluationError(
            f"{names[0]} and {names[1]} were matched under different protocols or IoU thresholds; "
            "evaluate both in the same way"
        )
    before, after = measure([first, second], dataset, draws, seed)
    a, b = with_mean(before.values), with_mean(after.values)
    middle = with_mean(after.unbiased) - with_mean(before.unbiased)
    drawn = with_mean(after.drawn) - with_mean(before.drawn)
    errors = standard_errors(drawn, len(dataset))
    lows, highs = np.maximum(middle - Z * errors, -1), np.minimum(middle + Z * errors, 1)
    images, shares = images_with_objects(first[1], dataset), _share_above(drawn)
    mean, values, errors, lows, highs = arranged(images, b - a, errors, lows, highs)
    return Comparison(
        draws=draws,
        seed=seed,
        names=names,
        first=float(a[-1]),
        second=float(b[-1]),
        mean=mean,
        better=float(shares[-1]),
        values=values,
        errors=errors,
        lows=lows,
        highs=highs,
        shares=shares[:-1],
    )


def _share_above(differences: np.ndarray) -> np.ndarray:
    """Share of values above 0 along the first axis; 0 counts half, NaN not at all."""
    known = ~np.isnan(differences)
    with np.errstate(invalid="ignore"):
        above = np.where(known, (np.sign(differences) + 1) / 2, 0).sum(axis=0)
        shares: np.ndarray = above / known.sum(axis=0)
    return shares
