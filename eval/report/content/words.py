"""Figures as text for the page: those of `eval.wording` with a typographic minus."""

from __future__ import annotations

import math
import re

from eval import wording
from eval.wording import DASH

MINUS = "−"


def difference(value: float | None) -> str:
    """A difference of fractions with its sign: -0.0132 -> "−0.013"."""
    return wording.difference(value).replace("-", MINUS)


def count(value: float | None) -> str:
    """A whole number with commas: 2681 -> "2,681"."""
    if value is None or not math.isfinite(value):
        return DASH
    return f"{int(value):,}"


def width(value: float | None, whole: float = 1.0) -> float:
    """The length of a bar in per cent of its track, 0 to 100."""
    if value is None or not math.isfinite(value) or not whole > 0:
        return 0.0
    return round(min(max(100 * value / whole, 0.0), 100.0), 2)


def sentence(text: str) -> str:
    """A sentence with typographic minus signs and a full stop."""
    return re.sub(r"(?<=[ (])-(?=\d)", MINUS, text).removesuffix(".") + "."
