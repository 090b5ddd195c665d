"""The coordinates of the SVG plots of the page."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from eval.wording import amount, percent

# Curves are drawn on a square with this side, recall to the right, precision upwards.
SIDE = 1000
_STEP = 8
RECALL_GRID = np.linspace(0, 1, 101)


def envelope_on_grid(recall: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """(101,) float64: the best precision at recall 0, 0.01, ..., 1 or more; 0 if recall ends below.

    Parameters
    ----------
    recall, precision
        (D,) by falling score; entries with NaN precision are skipped.
    """
    known = ~np.isnan(precision)
    recall, precision = recall[known], precision[known]
    best = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
    return best[np.searchsorted(recall, RECALL_GRID, side="left")]


def staircase(recall: np.ndarray, precision: np.ndarray) -> str:
    """SVG path of the precision envelope over recall, reduced to visible steps."""
    known = ~np.isnan(precision)
    recall, precision = recall[known], precision[known]
    if not len(recall):
        return f"M0 {SIDE}"
    best = np.maximum.accumulate(precision[::-1])[::-1]
    # Level k extends from the previous recall to its own.
    x = np.ceil(recall * SIDE / _STEP).astype(int) * _STEP
    y = np.round(SIDE * (1 - best)).astype(int)
    parts, level = [f"M0 {y[0]}"], int(y[0])
    position = 0
    for right, height in zip(x.tolist(), y.tolist(), strict=True):
        if height != level and right > position:
            parts.append(f"H{position}V{height}" if position else f"V{height}")
            level = height
        position = max(position, right)
    return "".join([*parts, f"H{min(position, SIDE)}V{SIDE}"])


def line(values: np.ndarray) -> str:
    """SVG path through values 0..1 at even steps over the width of the square."""
    x = np.round(np.linspace(0, SIDE, len(values))).astype(int).tolist()
    y = np.round(SIDE * (1 - values)).astype(int).tolist()
    return "M" + "L".join(f"{a} {b}" for a, b in zip(x, y, strict=True))


def histogram(scores: np.ndarray, true: np.ndarray, bins: int = 40) -> dict[str, Any] | None:
    """A histogram of scores: true detections upwards, false ones downwards, on logarithmic scales.

    Parameters
    ----------
    scores, true
        (N,) float64 and bool, for the evaluated detections.
    """
    if not len(scores):
        return None
    low, high = min(0.0, float(scores.min())), max(1.0, float(scores.max()))
    edges = np.linspace(low, high, bins + 1)
    right = np.histogram(scores[true], edges)[0]
    wrong = np.histogram(scores[~true], edges)[0]
    # Most false detections have scores near 0; on a logarithmic scale the others stay visible.
    up, down = np.log10(1 + right), np.log10(1 + wrong)
    rise = float((_BOTTOM - _TOP) / (up.max() + down.max()))
    base = float(_TOP + rise * up.max())
    bars = []
    for k in range(bins):
        x1, x2 = (_LEFT + _WIDTH * (k + end) / bins for end in (0.08, 0.92))
        bars.append(
            {
                "x": round(x1, 1),
                "width": round(x2 - x1, 1),
                "up": round(float(rise * up[k]), 1),
                "down": round(float(rise * down[k]), 1),
                "words": f"score {edges[k]:.3g} to {edges[k + 1]:.3g}: {right[k]:,} true, "
                f"{wrong[k]:,} false detections",
            }
        )
    powers = [10**k for k in range(1, 9)]
    ticks = [(n, base - rise * math.log10(1 + n)) for n in powers if n <= right.max()]
    ticks += [(n, base + rise * math.log10(1 + n)) for n in powers if n <= wrong.max()]
    marks = [(part, low + part * (high - low)) for part in (0, 0.2, 0.4, 0.6, 0.8, 1)]
    return {
        "base": round(base, 1),
        "bars": bars,
        "ticks": [{"name": f"{value:,}", "y": round(y, 1)} for value, y in ticks],
        "scores": [
            {"x": round(_LEFT + _WIDTH * part, 1), "name": f"{mark:.3g}"} for part, mark in marks
        ],
        "words": f"Histogram of {amount(len(scores), 'score')}; "
        f"{percent(float(np.mean(true)))} of the detections are true.",
    }


# The place of the histogram in its SVG picture.
_LEFT, _WIDTH, _TOP, _BOTTOM = 52, 418, 26, 284
