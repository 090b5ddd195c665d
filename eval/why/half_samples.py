"""Average precision on random halves of a data set's images, which shows how far chance moves it.

A figure varies as much between halves drawn without replacement as between data sets of the full
size (the delete-d jackknife: Shao and Wu 1989; Efron and Tibshirani 1993, section 11.7). Unlike
draws with replacement, a half holds no image twice, so that no object is detected twice and no
detection confirms itself. Matching works image by image: a half needs no new matching.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeAlias

import numpy as np

from eval.curves import class_curves
from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.errors import EvaluationError
from eval.matching import Matches
from eval.why.average_precision import (
    AREA,
    RULES,
    Ranked,
    average_precisions,
    cross_validated,
    ranked,
)
from eval.wording import amount

# Detections and their matches at one IoU threshold, or at several over which AP is averaged.
Run: TypeAlias = "tuple[DetectionTable, Matches | Sequence[Matches]]"
# Halves computed together; the images that a seed draws depend on this number.
_TOGETHER = 64
_THREADS = 2


class Measured(NamedTuple):
    """Average precision of one run; NaN where a class has no objects.

    Attributes
    ----------
    values
        (classes,) float64, the protocol's AP.
    unbiased
        (classes,) float64, the AP without the bias of a small data set: an estimate of the AP that
        many images of the same kind would give.
    drawn
        (draws, classes) float64, the cross-validated AP on each half.
    """

    values: np.ndarray
    unbiased: np.ndarray
    drawn: np.ndarray


def measure(runs: Sequence[Run], dataset: Dataset, draws: int, seed: int) -> list[Measured]:
    """Average precision of several runs on the data set, and on the same halves for all runs.

    Parameters
    ----------
    draws
        The number of halves to draw.
    seed
        The same seed gives the same images, whatever the detections.

    Raises
    ------
    EvaluationError
        There are no images, fewer than two draws, or no matches.
    """
    images = len(dataset)
    if draws < 2 or not images or not all(terms(matches) for _, matches in runs):
        raise EvaluationError(
            f"{dataset.source}: intervals need at least one image, two draws and one IoU "
            f"threshold; got {amount(images, 'image')} and draws={draws}"
        )
    prepared = [_prepared(table, matches, dataset) for table, matches in runs]
    blocks = np.random.SeedSequence(seed).spawn(-(-draws // _TOGETHER))
    sizes = [min(_TOGETHER, draws - _TOGETHER * block) for block in range(len(blocks))]

    def part(halves: int, block: np.random.SeedSequence) -> list[np.ndarray]:
        members = _draw(images, halves, block)
        return [_average([cross_validated(e, members) for e in es]) for es in prepared]

    with ThreadPoolExecutor(_THREADS) as pool:
        parts = list(pool.map(part, sizes, blocks))
    whole = np.ones((images, 1), dtype=bool)
    measured = []
    for k, (entries, (_, matches)) in enumerate(zip(prepared, runs, strict=True)):
        values = _average([average_precisions(e, RULES[terms(matches)[0][0]]) for e in entries])
        bias = [average_precisions(e, AREA) - cross_validated(e, whole)[0] for e in entries]
        drawn = np.concatenate([block[k] for block in parts])
        measured.append(Measured(values, values - _average(bias), drawn))
    return measured


def terms(matches: Matches | Sequence[Matches]) -> list[tuple[str, float]]:
    """The protocol and the IoU threshold of each matching of a run."""
    return [(one.protocol, one.iou_threshold) for one in _each(matches)]


def with_mean(values: np.ndarray) -> np.ndarray:
    """(..., classes) values with one more column, the mean of the others that are not NaN."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        mean = np.where(known, values, 0).sum(axis=-1) / known.sum(axis=-1)
    return np.concatenate([values, mean[..., None]], axis=-1)


def standard_errors(drawn: np.ndarray, images: int) -> np.ndarray:
    """(columns,) float64, standard errors from values (draws, columns) on halves of the images.

    Halves whose value is NaN are left out; a column with fewer than two others gives NaN.
    """
    half = images // 2
    errors = np.full(drawn.shape[1], np.nan)
    for k, column in enumerate(drawn.T):
        known = column[~np.isnan(column)]
        if len(known) > 1:
            errors[k] = math.sqrt(half / (images - half)) * known.std(ddof=1)
    return errors


def images_with_objects(matches: Matches | Sequence[Matches], dataset: Dataset) -> np.ndarray:
    """(classes + 1,) int64, the images with counted objects of each class, and of any class."""
    counted = _each(matches)[0].counted
    images, labels = dataset.truth_images[counted], dataset.all_truths.labels[counted]
    pairs = np.unique(np.stack([labels, images]), axis=1)
    by_class = np.bincount(pairs[0], minlength=len(dataset.class_names))
    return np.append(by_class, len(np.unique(images)))


def _prepared(
    table: DetectionTable, matches: Matches | Sequence[Matches], dataset: Dataset
) -> list[Ranked]:
    each = _each(matches)
    return [ranked(class_curves(one, table, dataset), one, table, dataset) for one in each]


def _each(matches: Matches | Sequence[Matches]) -> Sequence[Matches]:
    return [matches] if isinstance(matches, Matches) else matches


def _draw(images: int, halves: int, seed: np.random.SeedSequence) -> np.ndarray:
    """(images, halves) bool: the images of each half."""
    generator = np.random.default_rng(seed)
    members = np.zeros((images, halves), dtype=bool)
    for half in range(halves):
        members[generator.permutation(images)[: images // 2], half] = True
    return members


def _average(per_threshold: list[np.ndarray]) -> np.ndarray:
    """Mean over IoU thresholds, at which the same objects count."""
    average: np.ndarray = np.mean(per_threshold, axis=0)
    return average
