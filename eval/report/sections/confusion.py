"""The section on the confusion of classes."""

from __future__ import annotations

from typing import Any

from eval.report.content.words import count, known, points, width
from eval.why.confusion import Confusion
from eval.wording import amount

# A larger matrix is unreadable, so only the list of pairs is shown.
MOST_CLASSES = 25
_LONGEST_LIST = 15


def confusion_view(confusion: Confusion) -> dict[str, Any] | None:
    """The matrix in % of each row, and the most frequent pairs; None without content."""
    if not confusion.counts.any() or not known(confusion.threshold):
        return None
    pairs = confusion.top[:_LONGEST_LIST]
    return {
        "columns": [*confusion.names, "missed"],
        "matrix": _matrix(confusion) if len(confusion.names) <= MOST_CLASSES else None,
        "pairs": [
            {
                "object": pair.true,
                "taken": pair.predicted,
                "count": count(pair.times),
                "width": width(pair.times, pairs[0].times),
            }
            for pair in pairs
        ],
        "key": _key(confusion),
    }


def _key(confusion: Confusion) -> str:
    text = f"Detections with a score of at least {confusion.threshold:.3g}, the threshold with the "
    text += (
        "best F1 of all classes together; each matches the object of any class that it overlaps "
    )
    text += f"most, with an IoU of at least {confusion.iou_threshold:g}."
    if len(confusion.names) > MOST_CLASSES:
        return text
    rows = "Each row contains the objects of a class, in %; the last row contains the number of "
    return rows + "detections on background. " + text


def _matrix(confusion: Confusion) -> list[dict[str, Any]]:
    classes = len(confusion.names)
    names = [*confusion.names, "background"]
    rows = []
    for row, counts in enumerate(confusion.counts):
        total = int(counts.sum())
        most = max(int(counts.max()), 1)
        cells = []
        for column, number in enumerate(counts.tolist()):
            # Objects are in % of their class; background has no total, so it is in numbers.
            share = number / (total or 1)
            text = _percent(share) if row < classes else count(number)
            shade = share if row < classes else 0.6 * number / most
            words = _words(names, row, column, number, total)
            cells.append(_cell(number, text, shade, row == column, words))
        rows.append({"name": names[row], "edge": row == classes, "cells": cells})
    return rows


def _percent(share: float) -> str:
    return "<1" if 0 < share < 0.005 else points(share, 0)


def _cell(number: int, text: str, shade: float, right: bool, words: str) -> dict[str, Any]:
    if not number:
        return {"text": "", "kind": "", "shade": None, "words": ""}
    kind = "right" if right else "wrong"
    return {"text": text, "kind": kind, "shade": round(max(shade, 0.12), 2), "words": words}


def _words(names: list[str], row: int, column: int, number: int, total: int) -> str:
    last = len(names) - 1
    if row == last:
        return f"{amount(number, 'detection')} of {names[column]} on background"
    fate = "missed" if column == last else f"detected as {names[column]}"
    return f"{number:,} of {amount(total, names[row] + ' object')} {fate}"
