"""Figures as text for people; "–" for unknown ones."""

from __future__ import annotations

import math
import re

DASH = "–"
MINUS = "−"


def known(value: float | None) -> bool:
    """Whether a figure is neither None nor NaN nor infinite."""
    return value is not None and math.isfinite(value)


def points(value: float | None, digits: int = 1) -> str:
    """A fraction in per cent, without the sign %: 0.4582 -> "45.8"."""
    if value is None or not math.isfinite(value):
        return DASH
    return signed(100 * value, digits, plus="")


def difference(value: float | None, digits: int = 1) -> str:
    """A difference of fractions in points, with its sign: 0.0132 -> "+1.3"."""
    if value is None or not math.isfinite(value):
        return DASH
    return signed(100 * value, digits, plus="+")


def signed(value: float, digits: int, plus: str) -> str:
    """A number with a typographic minus; a number that rounds to 0 has no sign."""
    text = f"{abs(value):.{digits}f}"
    if float(text) == 0:
        return text
    return (plus if value > 0 else MINUS) + text


def count(value: float | None) -> str:
    """A whole number with commas: 2681 -> "2,681"."""
    if value is None or not math.isfinite(value):
        return DASH
    return f"{int(value):,}"


def interval(low: float | None, high: float | None) -> str:
    """Two fractions in per cent: "43.9 to 47.6"; "" if either is unknown."""
    if not (known(low) and known(high)):
        return ""
    return f"{points(low)} to {points(high)}"


def width(value: float | None, whole: float = 1.0) -> float:
    """The length of a bar in per cent of its track, 0 to 100."""
    if value is None or not math.isfinite(value) or not whole > 0:
        return 0.0
    return round(min(max(100 * value / whole, 0.0), 100.0), 2)


def sentence(text: str) -> str:
    """A sentence with typographic minus signs and a full stop."""
    return re.sub(r"(?<=[ (])-(?=\d)", MINUS, text).removesuffix(".") + "."
