"""The sections on the classes: the sortable table, and the curves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from eval.curves import Curves
from eval.report.content.charts import envelope_on_grid, line, staircase
from eval.report.content.words import DASH, count, known, points, width
from eval.why.classes import ClassTable
from eval.wording import amount

# Up to this many small plots stand beside the large one.
_BESIDE = 25
# With more classes than this, the middle ones are folded away.
_SHOWN = 48


def curves_view(
    curves: Curves, class_names: tuple[str, ...], average_precisions: np.ndarray
) -> dict[str, Any] | None:
    """The curve of every class with objects as a path, the best first; None if there is none.

    Parameters
    ----------
    average_precisions
        (classes,) float64, the figure beside each curve.
    """
    labels = np.flatnonzero(curves.counted > 0)
    if not len(labels):
        return None
    order = labels[np.argsort(-average_precisions[labels], kind="stable")].tolist()
    entries, envelopes = [], []
    for label in order:
        curve = curves[label]
        value = float(average_precisions[label])
        entries.append(
            {
                "label": label,
                "name": class_names[label],
                "value": points(value),
                "path": staircase(curve.recall, curve.precision),
            }
        )
        envelopes.append(envelope_on_grid(curve.recall, curve.precision))
    mean = np.mean(envelopes, axis=0)
    shown, folded = entries, entries[:0]
    if len(entries) > _SHOWN:
        ends = _SHOWN // 2
        shown, folded = entries[:ends] + entries[-ends:], entries[ends:-ends]
    best = entries[0]
    words = f"Precision over recall of {amount(len(entries), 'class', 'classes')}, and the mean"
    if known(average_precisions[order[0]]):
        words += f"; highest: {best['name']}, AP {best['value']} %"
    return {
        "curves": entries,
        "by_name": sorted(entries, key=lambda entry: entry["name"].casefold()),
        "mean": line(mean),
        "many": len(entries) > _BESIDE,
        "shown": shown,
        "folded": folded,
        "words": words,
    }


def classes_view(
    classes: ClassTable, average_precisions: np.ndarray, figure: str
) -> dict[str, Any]:
    """The table of classes, the best first.

    Parameters
    ----------
    average_precisions
        (classes,) float64, those of the protocol.
    figure
        Their name in the protocol. If they differ from the AP at the IoU of the matches, the table
        shows both.
    """
    columns = [
        _column("AP", figure, average_precisions, points, bar=True),
        _column("Objects", "objects that count", classes.objects, count),
        _column("Found", "% of the objects found at any score", classes.recalls, points),
        _column("True", "true detections at any score", classes.true, count),
        _column("False", "false detections at any score", classes.false, count),
        _column("Best F1", "best harmonic mean of precision and recall", classes.f1, points, True),
        _column("at score", "the score threshold of the best F1", classes.thresholds, _score),
    ]
    half = classes.average_precisions
    if not np.allclose(average_precisions, half, rtol=0, atol=1e-9, equal_nan=True):
        columns.insert(1, _column("AP50", "average precision at IoU 0.5", half, points))
    unknown = np.isnan(average_precisions)
    order = np.lexsort((np.where(unknown, 0, -average_precisions), unknown)).tolist()
    rows = [
        {
            "label": label,
            "name": classes.names[label],
            "cells": [
                {
                    "value": f"{values[label]:.9g}" if known(float(values[label])) else "",
                    "text": write(values[label]),
                    "part": width(float(values[label])) if column["bar"] else None,
                }
                for column, values, write in columns
            ],
        }
        for label in order
    ]
    heads = [{"name": "Class", "hint": "", "number": False, "sorted": None}]
    heads += [{**column, "number": True, "sorted": None} for column, _, _ in columns]
    heads[1]["sorted"] = "descending"
    key = (
        "Figures are in %, except counts and scores. Found, true and false include all scores, at "
    )
    key += "the IoU threshold of the protocol (for COCO, its first)."
    return {"columns": heads, "rows": rows, "key": key}


def _column(
    name: str, hint: str, values: np.ndarray, write: Callable[[Any], str], bar: bool = False
) -> tuple[dict[str, Any], np.ndarray, Callable[[Any], str]]:
    return {"name": name, "hint": hint, "bar": bar}, values, write


def _score(value: float) -> str:
    if not known(value):
        return DASH
    return f"{value:.3f}" if abs(value) <= 1 else f"{value:.4g}"
