"""The section on the classes: a sortable table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from eval.report.content.analysis import Analysis
from eval.report.content.gallery import Gallery, Link
from eval.report.content.words import count, width
from eval.wording import DASH, amount, fraction, known

MOST_FIGURES = 4  # besides AP, so that the table fits a screen


class _Column(NamedTuple):
    """Heading, explanation and content of a column; `links` has the pictures of each class."""

    name: str
    hint: str
    values: np.ndarray
    write: Callable[[Any], str]
    bar: bool = False
    links: list[Link | None] | None = None


def classes_view(analysis: Analysis, gallery: Gallery, figure: str) -> dict[str, Any]:
    """The table of classes, the best first.

    Parameters
    ----------
    figure
        The name of the average precision in the protocol.
    """
    average_precisions = analysis.average_precisions
    columns = _columns(analysis, gallery, figure)
    names = analysis.dataset.class_names
    unknown = np.isnan(average_precisions)
    order = np.lexsort((np.where(unknown, 0, -average_precisions), unknown)).tolist()
    rows = [
        {
            "label": label,
            "name": names[label],
            "cells": [_cell(column, label) for column in columns],
        }
        for label in order
    ]
    heads = [{"name": "Class", "hint": "", "number": False, "sorted": None}]
    heads += [
        {"name": column.name, "hint": column.hint, "number": True, "sorted": None}
        for column in columns
    ]
    heads[1]["sorted"] = "descending"
    key = (
        f"Found, missed and false count at scores of at least {analysis.point.threshold:.3g}, at "
        "the IoU threshold of the protocol (for COCO, its first)."
    )
    is_counted = known(analysis.point.threshold)
    return {"columns": heads, "rows": rows, "key": key if is_counted else ""}


def _columns(analysis: Analysis, gallery: Gallery, figure: str) -> list[_Column]:
    classes, average_precisions = analysis.explanation.classes, analysis.average_precisions
    columns = [
        _Column("AP", figure, average_precisions, fraction, bar=True),
        _Column("Objects", "objects that count", classes.objects, count),
        *_outcomes(analysis, gallery),
        _Column(
            "Best F1", "best harmonic mean of precision and recall", classes.f1, fraction, True
        ),
        _Column("at score", "the score threshold of the best F1", classes.thresholds, _score),
    ]
    further = [
        _Column(name, _meaning(name), values, fraction)
        for name, values in analysis.class_figures.items()
        if name != "AP"
    ]
    return [columns[0], *further[:MOST_FIGURES], *columns[1:]]


def _meaning(name: str) -> str:
    """What a figure of a class is: AP50 or AR100."""
    kind, number = name[:2], name[2:]
    if kind == "AP":
        return f"average precision at IoU {float(number) / 100:.6g}"
    return f"average recall with at most {number} detections per class and image"


def _outcomes(analysis: Analysis, gallery: Gallery) -> list[_Column]:
    """What is found, missed and reported falsely at the operating point, with its pictures."""
    point, names = analysis.point, analysis.dataset.class_names
    of_detection, of_object = analysis.table.labels, analysis.dataset.all_truths.labels
    found, missed, false = [], [], []
    for label, name in enumerate(names):
        rows = point.true[of_detection[point.true] == label]
        found.append(gallery.link(_objects(len(rows), name, "found"), detections=rows))
        rows = point.missed[of_object[point.missed] == label]
        missed.append(gallery.link(_objects(len(rows), name, "missed"), objects=rows))
        rows = point.false[of_detection[point.false] == label]
        words = f"{name}: {amount(len(rows), 'false detection')}"
        false.append(gallery.link(words, detections=rows))
    return [
        _Column("Found", "objects found", point.class_found, count, links=found),
        _Column("Missed", "objects missed", point.class_missed, count, links=missed),
        _Column("False", "false detections", point.class_false, count, links=false),
    ]


def _objects(number: int, name: str, fate: str) -> str:
    return f"{name}: {amount(number, 'object')} {fate}"


def _cell(column: _Column, label: int) -> dict[str, Any]:
    value = column.values[label]
    return {
        "value": f"{value:.9g}" if known(float(value)) else "",
        "text": column.write(value),
        "part": width(float(value)) if column.bar else None,
        "link": column.links[label] if column.links else None,
    }


def _score(value: float) -> str:
    if not known(value):
        return DASH
    return f"{value:.3f}" if abs(value) <= 1 else f"{value:.4g}"
