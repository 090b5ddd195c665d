"""The section on the size and shape of objects."""

from __future__ import annotations

from typing import Any

import numpy as np

from eval.report.content.words import count, width
from eval.why.buckets import Buckets
from eval.wording import fraction, known

_TITLES = {"COCO": "By COCO's sizes", "side": "By the data set's own sizes", "ratio": "By shape"}


def sizes_view(buckets: tuple[Buckets, ...]) -> dict[str, Any] | None:
    """One small table for each division of the objects; None if there are no objects."""
    tables = [_table(part) for part in buckets if part.objects.sum()]
    key = "Found is the fraction of the objects that are found at any score."
    return {"tables": tables, "key": key} if tables else None


def _table(part: Buckets) -> dict[str, Any]:
    coco = part.names[0] == "small"
    rows = [
        {
            "name": name,
            "hint": _limits(part, b),
            "count": count(part.objects[b]),
            "figures": [fraction(part.recalls[b]), fraction(part.average_precisions[b])],
            "width": width(part.average_precisions[b]),
        }
        for b, name in enumerate(part.names)
    ]
    return {
        "title": _TITLES["COCO" if coco else part.measure],
        "kind": "Width / height" if part.measure == "ratio" else "Side, pixels",
        "figures": ["Found", "AP"],
        "rows": rows,
    }


def _limits(part: Buckets, bucket: int) -> str:
    low = part.limits[bucket - 1] if bucket else np.nan
    high = part.limits[bucket] if bucket < len(part.limits) else np.nan
    if known(low) and known(high):
        return f"{low:.3g} to {high:.3g}"
    if known(high):
        return f"below {high:.3g}"
    return f"{low:.3g} and above" if known(low) else ""
