"""Whether a score of .8 means that 8 of 10 such detections are true.

A detector's scores need not be probabilities: precision depends on what is kept after
non-maximum suppression, and any rising function of the scores has the same average precision.
What can be read off is which score to trust how far. Expected calibration error as in Guo et
al., "On Calibration of Modern Neural Networks" (ICML 2017), section 2, with detections in the
place of predictions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.matching import FALSE, TRUE, Matches
from eval.why.plain import plain


@dataclass(frozen=True, eq=False)
class Calibration:
    """Precision by score; arrays of one length B from the lowest scores to the highest.

    Attributes
    ----------
    edges
        (B + 1,) float64: bin b holds scores from edges[b] on and below edges[b + 1], the last
        one that too. Equal steps from 0 to 1, or else from the lowest score to the highest.
    counts, true
        (B,) int64 detections, and true ones among them.
    scores, precisions
        (B,) float64, mean score and share of true ones; NaN where a bin is empty.
    lows, highs
        (B,) float64, ends of the 95 % interval of each precision (Wilson 1927), which takes
        detections as independent of each other; NaN where a bin is empty.
    probabilities
        Whether all scores lie within 0..1, without which there is no error.
    error
        Expected calibration error: mean of |precision - score| over bins, weighted by count.
    class_errors, class_counts
        (classes,) float64 the same for each class, NaN without detections, and (classes,) int64
        detections.
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
    """Compare scores with precision; what was passed over or has no finite score is left out."""
    judged = (matches.outcomes == TRUE) | (matches.outcomes == FALSE)
    judged &= np.isfinite(table.scores)
    scores, labels = table.scores[judged], table.labels[judged]
    hits = matches.outcomes[judged] == TRUE
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
    lows, highs = _wilson(total_true, total)
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
    """(rows, bins) -> (rows,); n |t/n - s/n| / N is |t - s| / N."""
    return _share(np.abs(true - sums).sum(axis=1), counts.sum(axis=1))


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        share: np.ndarray = np.where(whole > 0, part / whole, np.nan)
    return share


def _wilson(true: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the score interval of a share, 1.96 standard errors."""
    z = 1.959963984540054
    share = _share(true, counts)
    with np.errstate(invalid="ignore", divide="ignore"):
        middle = (share + z**2 / (2 * counts)) / (1 + z**2 / counts)
        half = np.sqrt(share * (1 - share) / counts + (z / (2 * counts)) ** 2)
        half *= z / (1 + z**2 / counts)
    return np.maximum(middle - half, 0), np.minimum(middle + half, 1)
