"""The section on the confusion of classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from eval.report.content.analysis import Analysis
from eval.report.content.gallery import Gallery, Link
from eval.report.content.words import count, width
from eval.why.confusion import Confusion
from eval.wording import amount, known

# A larger matrix is unreadable, so only the list of pairs is shown.
MOST_CLASSES = 25
_LONGEST_LIST = 15


def confusion_view(analysis: Analysis, gallery: Gallery) -> dict[str, Any] | None:
    """The matrix in % of each row, and the most frequent pairs; None without content."""
    confusion = analysis.explanation.confusion
    if not confusion.counts.any() or not known(confusion.threshold):
        return None
    pairs, names = confusion.top[:_LONGEST_LIST], confusion.names
    cells = _Cells(analysis, gallery)
    return {
        "columns": [*names, "missed"],
        "matrix": _matrix(confusion, cells) if len(names) <= MOST_CLASSES else None,
        "pairs": [
            {
                "object": pair.true,
                "taken": pair.predicted,
                "count": count(pair.times),
                "width": width(pair.times, pairs[0].times),
                "link": cells.link(names.index(pair.true), names.index(pair.predicted)),
            }
            for pair in pairs
        ],
        "key": _key(confusion),
    }


class _Cells:
    """The pictures behind the cells of the matrix."""

    def __init__(self, analysis: Analysis, gallery: Gallery) -> None:
        confusion, truths = analysis.explanation.confusion, analysis.dataset.all_truths
        self._confusion, self._gallery = confusion, gallery
        background = len(confusion.names)
        self._rows = np.append(truths.labels, background)[confusion.taken]
        self._columns = analysis.table.labels[confusion.rows]
        self._missed = truths.labels[confusion.missed]

    def link(self, row: int, column: int) -> Link | None:
        """The pictures of one cell, with the boxes of its detections and objects."""
        confusion, last = self._confusion, len(self._confusion.names)
        words = describe_cell(confusion, row, column)
        if column == last:
            missed = confusion.missed[self._missed == row]
            return self._gallery.link(words, objects=missed)
        inside = (self._rows == row) & (self._columns == column)
        objects = confusion.taken[inside] if row < last else ()
        return self._gallery.link(words, detections=confusion.rows[inside], objects=objects)


def describe_cell(confusion: Confusion, row: int, column: int) -> str:
    """What a cell counts, as a phrase."""
    names, counts = confusion.names, confusion.counts[row]
    number, last = int(counts[column]), len(names)
    if row == last:
        return f"{amount(number, 'detection')} of {names[column]} on background"
    fate = "missed" if column == last else f"detected as {names[column]}"
    return f"{number:,} of {amount(int(counts.sum()), names[row] + ' object')} {fate}"


def _key(confusion: Confusion) -> str:
    matching = (
        f"Detections with a score of at least {confusion.threshold:.3g}, the threshold with the "
        "best F1 of all classes together; each matches the object of any class that it overlaps "
        f"most, with an IoU of at least {confusion.iou_threshold:g}."
    )
    if len(confusion.names) > MOST_CLASSES:
        return matching
    return (
        "Each row contains the objects of a class, in %; the last row contains the number of "
        f"detections on background. {matching}"
    )


def _matrix(confusion: Confusion, links: _Cells) -> list[dict[str, Any]]:
    classes = len(confusion.names)
    names = [*confusion.names, "background"]
    rows = []
    for row, counts in enumerate(confusion.counts):
        total = int(counts.sum())
        most = max(int(counts.max()), 1)
        cells: list[dict[str, Any]] = []
        for column, number in enumerate(counts.tolist()):
            if not number:
                cells.append({"text": "", "kind": "", "shade": None, "words": "", "link": None})
                continue
            # Objects are in % of their class; background has no total, so it is in numbers.
            share = number / (total or 1)
            text = _percent(share) if row < classes else count(number)
            shade = share if row < classes else 0.6 * number / most
            kind = "right" if row == column else "wrong"
            cells.append(
                {
                    "text": text,
                    "kind": kind,
                    "shade": round(max(shade, 0.12), 2),
                    "words": describe_cell(confusion, row, column),
                    "link": links.link(row, column),
                }
            )
        rows.append({"name": names[row], "edge": row == classes, "cells": cells})
    return rows


def _percent(share: float) -> str:
    return "<1" if 0 < share < 0.005 else f"{100 * share:.0f}"
