"""The section on where average precision is lost: by kind of error and by stage of a detector."""

from __future__ import annotations

from typing import Any

import numpy as np

from eval.report.content.words import amount, count, difference, points, width
from eval.why.misses import Misses
from eval.why.tide import KINDS, NOT_LOOKED_AT, Tide

# TIDE's kinds as people call them.
_KINDS = {
    "Miss": ("Missed", "nothing near the object"),
    "Loc": ("Location", "right class, box poorly placed"),
    "Cls": ("Class", "good box, wrong class"),
    "Both": ("Class and location", "wrong class, box poorly placed"),
    "Dupe": ("Duplicate", "the object was found already"),
    "Bkg": ("Background", "nothing is there"),
}
_REASONS = {
    "Cls": "something else is there",
    "Loc": "box poorly placed",
    "Both": "box poorly placed, and something else is there",
    "Dupe": "found twice",
    "Bkg": "nothing annotated there",
}


# What an object has behind it when it was not lost for the reason, stage after stage.
_STAGES = (
    ("no proposal", "had a proposal", "that overlaps it by .5"),
    ("not classified", "were classified", "such a proposal reached the classifier"),
    ("misclassified", "got the right class", "a box nearby has it, at the threshold"),
    ("mislocalised", "in the right place", "such a box overlaps by .5"),
    ("suppressed", "were kept", "by non-maximum suppression"),
)


def losses_view(tide: Tide, misses: Misses | None) -> dict[str, Any]:
    """Bars of what each kind of error costs and, with traces, the stages objects got through."""
    return {**tide_view(tide), "funnel": funnel(misses) if misses and misses.objects else None}


def funnel(misses: Misses) -> dict[str, Any]:
    """How many objects are left after each stage of a proposal pipeline."""
    left = misses.objects
    steps = [_step("objects", "", left, left, left)]
    for reason, name, hint in _STAGES:
        before, left = left, left - misses.counts[reason]
        steps.append(_step(name, hint, left, before, misses.objects))
    note = f"At a score of {misses.threshold:.3g}, the best F1 of all classes together. "
    note += "An object counts as lost at the first stage it did not pass."
    if misses.counts["unknown"]:
        lost = amount(misses.counts["unknown"], "missed object")
        note += f" Of {lost} the traces do not tell where; they stay in to the end."
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
    """What repairing each kind of error would add, the most first."""
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
        "bar_note": f"{_own_figure(tide)} Gains overlap and do not add up. Without any false "
        f"detection: {difference(tide.false_positives)}; with every object found: "
        f"{difference(tide.false_negatives)}.",
    }


def _own_figure(tide: Tide) -> str:
    """TIDE's AP and what can set it apart from the protocol's."""
    text = f"Gains refer to TIDE's own AP, which is {points(tide.average_precision)} %: the mean "
    text += "over the classes that have objects, at IoU .5 and 101 points of recall, of at most "
    text += "100 detections an image over all classes"
    left_out = int(np.count_nonzero(tide.kinds == NOT_LOOKED_AT))
    return text + (f" ({amount(left_out, 'detection')} left out)." if left_out else ".")


def tide_lead(tide: Tide) -> str | None:
    """The largest losses in a sentence."""
    order = sorted(_SENTENCES, key=lambda kind: -tide.gains[kind])
    first, second = order[:2]
    if not tide.gains[first] > 0:
        return None
    sentence = f"Most is lost to {_SENTENCES[first]}: without them AP would be "
    sentence += f"{points(tide.gains[first])} points higher"
    if tide.gains[second] > 0:
        sentence += f". Next come {_SENTENCES[second]}, {points(tide.gains[second])} points"
    return sentence + "."


_SENTENCES = {
    "Miss": "objects that nothing came near",
    "Loc": "poorly placed boxes of the right class",
    "Cls": "good boxes with the wrong class",
    "Both": "poorly placed boxes of the wrong class",
    "Dupe": "duplicates",
    "Bkg": "detections where nothing is",
}


def reasons(tide: Tide, rows: np.ndarray) -> dict[int, str]:
    """Why each of these detections (rows of the table) is false, in a few words."""
    words = {KINDS.index(kind): text for kind, text in _REASONS.items()}
    pairs = zip(rows.tolist(), tide.kinds[rows].tolist(), strict=True)
    return {row: words[kind] for row, kind in pairs if kind in words}
