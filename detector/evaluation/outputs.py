"""The files of `detect evaluate`: detections as COCO results, figures as JSON, and the report."""

from __future__ import annotations

import math
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from detector.console import notify
from detector.errors import DetectorError
from detector.files.names import printable
from detector.files.whole_files import write_file
from detector.pictures.dataset_folder import find_image_folder, pictures_missing

if TYPE_CHECKING:
    from eval import Dataset, Report
    from eval.detections import DetectionTable


class Scored(NamedTuple):
    """Detections with their figures."""

    report: Report
    table: DetectionTable


def save_detections(path: Path, table: DetectionTable, part: Dataset) -> None:
    """Write detections of any format as COCO results, under the ids of the ground truth."""
    import orjson

    columns = (table.images, table.labels, table.boxes_xywh, table.scores)
    rows = [
        {
            "image_id": part.images[image].id,
            "category_id": part.category_ids[label],
            "bbox": box,
            "score": score,
        }
        for image, label, box, score in zip(*(c.tolist() for c in columns), strict=True)
    ]
    write_file(path, orjson.dumps(rows) + b"\n")
    notify(f"detections: {printable(path)}")


def interval_lines(scored: Scored, part: Dataset) -> list[str]:
    """The line with the main figure and its 95 % interval; none if there is no interval."""
    from eval.evaluate import all_matches, evaluated
    from eval.why.intervals import intervals
    from eval.wording import fraction, interval

    report = scored.report
    table, part = evaluated(report, scored.table, part)
    mean = intervals(table, part, all_matches(report, table, part)).mean
    if math.isnan(mean.low):
        return []
    name = next(iter(report.stats))
    return [f"{name} {fraction(report.map)} (95 % interval {interval(mean.low, mean.high)})"]


def page_pictures(given: Path | None, data: Path, part: Dataset) -> Path | None:
    """The folder of the pictures that a report shows; None if it shows no pictures."""
    if given:
        if pictures_missing(given, part):
            notify(f"{printable(given)} holds none of {len(part)} pictures: the report shows none")
        return given
    try:
        return find_image_folder(data, part)
    except DetectorError:
        return None


def write_page(
    folder: Path,
    scored: Scored,
    part: Dataset,
    *,
    title: str,
    images: Path | None,
    traces: Path | None = None,
    other: Scored | None = None,
) -> str:
    """Write the report's page; returns the message that names it.

    Parameters
    ----------
    images
        Folder of the pictures; None if the report shows no pictures.
    traces
        An objects.jsonl, which explains missed objects.
    other
        Detections to compare with.
    """
    from eval.report import write_report

    started, command = time.perf_counter(), shlex.join(["detect", *sys.argv[1:]])
    page = write_report(
        folder,
        scored.report,
        scored.table,
        part,
        images=images,
        traces=traces,
        other=other,
        title=title,
        command=command,
    )
    return f"report: {printable(page)} ({time.perf_counter() - started:.1f} s)"
