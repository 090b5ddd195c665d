"""The section on what objects were taken for."""

from __future__ import annotations

from typing import Any

from eval.report.content.words import amount, count, known, points, width
from eval.why.confusion import Confusion

# A larger matrix is not read but searched: the list of pairs is left.
MOST_CLASSES = 25
_LONGEST_LIST = 15


def confusion_view(confusion: Confusion) -> dict[str, Any] | None:
    """The matrix in % of each row, and the pairs most often confused; None without content."""
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
    text = f"Detections from a score of {confusion.threshold:.3g} on, the best F1 of all classes "
    text += "together; each takes the object it overlaps most, of whatever class, by "
    text += f"{confusion.iou_threshold:g} or more."
    if len(confusion.names) > MOST_CLASSES:
        return text
    rows = "Rows are the objects of a class, in % of them; the last row is detections where "
    return rows + "nothing is, in numbers. " + text


def _matrix(confusion: Confusion) -> list[dict[str, Any]]:
    classes = len(confusion.names)
    names = [*confusion.names, "background"]
    rows = []
    for row, counts in enumerate(confusion.counts):
        total = int(counts.sum())
        most = max(int(counts.max()), 1)
        cells = []
        for column, number in enumerate(counts.tolist()):
            # Objects in % of their class; background, which has no whole, in numbers.
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
        return f"{amount(number, 'detection')} of {names[column]} where nothing is"
    fate = "missed" if column == last else f"taken for {names[column]}"
    return f"{number:,} of {amount(total, names[row] + ' object')} {fate}"
