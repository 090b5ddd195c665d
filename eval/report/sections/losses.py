"""The section on lost average precision: by kind of error and by stage of the detector."""

from __future__ import annotations

from typing import Any

import numpy as np

from eval.report.content.words import count, difference, points, width
from eval.why.misses import Misses
from eval.why.tide import KINDS, NOT_EVALUATED, Tide
from eval.wording import amount

# The kinds of error of TIDE, and their descriptions.
_KINDS = {
    "Miss": ("Missed", "no detection near the object"),
    "Loc": ("Location", "right class, box poorly placed"),
    "Cls": ("Class", "good box, wrong class"),
    "Both": ("Class and location", "wrong class, box poorly placed"),
    "Dupe": ("Duplicate", "a second detection of an object"),
    "Bkg": ("Background", "no object there"),
}
_REASONS = {
    "Cls": "an object of another class",
    "Loc": "box poorly placed",
    "Both": "box poorly placed, and an object of another class",
    "Dupe": "duplicate",
    "Bkg": "no annotated object there",
}


# For each reason of a loss, the stage that the other objects have passed.
_STAGES = (
    ("no proposal", "had a proposal", "that overlaps it by 0.5"),
    ("not classified", "were classified", "such a proposal reached the classifier"),
    ("misclassified", "got the right class", "a box nearby, at the score threshold"),
    ("mislocalised", "in the right place", "such a box overlaps by 0.5"),
    ("suppressed", "were kept", "by non-maximum suppression"),
)


def losses_view(tide: Tide, misses: Misses | None) -> dict[str, Any]:
    """The cost of each kind of error as bars, and with traces the stages that objects passed."""
    return {**tide_view(tide), "funnel": funnel(misses) if misses and misses.objects else None}


def funnel(misses: Misses) -> dict[str, Any]:
    """The number of objects left after each stage of a proposal pipeline."""
    left = misses.objects
    steps = [_step("objects", "", left, left, left)]
    for reason, name, hint in _STAGES:
        before, left = left, left - misses.counts[reason]
        steps.append(_step(name, hint, left, before, misses.objects))
    note = f"At a score threshold of {misses.threshold:.3g}, which has the best F1 of all classes "
    note += "together. An object is lost at the first stage that it does not pass."
    if misses.counts["unknown"]:
        lost = amount(misses.counts["unknown"], "missed object")
        note += f" The traces give no stage for {lost}, which remain in all counts."
    return {"steps": steps, "total": count(misses.objects), "note": note}


def _step(name: str, hint: str, left: int, before: int, whole: int) -> dict[str, Any]:
    return {
        "name": name,
        "hint": hint,
        "count": count(left),
        "share": points(left / whole),
        "width": width(left, whole),
        "before": width(before, whole),
    }


def tide_view(tide: Tide) -> dict[str, Any]:
    """The gain from repairing each kind of error, the largest first."""
    order = sorted(_KINDS, key=lambda kind: -tide.gains[kind])
    most = max(max(tide.gains.values()), 1e-9)
    bars = [
        {
            "name": _KINDS[kind][0],
            "hint": _KINDS[kind][1],
            "count": count(tide.counts[kind]),
            "gain": difference(tide.gains[kind]),
            "width": width(tide.gains[kind], most),
        }
        for kind in order
    ]
    return {
        "bars": bars,
        "bar_note": f"{_own_figure(tide)} Gains overlap, so they do not add up. Without false "
        f"detections: {difference(tide.false_positives)}; without missed objects: "
        f"{difference(tide.false_negatives)}.",
    }


def _own_figure(tide: Tide) -> str:
    """TIDE's own AP, and how it differs from that of the protocol."""
    text = f"Gains refer to TIDE's own AP of {points(tide.average_precision)} %: the mean over the "
    text += (
        "classes with objects, at IoU 0.5 and 101 levels of recall, with at most 100 detections "
    )
    text += "per image over all classes"
    left_out = int(np.count_nonzero(tide.kinds == NOT_EVALUATED))
    return text + (f" ({amount(left_out, 'detection')} left out)." if left_out else ".")


def tide_lead(tide: Tide) -> str | None:
    """The largest losses as a sentence."""
    order = sorted(_SENTENCES, key=lambda kind: -tide.gains[kind])
    first, second = order[:2]
    if not tide.gains[first] > 0:
        return None
    sentence = f"The largest loss comes from {_SENTENCES[first]}: without them, AP would be "
    sentence += f"{points(tide.gains[first])} points higher"
    if tide.gains[second] > 0:
        sentence += f". Next are {_SENTENCES[second]} with {points(tide.gains[second])} points"
    return sentence + "."


_SENTENCES = {
    "Miss": "objects without any detection nearby",
    "Loc": "poorly placed boxes of the right class",
    "Cls": "good boxes with the wrong class",
    "Both": "poorly placed boxes of the wrong class",
    "Dupe": "duplicates",
    "Bkg": "detections on background",
}


def reasons(tide: Tide, rows: np.ndarray) -> dict[int, str]:
    """Why each of these detections (rows of the table) is false, in a few words."""
    words = {KINDS.index(kind): text for kind, text in _REASONS.items()}
    pairs = zip(rows.tolist(), tide.kinds[rows].tolist(), strict=True)
    return {row: words[kind] for row, kind in pairs if kind in words}
