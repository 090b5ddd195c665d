"""The section on lost average precision: by kind of error and by stage of the detector."""

from __future__ import annotations

from typing import Any

import numpy as np

from eval.report.content.analysis import Analysis
from eval.report.content.error_words import TIDE_KINDS
from eval.report.content.gallery import Gallery
from eval.report.content.operating_point import OperatingPoint
from eval.report.content.words import count, difference, width
from eval.why.misses import REASONS, Misses
from eval.why.tide import NOT_EVALUATED, Tide
from eval.wording import DASH, amount, fraction, known, percent

# For each reason of a loss, the stage that the other objects have passed.
_STAGES = (
    ("no proposal", "had a proposal", "that overlaps it by 0.5"),
    ("not classified", "were classified", "such a proposal reached the classifier"),
    ("misclassified", "got the right class", "a box nearby, at the score threshold"),
    ("mislocalised", "in the right place", "such a box overlaps by 0.5"),
    ("suppressed", "were kept", "by non-maximum suppression"),
)


def losses_view(analysis: Analysis, gallery: Gallery) -> dict[str, Any]:
    """The cost of each kind of error as bars, and with traces the stages that objects passed."""
    why, misses = analysis.explanation, analysis.explanation.misses
    view = tide_view(why.tide, analysis.point, gallery)
    return {**view, "funnel": funnel(misses, gallery) if misses and misses.objects else None}


def funnel(misses: Misses, gallery: Gallery) -> dict[str, Any]:
    """The number of objects left after each stage of a proposal pipeline."""
    left = misses.objects
    steps: list[dict[str, Any]] = [_step("objects", "", left, left, left)]
    for reason, name, hint in _STAGES:
        before, left = left, left - misses.counts[reason]
        lost = np.flatnonzero(misses.reasons == REASONS.index(reason))
        link = gallery.link(f"{amount(len(lost), 'object')} lost: {reason}", objects=lost)
        steps.append({**_step(name, hint, left, before, misses.objects), "link": link})
    note = f"At a score threshold of {misses.threshold:.3g}, which has the best F1 of all classes "
    note += "together. An object is lost at the first stage that it does not pass."
    if misses.counts["unknown"]:
        unknown = amount(misses.counts["unknown"], "missed object")
        note += f" The traces give no stage for {unknown}, which remain in all counts."
    return {"steps": steps, "total": count(misses.objects), "note": note}


def _step(name: str, hint: str, left: int, before: int, whole: int) -> dict[str, Any]:
    return {
        "name": name,
        "hint": hint,
        "count": count(left),
        "lost": count(before - left) if before > left else "",
        "link": None,
        "share": percent(left / whole),
        "width": width(left, whole),
        "before": width(before, whole),
    }


def tide_view(tide: Tide, point: OperatingPoint, gallery: Gallery) -> dict[str, Any]:
    """The gain from repairing each kind of error, the largest first, and the errors kept."""
    order = sorted(TIDE_KINDS, key=lambda kind: -tide.gains[kind])
    most = max(max(tide.gains.values()), 1e-9)
    bars = [
        {
            "name": TIDE_KINDS[kind].name,
            "hint": TIDE_KINDS[kind].meaning,
            **_kept_errors(kind, point, gallery),
            "gain": difference(tide.gains[kind]),
            "width": width(tide.gains[kind], most),
        }
        for kind in order
    ]
    counted = ""
    if known(point.threshold):
        counted = f"Errors are counted at scores of at least {point.threshold:.3g}, gains at all. "
    return {
        "bars": bars,
        "bar_note": f"{counted}{_own_figure(tide)} Gains overlap, so they do not add up. Without "
        f"false detections: {difference(tide.false_positives)}; without missed objects: "
        f"{difference(tide.false_negatives)}.",
    }


def _kept_errors(kind: str, point: OperatingPoint, gallery: Gallery) -> dict[str, Any]:
    """How many errors of a kind the operating point has, and their pictures."""
    name, meaning, _, _ = TIDE_KINDS[kind]
    if not known(point.threshold):
        return {"count": DASH, "link": None}
    if kind == "Miss":
        words = f"{amount(len(point.alone), 'missed object')}: {meaning}"
        return {
            "count": count(len(point.alone)),
            "link": gallery.link(words, objects=point.alone),
        }
    rows = point.of_kind(kind)
    words = f"{name}: {amount(len(rows), 'false detection')}, {meaning}"
    return {"count": count(len(rows)), "link": gallery.link(words, detections=rows)}


def _own_figure(tide: Tide) -> str:
    """TIDE's own AP, and how it differs from that of the protocol."""
    left_out = int(np.count_nonzero(tide.kinds == NOT_EVALUATED))
    note = f" ({amount(left_out, 'detection')} left out)" if left_out else ""
    return (
        f"Gains refer to TIDE's own AP of {fraction(tide.average_precision)}: the mean over the "
        "classes with objects, at IoU 0.5 and 101 levels of recall, with at most 100 detections "
        f"per image over all classes{note}."
    )


def tide_lead(tide: Tide) -> str | None:
    """The largest losses as a sentence."""
    first, second, *_ = sorted(TIDE_KINDS, key=lambda kind: -tide.gains[kind])
    if not tide.gains[first] > 0:
        return None
    largest = (
        f"The largest loss comes from {TIDE_KINDS[first].several}: without them, AP would be "
        f"{fraction(tide.gains[first])} higher."
    )
    if not tide.gains[second] > 0:
        return largest
    return f"{largest} Next are {TIDE_KINDS[second].several} with {fraction(tide.gains[second])}."
