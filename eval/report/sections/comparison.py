"""The section that compares two runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from eval.report.content.analysis import Analysis
from eval.report.content.words import difference
from eval.why.intervals import Interval
from eval.wording import fraction, known

# The most classes in the plot: those with the largest differences in either direction.
_MOST = 60


def comparison_view(analysis: Analysis) -> dict[str, Any] | None:
    """Differences by class, the largest gain of this run first; all classes together on top."""
    comparison = analysis.comparison
    if comparison is None:
        return None
    class_names = analysis.dataset.class_names
    ours, theirs = analysis.average_precisions, analysis.other_average_precisions
    values = comparison.values
    order = [label for label in np.argsort(-values, kind="stable").tolist() if known(values[label])]
    left_out = len(order) - _MOST
    if left_out > 0:
        order = order[: _MOST // 2] + order[-_MOST // 2 :]
    columns = (comparison.values, comparison.errors, comparison.lows, comparison.highs)
    bounds = [Interval(*(float(column[label]) for column in columns)) for label in order]
    low, high = _range([comparison.mean, *bounds])
    rows = [_row("All classes", comparison.mean, comparison.second, comparison.first, low, high)]
    rows[0]["total"] = True
    rows += [
        _row(class_names[label], bound, ours[label], theirs[label], low, high)
        for label, bound in zip(order, bounds, strict=True)
    ]
    key = (
        "Differences of AP with 95 % intervals, both runs evaluated on the same images. "
        "A dot is filled if the interval excludes zero, which happens by chance for one class in "
        "twenty."
    )
    if left_out > 0:
        key += f" {left_out} classes in the middle are left out; classes.csv contains all of them."
    return {
        "names": comparison.names[::-1],
        "zero": _place(0.0, low, high),
        "rows": rows,
        "key": key,
    }


def _row(
    name: str, bound: Interval, ours: float, theirs: float, low: float, high: float
) -> dict[str, Any]:
    whole = known(bound.low) and known(bound.high)
    start = _place(bound.low, low, high) if whole else None
    end = _place(bound.high, low, high) if whole else None
    return {
        "name": name,
        "total": False,
        "difference": difference(bound.value),
        "interval": f"{difference(bound.low)} to {difference(bound.high)}" if whole else "",
        "first": fraction(ours),
        "second": fraction(theirs),
        "side": "up" if bound.value > 0 else "down",
        "dot": _place(bound.value, low, high) if known(bound.value) else None,
        "low": start,
        "span": round(end - start, 2) if start is not None and end is not None else None,
        "sure": whole and (bound.low > 0 or bound.high < 0),
    }


def _range(bounds: list[Interval]) -> tuple[float, float]:
    ends = [end for bound in bounds for end in (bound.value, bound.low, bound.high) if known(end)]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    margin = 0.04 * (high - low) or 0.01
    return low - margin, high + margin


def _place(value: float, low: float, high: float) -> float:
    return round(100 * (value - low) / (high - low), 2)
