"""Figures, shares and amounts as text for people, the same in every output.

A figure is a fraction with three digits, a difference has its sign, a score two digits, and a share
of countable things is in per cent. What is unknown is a dash. Files for programs hold all digits.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

DASH = "–"


def amount(value: int, singular: str, plural: str | None = None) -> str:
    """A number with its noun: "1 image", "1,804 images"."""
    return f"{value:,} {singular if value == 1 else plural or singular + 's'}"


def listed(names: Iterable[str]) -> str:
    """Names for a message: on one line, and cut if there are many."""
    return " ".join(", ".join(names).split())[:160]


def mean_over_iou(thresholds: Sequence[float]) -> str:
    """IoU thresholds in words: "IoU 0.3", or "mean over IoU 0.5 to 0.95"."""
    first, last = thresholds[0], thresholds[-1]
    if len(thresholds) == 1:
        return f"IoU {first:.6g}"
    if len(thresholds) == 2:
        return f"mean over IoU {first:.6g} and {last:.6g}"
    step = (last - first) / (len(thresholds) - 1)
    even = all(abs(first + i * step - value) < 1e-9 for i, value in enumerate(thresholds))
    if not even:
        return f"mean over {len(thresholds)} IoU thresholds from {first:.6g} to {last:.6g}"
    steps = "" if abs(step - 0.05) < 1e-9 else f" in steps of {step:.6g}"
    return f"mean over IoU {first:.6g} to {last:.6g}{steps}"


def known(value: float | None) -> bool:
    """Whether a figure is neither None nor NaN nor infinite."""
    return value is not None and math.isfinite(value)


def fraction(value: float | None) -> str:
    """Average precision, recall and the like: 0.74163 -> "0.742"."""
    if value is None or not math.isfinite(value):
        return DASH
    text = f"{value:.3f}"
    return text if float(text) else "0.000"


def difference(value: float | None) -> str:
    """A difference of fractions with its sign, 0.0123 -> "+0.012"; "0.000" has none."""
    if value is None or not math.isfinite(value):
        return DASH
    text = f"{value:+.3f}"
    return text if float(text) else "0.000"


def interval(low: float | None, high: float | None) -> str:
    """The ends of an interval: "0.736–0.786"; a dash if they are unknown."""
    return f"{fraction(low)}–{fraction(high)}" if known(low) and known(high) else DASH


def with_interval(value: float, low: float, high: float) -> str:
    """A figure with its interval, if there is one: "0.742 (0.736–0.786)"."""
    return f"{fraction(value)} ({interval(low, high)})" if known(low) else fraction(value)


def score(value: float) -> str:
    """The score of a detection: 0.743 -> "0.74"."""
    return f"{value:.2f}"


def percent(share: float | None) -> str:
    """A share of countable things: 0.12 -> "12 %"."""
    return DASH if share is None or not math.isfinite(share) else f"{100 * share:.0f} %"
