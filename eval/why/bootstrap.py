"""How far chance moves a figure: bootstrap over images (Efron and Tibshirani 1993, chapter 13).

Detections are matched image by image, so a data set drawn anew from the same images needs no
new matching: each image's objects and detections count as often as the image was drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from eval.curves import class_curves
from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.matching import Matches
from eval.records import EvaluationError
from eval.why.average_precision import RULES, average_precisions, ranked, weighted
from eval.why.plain import plain

# Draws that are judged together; which images a seed draws depends on it.
_TOGETHER = 16
_THREADS = 2
_TAILS = (2.5, 97.5)


class Interval(NamedTuple):
    """A figure (fraction 0..1, or a difference of such), its standard error and 95 % interval."""

    value: float
    error: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """Mean AP and each class's AP with 95 % percentile intervals; NaN where no object counts.

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
        mean, (loser, winner) = self.mean, self.names
        if not np.isfinite([mean.value, mean.error]).all():
            return "no difference can be told: no object has to be found"
        value, low, high = mean.value, mean.low, mean.high
        if value < 0:
            value, low, high, loser, winner = -value, -high, -low, winner, loser
        size = (
            f"{100 * value:.1f} ± {100 * mean.error:.1f} points "
            f"(95 % interval {100 * low:.1f} to {100 * high:.1f})"
        )
        if low > 0:
            return f"{winner} is better than {loser} by {size}"
        return f"no difference that chance does not explain: {winner} minus {loser} is {size}"

    def to_dict(self) -> dict[str, Any]:
        """Plain Python, the sentence included."""
        mean = plain(self.mean._asdict())
        return {**plain(self), "mean": mean, "sentence": self.sentence}


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
    (values,), means, classes = _figures([(table, matches)], dataset, draws, seed)
    mean = _interval(float(_mean(values)), means[0])
    return Bootstrap(draws, seed, mean, values, *_spread(classes[0]))


def compare(
    first: tuple[DetectionTable, Matches | Sequence[Matches]],
    second: tuple[DetectionTable, Matches | Sequence[Matches]],
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
    if _terms(first[1]) != _terms(second[1]):
        raise EvaluationError(
            f"{names[0]} and {names[1]} were judged under different protocols or IoU thresholds; "
            "judge both under the same"
        )
    plains, means, classes = _figures([first, second], dataset, draws, seed)
    difference = classes[1] - classes[0]
    a, b = float(_mean(plains[0])), float(_mean(plains[1]))
    return Comparison(
        draws,
        seed,
        names,
        a,
        b,
        _interval(b - a, means[1] - means[0]),
        float(_share_above(means[1] - means[0])),
        plains[1] - plains[0],
        *_spread(difference),
        shares=_share_above(difference),
    )


def _terms(matches: Matches | Sequence[Matches]) -> list[tuple[str, float]]:
    several = [matches] if isinstance(matches, Matches) else matches
    return [(one.protocol, one.iou_threshold) for one in several]


def _figures(
    runs: Sequence[tuple[DetectionTable, Matches | Sequence[Matches]]],
    dataset: Dataset,
    draws: int,
    seed: int,
) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Per run (classes,) AP as it is; mAP (runs, draws) and AP (runs, draws, classes) drawn."""
    if draws < 2 or not len(dataset) or not all(_terms(matches) for _, matches in runs):
        raise EvaluationError(
            f"{dataset.source}: intervals need an image, two draws and matches at an IoU "
            f"threshold; got {len(dataset)} images and draws={draws}"
        )
    prepared = []
    for table, matches in runs:
        several = [matches] if isinstance(matches, Matches) else list(matches)
        curves = [(one, class_curves(one, table, dataset)) for one in several]
        entries = [ranked(curve, one, table, dataset) for one, curve in curves]
        prepared.append((entries, RULES[several[0].protocol]))
    plains = [_average([average_precisions(e, rule) for e in es]) for es, rule in prepared]

    def judge(weights: np.ndarray) -> np.ndarray:
        return np.stack(
            [_average([weighted(e, rule, weights) for e in es]) for es, rule in prepared]
        )

    blocks = np.random.SeedSequence(seed).spawn(-(-draws // _TOGETHER))
    sizes = [min(_TOGETHER, draws - _TOGETHER * block) for block in range(len(blocks))]
    with ThreadPoolExecutor(_THREADS) as pool:
        parts = pool.map(lambda *block: judge(_draw(len(dataset), *block)), sizes, blocks)
        drawn = np.concatenate(list(parts), axis=1)
    return plains, _mean(drawn), drawn


def _draw(images: int, sets: int, seed: np.random.SeedSequence) -> np.ndarray:
    """(images, sets) int32: how often each image was drawn (multinomial, equal chances)."""
    generator = np.random.default_rng(seed)
    weights = np.empty((images, sets), dtype=np.int32)
    for s in range(sets):
        weights[:, s] = np.bincount(generator.integers(images, size=images), minlength=images)
    return weights


def _average(per_threshold: list[np.ndarray]) -> np.ndarray:
    """Mean over IoU thresholds, at all of which the same objects count."""
    mean: np.ndarray = np.mean(per_threshold, axis=0)
    return mean


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis without NaN; NaN where there is nothing else."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        mean: np.ndarray = np.where(known, values, 0).sum(axis=-1) / known.sum(axis=-1)
    return mean


def _interval(value: float, drawn: np.ndarray) -> Interval:
    errors, lows, highs = _spread(drawn[:, None])
    return Interval(value, float(errors[0]), float(lows[0]), float(highs[0]))


def _spread(drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(draws, classes) -> standard error and ends of the 95 % interval of each class."""
    spread = np.full((3, drawn.shape[1]), np.nan)
    for label, column in enumerate(drawn.T):
        known = column[~np.isnan(column)]
        if len(known) > 1:
            spread[:, label] = known.std(ddof=1), *np.percentile(known, _TAILS)
    return spread[0], spread[1], spread[2]


def _share_above(differences: np.ndarray) -> np.ndarray:
    """Share above 0 along the first axis; equal ones count half, NaN not at all."""
    signs = np.where(np.isnan(differences), np.nan, (np.sign(differences) + 1) / 2)
    return _mean(signs.T)
