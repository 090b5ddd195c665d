"""The top of the page: the main figure, its meaning, and the data it was measured on."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from eval.matching import CUT, IGNORED
from eval.protocols.ilsvrc import TOLERANCE
from eval.protocols.options import COCO_THRESHOLDS
from eval.protocols.report import Report
from eval.report.content.analysis import Analysis
from eval.report.content.words import sentence, width
from eval.wording import amount, fraction, interval, known

NAMES = {
    "voc": "PASCAL VOC 2010 and later",
    "voc2007": "PASCAL VOC 2007",
    "coco": "COCO boxes",
    "ilsvrc": "ILSVRC detection",
    "lvis": "LVIS boxes",
    "open_images": "Open Images Challenge",
    "open_images_v2": "Open Images V2",
}
_TRUE_FROM = (
    "A detection is true if it overlaps an object of its class with an IoU of at least {iou}, and "
    "no detection with a higher score matches that object. "
)
_THRESHOLDS = (
    "Precision is averaged over {levels} of recall. A detection is true from {thresholds} on; AP "
    "is the mean over {several}{classes}."
)
_MEANINGS = {
    "voc": _TRUE_FROM
    + "Average precision is the area under the precision-recall curve of a class; mAP is its mean "
    "over {classes}.",
    "voc2007": _TRUE_FROM
    + "Average precision is the mean of the best precision at 11 levels of recall; mAP is its "
    "mean over {classes}.",
    "coco": _THRESHOLDS,
    "lvis": _THRESHOLDS
    + " Each image was checked for some classes only, and detections of others do not count; APr, "
    "APc and APf are means over the rare, common and frequent classes.",
    "ilsvrc": "A detection is true if it overlaps an unmatched object of its class with an IoU of "
    "at least {iou}, or less for objects under {side:.0f} pixels. Average precision is the area "
    "under the precision-recall curve of a class; mAP is its mean over {classes}.",
    "open_images": _TRUE_FROM
    + "A group counts as one object, which the best detection inside it finds. Average precision "
    "is the area under the precision-recall curve of a class; mAP is its mean over {classes}.",
    "open_images_v2": _TRUE_FROM
    + "Average precision is the area under the precision-recall curve of a class; mAP is its mean "
    "over {classes}.",
}


def main_name(report: Report) -> str:
    """The name of the main figure in the protocol."""
    return next(iter(report.stats), "mAP")


def head(analysis: Analysis, notes: list[str]) -> dict[str, Any]:
    """The content of the page before its first section."""
    report, comparison = analysis.report, analysis.comparison
    bounds, date = analysis.bounds, analysis.caption.date
    return {
        "title": analysis.caption.title,
        "protocol": NAMES.get(report.protocol, report.protocol)
        + (", all classes as one" if report.class_agnostic else "")
        + (", as the official program" if report.official else ""),
        "date": f"{date.day} {date:%B %Y}",
        "main": fraction(report.map),
        "main_name": main_name(report),
        "interval": interval(*bounds) if bounds else "",
        "meaning": _meaning(report),
        "others": [
            (name, fraction(value))
            for name, value in report.stats.items()
            if name != main_name(report)
        ],
        "run": _run(analysis),
        "comparison": sentence(comparison.sentence) if comparison else None,
        "notes": notes,
    }


def strip(report: Report, bounds: tuple[float, float] | None) -> dict[str, Any] | None:
    """Every class as a dot on a line from 0 to 1; None if no class has a figure."""
    figures = [(value, name) for name, value in report.per_class.items() if known(value)]
    if not figures:
        return None
    figures.sort()
    dots = [
        {"left": width(value), "name": name, "value": fraction(value)} for value, name in figures
    ]
    ends = _labels(dots[0], dots[-1])
    band = None
    if bounds and known(bounds[0]) and known(bounds[1]):
        band = (width(bounds[0]), round(width(bounds[1]) - width(bounds[0]), 2))
    return {
        "dots": dots,
        "ends": ends,
        "mean": width(report.map) if known(report.map) else None,
        "band": band,
        "words": f"Average precision of {amount(len(dots), 'class', 'classes')} from "
        f"{dots[0]['value']} to {dots[-1]['value']}, {main_name(report)} {fraction(report.map)}.",
    }


def _meaning(report: Report) -> str:
    counted = sum(1 for value in report.per_class.values() if known(value))
    classes = f"the {counted} classes"
    if counted != len(report.per_class):
        classes += " with objects"
    if counted <= 1:
        classes = "the only class with objects" if counted else "classes, none of which has objects"
    if report.class_agnostic:
        classes = "all classes, which are taken as one"
    return _MEANINGS[report.protocol].format(classes=classes, **_in_force(report))


def _in_force(report: Report) -> dict[str, Any]:
    """The thresholds of the evaluation in words."""
    iou = report.matches.iou_threshold if report.matches else 0.5
    root = math.sqrt(iou)
    words: dict[str, Any] = {
        "iou": f"{iou:g}",
        # The side of a square whose own threshold is lower (eval.protocols.ilsvrc): 25 at 0.5
        "side": math.ceil(TOLERANCE * root / (1 - root)) if iou < 1 else math.inf,
    }
    if report.coco is None:
        return words
    options = report.coco.options
    values = [f"{value:.6g}" for value in options.iou_thresholds.tolist()]
    is_coco_s = np.array_equal(options.iou_thresholds, COCO_THRESHOLDS)
    shown = "0.50, 0.55, ..., 0.95" if is_coco_s else ", ".join(values)
    several = "these ten thresholds and " if is_coco_s else "these thresholds and "
    return words | {
        "levels": amount(len(options.recall_thresholds), "level"),
        "thresholds": f"an IoU of {shown}",
        "several": several if len(values) > 1 else "",
    }


def _labels(low: dict[str, Any], high: dict[str, Any]) -> list[dict[str, Any]]:
    """The names of the lowest and the highest class, or only the highest if they would overlap."""
    spans = []
    for dot in (low, high):
        # The width of a name on a phone, in per cent of the line.
        size = 2 * (len(dot["name"]) + len(dot["value"]) + 1)
        left = min(max(dot["left"] - size / 2, 0), 100 - size)
        side = "middle" if left == dot["left"] - size / 2 else "start" if left <= 0 else "end"
        spans.append((left, left + size, {**dot, "side": side}))
    if low is high or spans[0][1] > spans[1][0]:
        return [spans[1][2]]
    return [spans[0][2], spans[1][2]]


def _run(analysis: Analysis) -> list[tuple[str, str]]:
    table, dataset, matches = analysis.table, analysis.dataset, analysis.matches
    objects, classes = int(matches.counted.sum()), len(dataset.class_names)
    rows = [
        ("Detections", f"{table.source}: {amount(len(table), 'detection')} at any score"),
        (
            "Ground truth",
            f"{dataset.source}: {amount(len(dataset), 'image')}, {amount(objects, 'object')} of "
            f"{amount(classes, 'class', 'classes')}",
        ),
    ]
    limit = "beyond the limit per image"
    left_out = [
        (len(matches.counted) - objects, "ignored object", None),
        (int((matches.outcomes == IGNORED).sum()), "ignored detection", None),
        (int((matches.outcomes == CUT).sum()), f"detection {limit}", f"detections {limit}"),
    ]
    if parts := [amount(*words) for words in left_out if words[0]]:
        rows.append(("Not counted", ", ".join(parts)))
    if analysis.caption.command:
        rows.append(("Command", analysis.caption.command))
    return rows
