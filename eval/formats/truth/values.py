"""Values in JSON of any type, taken as numbers and texts."""

from __future__ import annotations

import math
from typing import Any

from eval.formats.number_lines import number_of


def number(value: Any) -> float:
    """A finite number, also from a text; NaN for anything else."""
    if isinstance(value, str):
        return number_of(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return math.nan
    try:
        return float(value) if math.isfinite(value) else math.nan
    except OverflowError:  # an integer with hundreds of digits
        return math.nan


def text(value: Any) -> str:
    """A text, or a whole number as text; "" for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else ""


def objects(value: Any) -> list[dict[str, Any]]:
    """The JSON objects of a list; none of anything else."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
