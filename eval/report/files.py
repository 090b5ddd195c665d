"""The files beside the page: all figures as JSON, the classes as CSV."""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np

from eval.report.content.analysis import Analysis
from eval.why.plain import plain
from eval.wording import known


def document(analysis: Analysis) -> bytes:
    """The content of report.json: fractions 0..1, null where no object counts."""
    import orjson

    report, table, dataset = analysis.report, analysis.table, analysis.dataset
    facts = {
        "title": analysis.caption.title,
        "date": analysis.caption.date.isoformat(),
        "command": analysis.caption.command,
        "detections": {"source": table.source, "count": len(table)},
        "ground_truth": {
            "source": dataset.source,
            "images": len(dataset),
            "objects": len(dataset.all_truths),
            "classes": len(dataset.class_names),
        },
        "report": {
            "protocol": report.protocol,
            "official": report.official,
            "map": plain(report.map),
            "stats": plain(report.stats),
            "title": report.title,
            "per_class": plain(report.per_class),
            "class_stats": plain(report.class_stats),
            "notes": list(report.notes),
            "quirks": list(report.quirks),
        },
        "explanation": analysis.explanation.to_dict(),
        "operating_point": analysis.point.to_dict(),
        "comparison": analysis.comparison.to_dict() if analysis.comparison else None,
    }
    return orjson.dumps(plain(facts), option=orjson.OPT_INDENT_2) + b"\n"


def class_rows(analysis: Analysis) -> list[dict[str, Any]]:
    """One row per class in the data set's order; fractions 0..1."""
    dataset, comparison = analysis.dataset, analysis.comparison
    classes, drawn = analysis.explanation.classes, analysis.explanation.intervals
    point = analysis.point
    further = {name: one for name, one in analysis.class_figures.items() if name != "AP"}
    columns: dict[str, Any] = {
        "class": dataset.class_names,
        "category_id": dataset.category_ids,
        "ap": analysis.average_precisions,
        **{name.lower().replace(" ", "_"): figures for name, figures in further.items()},
        "objects": classes.objects,
        "detections": classes.detections,
        "true": classes.true,
        "false": classes.false,
        "found": classes.recalls,
        "best_f1": classes.f1,
        "best_f1_score": classes.thresholds,
        "best_f1_precision": classes.f1_precisions,
        "best_f1_recall": classes.f1_recalls,
        "point_found": point.class_found,
        "point_missed": point.class_missed,
        "point_false": point.class_false,
    }
    if drawn is not None:
        columns |= {"ap_low": drawn.lows, "ap_high": drawn.highs}
    if comparison is not None:
        columns |= {
            "other_ap": analysis.other_average_precisions,
            "difference": comparison.values,
            "difference_low": comparison.lows,
            "difference_high": comparison.highs,
        }
    return [
        {name: values[label] for name, values in columns.items()}
        for label in range(len(dataset.class_names))
    ]


def csv_text(rows: list[dict[str, Any]]) -> str:
    """Comma-separated values with a header; unknown figures are empty."""
    file = io.StringIO()
    if rows:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return file.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, (float, np.floating)):
        return repr(float(value)) if known(float(value)) else ""
    return value
