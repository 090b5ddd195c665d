"""The counts at the top of the page, for readers who do not know average precision."""

from __future__ import annotations

from typing import Any

from eval.report.content.analysis import Analysis
from eval.report.content.error_words import KINDS
from eval.report.content.gallery import Gallery, Link
from eval.report.content.operating_point import FALSE_KINDS
from eval.report.content.words import count, width
from eval.wording import amount, known


def summary_view(analysis: Analysis, gallery: Gallery) -> dict[str, Any] | None:
    """What is found, missed and false at the operating point; None if no threshold is known."""
    point = analysis.point
    if not known(point.threshold):
        return None
    true, false, missed = len(point.true), len(point.false), len(point.missed)
    of_true = gallery.link(f"{amount(true, 'object')} found", detections=point.true)
    of_missed = gallery.link(f"{amount(missed, 'object')} missed", objects=point.missed)
    of_false = gallery.link(amount(false, "false detection"), detections=point.false)
    return {
        "threshold": f"{point.threshold:.3g}",
        "iou": f"{analysis.matches.iou_threshold:g}",
        "bars": [
            {
                "whole": amount(point.objects, "object"),
                "parts": [
                    _part(true, point.objects, "found", of_true),
                    _part(missed, point.objects, "missed", of_missed),
                ],
            },
            {
                "whole": amount(true + false, "detection"),
                "parts": [
                    _part(true, true + false, "right", of_true),
                    _part(false, true + false, "false", of_false),
                ],
            },
        ],
        "kinds": _kinds(analysis, gallery),
    }


def _kinds(analysis: Analysis, gallery: Gallery) -> list[dict[str, Any]]:
    """The false detections by kind of error, the most frequent kind first."""
    rows = {kind: analysis.point.of_kind(kind) for kind in FALSE_KINDS}
    order = sorted((kind for kind in FALSE_KINDS if len(rows[kind])), key=lambda k: -len(rows[k]))
    return [
        {
            "count": count(len(rows[kind])),
            "name": KINDS[kind].detections,
            "link": gallery.link(
                f"{amount(len(rows[kind]), 'detection')} {KINDS[kind].detections}",
                detections=rows[kind],
            ),
        }
        for kind in order
    ]


def _part(number: int, whole: int, name: str, link: Link | None) -> dict[str, Any]:
    return {"count": count(number), "name": name, "width": width(number, whole), "link": link}
