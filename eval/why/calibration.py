"""Calibration: are 8 of 10 detections with a score of 0.8 true?

Scores of a detector need not be probabilities: precision depends on which detections remain after
non-maximum suppression, and any rising function of the scores has the same average precision. The
calibration curve gives the precision at each score. The expected calibration error is that of Guo
et al., "On Calibration of Modern Neural Networks" (ICML 2017), section 2, for detections instead of
predictions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.matching import TRUE, Matches
from eval.why.intervals import wilson
from eval.why.plain import plain


@dataclass(frozen=True, eq=False)
class Calibration:
    """Precision by score; arrays of length B, the lowest scores first.

    Attributes
    ----------
    edges
        (B + 1,) float64: bin b contains scores from edges[b] on and below edges[b + 1], the last
        bin also its upper edge. Equal steps from 0 to 1; if scores lie outside, from the lowest
        score to the highest.
    counts, true
        (B,) int64, number of detections, and of the true ones among them.
    scores, precisions
        (B,) float64, mean score and share of true detections; NaN for an empty bin.
    lows, highs
        (B,) float64, ends of the 95 % interval of each precision (Wilson 1927), on the assumption
        that detections are independent; NaN for an empty bin.
    probabilities
        Whether all scores lie within 0..1; otherwise there is no calibration error.
    error
        The expected calibration error: mean of |precision - score| over bins, weighted by count.
    class_errors, class_counts
        (classes,) float64, the error of each class, NaN without detections; and (classes,) int64,
        the number of detections.
    """

    edges: np.ndarray
    counts: np.ndarray
    true: np.ndarray
    scores: np.ndarray
    precisions: np.ndarray
    lows: np.ndarray
    highs: np.ndarray
    probabilities: bool
    error: float
    class_errors: np.ndarray
    class_counts: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """Plain Python."""
        return plain(self)


def calibration(
    table: DetectionTable, dataset: Dataset, matches: Matches, *, bins: int = 20
) -> Calibration:
    """Compare scores with precision, without ignored detections and scores that are not finite."""
    evaluated = matches.evaluated & np.isfinite(table.scores)
    scores, labels = table.scores[evaluated], table.labels[evaluated]
    hits = matches.outcomes[evaluated] == TRUE
    probabilities = bool(((scores >= 0) & (scores <= 1)).all())
    low, high = (0.0, 1.0) if probabilities else (float(scores.min()), float(scores.max()))
    edges = np.linspace(low, high, bins + 1)
    bin_of = np.clip(np.searchsorted(edges, scores, side="right") - 1, 0, bins - 1)

    classes = len(dataset.class_names)
    cells = labels.astype(np.int64) * bins + bin_of
    shape = (classes, bins)
    counts = np.bincount(cells, minlength=classes * bins).reshape(shape)
    true = np.bincount(cells[hits], minlength=classes * bins).reshape(shape)
    sums = np.bincount(cells, weights=scores, minlength=classes * bins).reshape(shape)
    total, total_true = counts.sum(axis=0), true.sum(axis=0)
    lows, highs = wilson(_share(total_true, total), total)
    class_errors = _error(counts, true, sums)
    error = float(_error(total[None], total_true[None], sums.sum(axis=0)[None])[0])
    return Calibration(
        edges=edges,
        counts=total,
        true=total_true,
        scores=_share(sums.sum(axis=0), total),
        precisions=_share(total_true, total),
        lows=lows,
        highs=highs,
        probabilities=probabilities,
        error=error if probabilities else np.nan,
        class_errors=class_errors if probabilities else np.full(classes, np.nan),
        class_counts=counts.sum(axis=1),
    )


def _error(counts: np.ndarray, true: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """(rows, bins) -> (rows,) calibration errors; n |t/n - s/n| / N equals |t - s| / N."""
    return _share(np.abs(true - sums).sum(axis=1), counts.sum(axis=1))


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        share: np.ndarray = np.where(whole > 0, part / whole, np.nan)
    return share
