"""The top of the page: the figure, what it means, and what it was measured on."""

from __future__ import annotations

from typing import Any

from eval.evaluate import Report
from eval.matching import CUT, FALSE, IGNORED, TRUE
from eval.report.content.findings import Findings
from eval.report.content.words import DASH, amount, count, interval, known, points, sentence, width

NAMES = {
    "voc": "PASCAL VOC 2010 and later",
    "voc2007": "PASCAL VOC 2007",
    "coco": "COCO boxes",
    "ilsvrc": "ILSVRC detection",
}
_TRUE_AT_HALF = (
    "A detection is true if it overlaps an object of its class, one that no surer detection took, "
    "with an IoU of .5 or more. "
)
_MEANINGS = {
    "voc": _TRUE_AT_HALF
    + "Average precision is the area under a class's curve of precision over recall; mAP is its "
    "mean over {classes}.",
    "voc2007": _TRUE_AT_HALF
    + "Average precision is the mean of the best precision at 11 levels of recall; mAP is its "
    "mean over {classes}.",
    "coco": "Precision is averaged over 101 levels of recall, with detections true from an IoU of "
    ".50, .55, ... .95 on; AP is the mean over these ten thresholds and {classes}.",
    "ilsvrc": "A detection is true if it overlaps an object of its class that is still free with "
    "an IoU of .5, or less for objects under 25 pixels. Average precision is the area under a "
    "class's curve of precision over recall; mAP is its mean over {classes}.",
}


def main_name(report: Report) -> str:
    """What the protocol calls its main figure."""
    return next(iter(report.stats), "mAP")


def head(findings: Findings, notes: list[str]) -> dict[str, Any]:
    """All that the page says before its first section."""
    report, comparison = findings.report, findings.comparison
    bounds = findings.bounds
    return {
        "title": findings.title,
        "protocol": NAMES.get(report.protocol, report.protocol)
        + (", as the official program" if report.official else ""),
        "date": f"{findings.date.day} {findings.date:%B %Y}",
        "main": points(report.map),
        "main_name": main_name(report),
        "interval": interval(*bounds) if bounds else "",
        "meaning": _meaning(report),
        "facts": _facts(findings),
        "others": [
            (name, points(value))
            for name, value in report.stats.items()
            if name != main_name(report)
        ],
        "run": _run(findings),
        "verdict": sentence(comparison.sentence) if comparison else None,
        "notes": notes,
    }


def strip(report: Report, bounds: tuple[float, float] | None) -> dict[str, Any] | None:
    """Every class as a dot on a line from 0 to 100 %; None where no class has a figure."""
    figures = [(value, name) for name, value in report.per_class.items() if known(value)]
    if not figures:
        return None
    figures.sort()
    dots = [{"left": width(value), "name": name, "value": points(value)} for value, name in figures]
    ends = _labels(dots[0], dots[-1])
    band = None
    if bounds and known(bounds[0]) and known(bounds[1]):
        band = (width(bounds[0]), round(width(bounds[1]) - width(bounds[0]), 2))
    return {
        "dots": dots,
        "ends": ends,
        "mean": width(report.map) if known(report.map) else None,
        "band": band,
        "words": f"Average precision of {len(dots)} classes from {dots[0]['value']} to "
        f"{dots[-1]['value']} %, {main_name(report)} {points(report.map)} %.",
    }


def _meaning(report: Report) -> str:
    judged = sum(1 for value in report.per_class.values() if known(value))
    classes = f"the {judged} classes"
    if judged != len(report.per_class):
        classes += " that have objects"
    if judged <= 1:
        classes = (
            "the one class that has objects" if judged else "classes, none of which has objects"
        )
    return _MEANINGS[report.protocol].format(classes=classes)


def _labels(low: dict[str, Any], high: dict[str, Any]) -> list[dict[str, Any]]:
    """The names of the lowest and the highest class, or of the highest alone where they meet."""
    spans = []
    for dot in (low, high):
        # Per cent of the line that a name takes on a phone.
        size = 2 * (len(dot["name"]) + len(dot["value"]) + 1)
        left = min(max(dot["left"] - size / 2, 0), 100 - size)
        side = "middle" if left == dot["left"] - size / 2 else "start" if left <= 0 else "end"
        spans.append((left, left + size, {**dot, "side": side}))
    if low is high or spans[0][1] > spans[1][0]:
        return [spans[1][2]]
    return [spans[0][2], spans[1][2]]


def _facts(findings: Findings) -> list[tuple[str, str]]:
    table, dataset, matches = findings.table, findings.dataset, findings.matches
    counted = int(matches.counted.sum())
    found = int(matches.found[matches.counted].sum())
    return [
        ("images", count(len(dataset))),
        ("classes", count(len(dataset.class_names))),
        ("objects to find", count(counted)),
        ("of them found", f"{points(found / counted, 0)} %" if counted else DASH),
        ("detections", count(len(table))),
        ("of them true", count(int((matches.outcomes == TRUE).sum()))),
        ("false", count(int((matches.outcomes == FALSE).sum()))),
    ]


def _run(findings: Findings) -> list[tuple[str, str]]:
    table, dataset, matches = findings.table, findings.dataset, findings.matches
    rows = [("Detections", table.source), ("Ground truth", dataset.source)]
    left_out = [
        (len(matches.counted) - int(matches.counted.sum()), "object that need not be found"),
        (int((matches.outcomes == IGNORED).sum()), "detection that counts neither way"),
        (int((matches.outcomes == CUT).sum()), "detection beyond the limit for an image"),
    ]
    plurals = (
        "objects that need not be found",
        "detections that count neither way",
        "detections beyond the limit for an image",
    )
    parts = [
        amount(number, singular, plural)
        for (number, singular), plural in zip(left_out, plurals, strict=True)
        if number
    ]
    if parts:
        rows.append(("Passed over", ", ".join(parts)))
    if findings.command:
        rows.append(("Command", findings.command))
    return rows
