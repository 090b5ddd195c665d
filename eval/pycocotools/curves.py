"""The curves of all categories, from the matches or from a list of evalImgs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from eval.pycocotools.compiled.kernels import FALSE, IGNORED, TRUE, trace_curves
from eval.pycocotools.matched import Matched
from eval.pycocotools.params import Params
from eval.ranking import falling


@dataclass(frozen=True, eq=False)
class Pool:
    """The detections of one category in all images, in one area range.

    Attributes
    ----------
    order
        (n,) int64 rows by falling score.
    ranks, scores
        (D,) int64 and float64 by row: place of a detection in its image, and its score.
    states
        (thresholds, D) int8: FALSE, TRUE or IGNORED (see kernels).
    positives
        The number of objects that count.
    """

    order: np.ndarray
    ranks: np.ndarray
    scores: np.ndarray
    states: np.ndarray
    positives: int


def accumulate(
    pools: Iterable[tuple[int, int, Pool]], params: Params, limits: list[int]
) -> dict[str, Any]:
    """The arrays precision, recall and scores of pycocotools; -1 where no object counts.

    Parameters
    ----------
    pools
        Place of the category, place of the area range, and the detections.
    limits
        The limits on the number of detections, which take the first places of the arrays.
    """
    recalls = np.array(params.recThrs, dtype=np.float64).reshape(-1)
    sides = (
        len(params.catIds) if params.useCats else 1,
        *(len(params.areaRng), len(params.maxDets), len(params.iouThrs)),
    )
    precision = np.full((*sides, len(recalls)), -1.0)
    scores, recall = np.full(precision.shape, -1.0), np.full(sides, -1.0)
    for k, a, pool in pools:
        if pool.positives == 0:
            continue
        own = len(pool.states)  # a changed list of thresholds may be longer than the matches
        scratch = (np.empty(len(pool.order)), np.empty(len(pool.order)), np.empty_like(pool.order))
        for m, limit in enumerate(limits):
            trace_curves(
                pool.order, pool.ranks, pool.scores, pool.states, int(limit), pool.positives,
                recalls, float(np.spacing(1)), *scratch,
                precision[k, a, m, :own], scores[k, a, m, :own], recall[k, a, m, :own],
            )  # fmt: skip
    return {
        "counts": [sides[3], len(recalls), *sides[:3]],
        "precision": np.ascontiguousarray(precision.transpose(3, 4, 0, 1, 2)),
        "recall": np.ascontiguousarray(recall.transpose(3, 0, 1, 2)),
        "scores": np.ascontiguousarray(scores.transpose(3, 4, 0, 1, 2)),
    }


def pools_of_matches(matched: Matched) -> Iterable[tuple[int, int, Pool]]:
    """The pools of all categories that have annotations."""
    groups = matched.groups
    for k in np.unique(groups.cells[:, 0]).tolist():
        rows = groups.rows(k)
        order = falling(groups.scores[rows]).astype(np.int64) + rows.start
        first, last = np.searchsorted(groups.cells[:, 0], [k, k + 1])
        gt_rows = slice(groups.gt_starts[first], groups.gt_starts[last])
        for a, gt_ignored in enumerate(matched.gt_ignored):
            positives = int(np.count_nonzero(gt_ignored[gt_rows] == 0))
            states = matched.states[a]
            yield k, a, Pool(order, groups.ranks, groups.scores, states, positives)


def pools_of_images(
    images: Any, evaluated: Params, params: Params
) -> Iterable[tuple[int, int, Pool]]:
    """The pools of a list of evalImgs, which was computed with the parameters `evaluated`."""
    known = set(evaluated.catIds if evaluated.useCats else [-1])
    ranges = {tuple(one) for one in evaluated.areaRng}
    ids = set(evaluated.imgIds)
    # As in pycocotools, places in the new lists are places in the old ones.
    categories = [k for k, one in enumerate(params.catIds) if one in known]
    areas = [a for a, one in enumerate(params.areaRng) if tuple(one) in ranges]
    chosen = [i for i, one in enumerate(params.imgIds) if one in ids]
    for k, old_k in enumerate(categories):
        for a, old_a in enumerate(areas):
            start = (old_k * len(evaluated.areaRng) + old_a) * len(evaluated.imgIds)
            own = [one for one in (images[start + i] for i in chosen) if one is not None]
            if own:
                yield k, a, _pool(own, len(params.iouThrs))


def _pool(images: list[dict], thresholds: int) -> Pool:
    scores = np.concatenate([one["dtScores"] for one in images]).astype(np.float64)
    matches = np.concatenate([one["dtMatches"] for one in images], axis=1)
    ignored = np.concatenate([one["dtIgnore"] for one in images], axis=1)
    states = np.where(ignored, IGNORED, np.where(matches, TRUE, FALSE)).astype(np.int8)
    return Pool(
        order=falling(scores).astype(np.int64),
        ranks=np.concatenate([np.arange(len(one["dtScores"])) for one in images]).astype(np.int64),
        scores=scores,
        states=np.ascontiguousarray(states[:thresholds]),
        positives=sum(int(np.count_nonzero(np.equal(one["gtIgnore"], 0))) for one in images),
    )
