"""Whether one result is better than another beyond chance: paired bootstrap over images."""

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
    """B minus A on the same draws of images: fractions, positive where B is better.

    Attributes
    ----------
    draws, seed
        As in Bootstrap.
    names
        Of A and of B.
    first, second
        mAP of A and of B on the data set itself.
    mean
        Difference of mAP.
    better
        Share of draws in which B's mAP is above A's, draws in which both are equal half.
    values, errors, lows, highs, shares
        (classes,) float64, the same for each class's AP.
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
        """In words: B is better than A by so much, or chance may explain it."""
        difference, (loser, winner) = self.mean, self.names
        if not np.isfinite([difference.value, difference.error]).all():
            return "No difference can be told: no object has to be found"
        value, low, high = difference.value, difference.low, difference.high
        if value < 0:
            value, low, high, loser, winner = -value, -high, -low, winner, loser
        size = (
            f"{100 * value:.1f} ± {100 * difference.error:.1f} points "
            f"(95 % interval {100 * low:.1f} to {100 * high:.1f})"
        )
        if low > 0:
            return f"{winner} is better than {loser} by {size}"
        return f"No difference that chance does not explain: {winner} minus {loser} is {size}"

    def to_dict(self) -> dict[str, Any]:
        """Plain Python, the sentence included."""
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
    """Paired comparison of two results, A and B, on one data set.

    Both are judged on the same draws, so that what makes a draw easy or hard for both cancels
    out: a difference much smaller than either one's own interval can be beyond chance.

    Parameters
    ----------
    first, second
        Detections of A and of B, each with its matches (as in bootstrap) under one protocol.

    Raises
    ------
    EvaluationError
        As bootstrap, or the two were not judged under the same protocol at the same thresholds.
    """
    if terms(first[1]) != terms(second[1]):
        raise EvaluationError(
            f"{names[0]} and {names[1]} were judged under different protocols or IoU thresholds; "
            "judge both under the same"
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
    """Share above 0 along the first axis; equal ones count half, NaN not at all."""
    signs = np.where(np.isnan(differences), np.nan, (np.sign(differences) + 1) / 2)
    return mean(signs.T)
