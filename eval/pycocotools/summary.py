"""The figures of COCOeval.stats, and the table that it prints."""

from __future__ import annotations

from typing import Any

import numpy as np

from eval.errors import EvaluationError
from eval.pycocotools.params import Params

FORMAT = " {:<18} {} @[ IoU={:<9} | area={:>6s} | maxDets={:>3d} ] = {:0.3f}"


def summarize(result: dict[str, Any], params: Params) -> np.ndarray:
    """Print the twelve figures of boxes and masks, or the ten of keypoints, and return them."""
    if params.iouType == "keypoints":
        rows = [
            (kind, iou, area, 20)
            for kind in ("precision", "recall")
            for iou, area in [
                *((None, "all"), (0.5, "all"), (0.75, "all")),
                *((None, "medium"), (None, "large")),
            ]
        ]
    else:
        if len(params.maxDets) < 3:
            raise EvaluationError(
                f"params.maxDets {list(params.maxDets)}: summarize needs three limits, such as "
                "[1, 10, 100]; the arrays in `eval` hold for any number"
            )
        few, some, most = params.maxDets[:3]
        sizes = ("small", "medium", "large")
        rows = [
            # pycocotools computes this figure at 100 detections, whatever the limits are.
            ("precision", None, "all", 100),
            *(("precision", iou, "all", most) for iou in (0.5, 0.75)),
            *(("precision", None, size, most) for size in sizes),
            *(("recall", None, "all", limit) for limit in (few, some, most)),
            *(("recall", None, size, most) for size in sizes),
        ]
    return np.array([_figure(result, params, *row) for row in rows], dtype=np.float64)


def _figure(
    result: dict[str, Any], params: Params, kind: str, iou: float | None, area: str, limit: int
) -> float:
    values = result[kind]
    if iou is not None:
        values = values[np.flatnonzero(np.equal(params.iouThrs, iou))]
    areas = [a for a, name in enumerate(params.areaRngLbl) if name == area]
    limits = [m for m, one in enumerate(params.maxDets) if one == limit]
    values = values[..., areas, limits]
    known = values[values > -1]
    mean = float(np.mean(known)) if len(known) else -1.0
    title, short = (
        ("Average Precision", "(AP)") if kind == "precision" else ("Average Recall", "(AR)")
    )
    ious = f"{params.iouThrs[0]:0.2f}:{params.iouThrs[-1]:0.2f}" if iou is None else f"{iou:0.2f}"
    print(FORMAT.format(title, short, ious, area, limit, mean))
    return mean
