"""Figures on data sets whose images are drawn, with replacement, from those of one data set.

Matching works image by image, so a drawn data set needs no new matching: the objects and detections
of an image count as often as it was drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeAlias

import numpy as np

from eval.curves import class_curves
from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.errors import EvaluationError
from eval.matching import Matches
from eval.why.average_precision import RULES, average_precisions, ranked, weighted
from eval.wording import amount

# Detections and their matches at one IoU threshold, or at several over which AP is averaged.
Run: TypeAlias = "tuple[DetectionTable, Matches | Sequence[Matches]]"
# Draws computed together; the images that a seed draws depend on this number.
_TOGETHER = 16
_THREADS = 2
_TAILS = (2.5, 97.5)


class Interval(NamedTuple):
    """A figure (a fraction or a difference of fractions), its standard error and 95 % interval."""

    value: float
    error: float
    low: float
    high: float


def figures(
    runs: Sequence[Run], dataset: Dataset, draws: int, seed: int
) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Average precision of several runs on the data set, and on the same draws for all runs.

    Parameters
    ----------
    draws
        The number of data sets to draw; each has as many images, drawn with replacement.
    seed
        The same seed gives the same images, whatever the detections.

    Returns
    -------
    A list with the AP (classes,) of each run on the data set; the mAP (runs, draws) on the draws;
    and the AP (runs, draws, classes) on the draws. AP is NaN where a class has no objects.

    Raises
    ------
    EvaluationError
        There are no images, fewer than two draws, or no matches.
    """
    if draws < 2 or not len(dataset) or not all(terms(matches) for _, matches in runs):
        raise EvaluationError(
            f"{dataset.source}: intervals need at least one image, two draws and one IoU "
            f"threshold; got {amount(len(dataset), 'image')} and draws={draws}"
        )
    prepared = []
    for table, matches in runs:
        several = [matches] if isinstance(matches, Matches) else list(matches)
        curves = [(one, class_curves(one, table, dataset)) for one in several]
        entries = [ranked(curve, one, table, dataset) for one, curve in curves]
        prepared.append((entries, RULES[several[0].protocol]))
    plains = [_average([average_precisions(e, rule) for e in es]) for es, rule in prepared]

    def measure(weights: np.ndarray) -> np.ndarray:
        return np.stack(
            [_average([weighted(e, rule, weights) for e in es]) for es, rule in prepared]
        )

    blocks = np.random.SeedSequence(seed).spawn(-(-draws // _TOGETHER))
    sizes = [min(_TOGETHER, draws - _TOGETHER * block) for block in range(len(blocks))]
    with ThreadPoolExecutor(_THREADS) as pool:
        parts = pool.map(lambda *block: measure(_draw(len(dataset), *block)), sizes, blocks)
        drawn = np.concatenate(list(parts), axis=1)
    return plains, mean(drawn), drawn


def terms(matches: Matches | Sequence[Matches]) -> list[tuple[str, float]]:
    """The protocol and the IoU threshold of each matching of a run."""
    several = [matches] if isinstance(matches, Matches) else matches
    return [(one.protocol, one.iou_threshold) for one in several]


def mean(values: np.ndarray) -> np.ndarray:
    """The mean over the last axis of the values that are not NaN; NaN if all are NaN."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        average: np.ndarray = np.where(known, values, 0).sum(axis=-1) / known.sum(axis=-1)
    return average


def interval(value: float, drawn: np.ndarray) -> Interval:
    """A figure with its interval from (draws,) values."""
    errors, lows, highs = spread(drawn[:, None])
    return Interval(value, float(errors[0]), float(lows[0]), float(highs[0]))


def spread(drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Standard error and ends of the 95 % interval of each class, from (draws, classes) values."""
    result = np.full((3, drawn.shape[1]), np.nan)
    for label, column in enumerate(drawn.T):
        known = column[~np.isnan(column)]
        if len(known) > 1:
            result[:, label] = known.std(ddof=1), *np.percentile(known, _TAILS)
    return result[0], result[1], result[2]


def _draw(images: int, sets: int, seed: np.random.SeedSequence) -> np.ndarray:
    """(images, sets) int32: how often each image is drawn (multinomial, equal probabilities)."""
    generator = np.random.default_rng(seed)
    weights = np.empty((images, sets), dtype=np.int32)
    for s in range(sets):
        weights[:, s] = np.bincount(generator.integers(images, size=images), minlength=images)
    return weights


def _average(per_threshold: list[np.ndarray]) -> np.ndarray:
    """Mean over IoU thresholds, at which the same objects count."""
    average: np.ndarray = np.mean(per_threshold, axis=0)
    return average
