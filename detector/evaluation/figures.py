"""The figures of an evaluation for programs: JSON, and a table of the classes as CSV."""

from __future__ import annotations

import csv
import io
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eval import Report
    from eval.operating.points import AtScores, Counted


def json_of(report: Report, at: AtScores | None = None) -> str:
    """All figures with all digits; what is unknown is null.

    `at` are the figures at the scores that were named.
    """
    import orjson

    table, dataset = report.detections, report.dataset
    content = {
        "protocol": report.protocol,
        "title": report.title,
        "official": report.official,
        "ground_truth": None if dataset is None else dataset.source,
        "detections": None if table is None else table.source,
        "rules": _rules(report),
        "map": report.map,
        "stats": report.stats,
        "per_class": report.per_class,
        "class_stats": report.class_stats,
        "at_scores": at and _at(at),
        "notes": list(report.notes),
        "quirks": list(report.quirks),
    }
    return orjson.dumps(_known(content), option=orjson.OPT_INDENT_2).decode() + "\n"


def csv_of(report: Report, at: AtScores | None = None) -> str:
    """One row per class in the data set's order; what is unknown is empty."""
    dataset = report.dataset
    ids = dataset.category_ids if dataset else ()
    rows = [
        {"class": name, "category_id": identity, **report.class_stats[name]}
        | (_counted(at.thresholds[name], at.classes[name]) if at else {})
        for name, identity in zip(report.class_stats, ids, strict=True)
    ]
    file = io.StringIO()
    if rows:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(_known(row) for row in rows)
    return file.getvalue()


def _rules(report: Report) -> dict[str, Any]:
    """The thresholds, limits and areas in force."""
    rules: dict[str, Any] = {"class_agnostic": report.class_agnostic}
    if report.coco is None:
        return {"iou_thresholds": [report.matches.iou_threshold] if report.matches else [], **rules}
    options = report.coco.options
    return {
        "iou_thresholds": options.iou_thresholds.tolist(),
        "max_detections": options.max_detections,
        "areas": options.areas,
        **rules,
    }


def _at(at: AtScores) -> dict[str, Any]:
    classes = {name: _counted(at.thresholds[name], one) for name, one in at.classes.items()}
    common = set(at.thresholds.values())
    threshold = common.pop() if len(common) == 1 else math.nan
    overall = _counted(threshold, at.overall)
    return {"iou": at.iou_threshold, "overall": overall, "classes": classes}


def _counted(threshold: float, one: Counted) -> dict[str, Any]:
    return {
        "threshold": threshold,
        "precision": one.precision,
        "recall": one.recall,
        "f1": one.f1,
        **one._asdict(),
    }


def _known(value: Any) -> Any:
    """The same with None for NaN and infinities."""
    if isinstance(value, dict):
        return {key: _known(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_known(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
