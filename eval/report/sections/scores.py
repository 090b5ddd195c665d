"""The section on scores: their calibration and their distribution."""

from __future__ import annotations

from typing import Any

import numpy as np

from eval.detections import DetectionTable
from eval.matching import TRUE, Matches
from eval.report.content.charts import histogram
from eval.why.calibration import Calibration
from eval.wording import amount, fraction, known, percent

# The corners of the plot, in SVG units.
_LEFT, _WIDTH, _BOTTOM, _HEIGHT = 40.0, 430.0, 290.0, 260.0


def scores_view(
    calibration: Calibration, table: DetectionTable, matches: Matches
) -> dict[str, Any] | None:
    """The calibration curve and the histogram; None without evaluated detections."""
    evaluated = matches.evaluated
    bars = histogram(table.scores[evaluated], matches.outcomes[evaluated] == TRUE)
    if bars is None:
        return None
    return {"calibration": _calibration_view(calibration), "histogram": bars}


def _calibration_view(calibration: Calibration) -> dict[str, Any] | None:
    filled = np.flatnonzero(calibration.counts)
    if not len(filled):
        return None
    low, high = float(calibration.edges[0]), float(calibration.edges[-1])
    steps = [(part, low + part * (high - low)) for part in (0, 0.2, 0.4, 0.6, 0.8, 1)]
    bins = []
    for b in filled.tolist():
        score, precision = float(calibration.scores[b]), float(calibration.precisions[b])
        number = int(calibration.counts[b])
        bins.append(
            {
                "x": _across((score - low) / (high - low or 1)),
                "y": _up(precision),
                "low": _up(float(calibration.lows[b])),
                "high": _up(float(calibration.highs[b])),
                # The size of a dot grows with the logarithm of the number of detections.
                "radius": round(1.6 + 0.9 * float(np.log10(number + 1)), 2),
                "words": f"score {score:.3g}: {percent(precision)} of "
                f"{amount(number, 'detection')} true",
            }
        )
    key = (
        "Each dot is one step of the score, with the 95 % interval of the share of true detections."
    )
    if calibration.probabilities:
        key += (
            " On the dotted line, scores equal the probability of being true; below it, they are "
        )
        key += "too high."
    if known(calibration.error):
        key += " The mean distance from the line over all detections is "
        key += f"{fraction(calibration.error)} (expected calibration error)."
    return {
        "bins": bins,
        "path": "M" + "L".join(f"{entry['x']} {entry['y']}" for entry in bins),
        "diagonal": calibration.probabilities,
        "ticks": [{"x": _across(part), "name": f"{score:.3g}"} for part, score in steps],
        "key": key,
        "words": f"Share of true detections by score in {len(bins)} steps, from "
        f"{percent(float(calibration.precisions[filled[0]]))} to "
        f"{percent(float(calibration.precisions[filled[-1]]))}.",
    }


def _across(part: float) -> float:
    return round(_LEFT + _WIDTH * part, 1)


def _up(part: float) -> float:
    return round(_BOTTOM - _HEIGHT * part, 1)
