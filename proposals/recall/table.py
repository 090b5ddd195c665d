"""A RecallReport as aligned text."""

from __future__ import annotations

import math
from collections.abc import Sequence

from proposals.recall.report import SHOWN, SIZES, RecallReport

HEADS = (*(f"recall@{iou:g}".replace("0.", ".") for iou in SHOWN), "AR")

MEAN = "mean of classes (MABO)"


def recall_table(report: RecallReport) -> str:
    """Three tables under one another: by number of boxes, by size, by class."""
    sizes = [(name, report.of_size(name)) for name in SIZES]
    classes = [(name, report.of_class(name)) for name in report.class_names]
    first = [(f"first {cut}", _recalls(report, cut)) for cut in report.cuts()]
    first.append(("all boxes", _recalls(report, None)))
    names = [name for name, _ in [*first, *sizes, *classes]]
    width = max(len(name) for name in [*names, MEAN])
    heads = ("objects", *HEADS, "ABO")
    lines = [
        f"{report.images} images, {report.objects} objects, "
        f"{report.mean_boxes():.0f} boxes per image",
        "",
        _line("", width, ("", *HEADS)),
        *(_line(name, width, ("", *map(_figure, figures))) for name, figures in first),
        "",
        _line("size", width, heads),
        *(_part_line(name, width, part) for name, part in sizes),
        "",
        _line("class", width, heads),
        *(_part_line(name, width, part) for name, part in classes),
        _part_line("all objects", width, report),
        _line(MEAN, width, (*[""] * (len(heads) - 1), _figure(report.mabo))),
    ]
    return "\n".join(line.rstrip() for line in lines)


def _recalls(report: RecallReport, first: int | None) -> list[float]:
    return [*(report.recall(iou, first) for iou in SHOWN), report.average_recall(first)]


def _part_line(name: str, width: int, part: RecallReport) -> str:
    figures = [*_recalls(part, None), part.average_best_overlap]
    return _line(name, width, (str(part.objects), *map(_figure, figures)))


def _line(name: str, width: int, cells: Sequence[str]) -> str:
    return f"{name:<{width}}" + "".join(f"{cell:>11}" for cell in cells)


def _figure(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"
