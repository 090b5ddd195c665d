"""`detect evaluate`: run the detector over a data set, or take results, and measure mAP."""

from __future__ import annotations

import math
import shlex
import sys
import time
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detector.cli import FAILED, say
from detector.errors import DetectorError
from detector.files.whole_files import check_writable, write_file
from detector.pictures.finding import printable

if TYPE_CHECKING:
    from detector.evaluation.run import FinishedRun
    from eval import Dataset, Report
    from eval.detections import DetectionTable

OF_A_RUN = {  # option -> its name in `arguments`
    **{name: name for name in ("output", "restart", "recipe", "weights", "device", "proposals")},
    "set": "settings",
}


def evaluate(arguments: Namespace) -> int:
    """`detect evaluate`: the table on standard output, all else on standard error."""
    from eval import read_dataset

    _check(arguments)
    whole = read_dataset(arguments.data, **_reader_options(arguments))
    part = whole
    if arguments.limit:
        part = part.subset(range(min(arguments.limit, len(part))))
    if arguments.classes:
        part = part.with_classes(arguments.classes)
    if arguments.detections:
        return _judge_files(arguments, whole, part)
    from detector.evaluation.run import run_detector

    return _judge_run(arguments, whole, part, run_detector(arguments, whole, part))


def _check(arguments: Namespace) -> None:
    """Options that do not go together, and a --save that could not be written in the end."""
    if arguments.save:
        check_writable(arguments.save, "--save")
    if not arguments.detections:
        return
    for option, name in OF_A_RUN.items():
        if getattr(arguments, name):
            raise DetectorError(
                f"--{option} is for running the detector; leave it out with --detections"
            )
    if len(arguments.detections) > 2:
        raise DetectorError(
            f"--detections is given {len(arguments.detections)} times; give one file, or two to "
            "compare"
        )
    if arguments.save and len(arguments.detections) > 1:
        raise DetectorError("--save writes one file's detections; give --detections once")


def _reader_options(arguments: Namespace) -> dict[str, str]:
    if arguments.split and arguments.data.name.lower().endswith((".json", ".json.gz")):
        raise DetectorError(
            f"--split {arguments.split}: {printable(arguments.data)} is one file without parts; "
            "leave it out"
        )
    return {"split": arguments.split} if arguments.split else {}


def _judge_files(arguments: Namespace, whole: Dataset, part: Dataset) -> int:
    """Finished results: one file, or a second compared with a first."""
    tables = [_read(path, whole, part) for path in arguments.detections]
    reports = [_judge(arguments, table, part) for table in tables]
    names = _names(arguments.detections)
    text = reports[0].table()
    if len(reports) > 1:
        from detector.evaluation.comparison_table import compared

        text = compared(list(zip(reports, tables, strict=True)), part, (names[0], names[1]))
    written = ""
    if arguments.report:
        # The second file is what the report is about: the first is what it is held against.
        other = (reports[0], tables[0]) if len(reports) > 1 else None
        images = _images_if_there(arguments.images, arguments.data, part)
        title = " against ".join(reversed(names)) + f" on {part.source}"
        written = _write_report(
            arguments, reports[-1], tables[-1], part, images, None, other, title
        )
    if arguments.save:
        _save(arguments.save, tables[0], part)
    _print(text, written)
    return 0


def _save(path: Path, table: DetectionTable, part: Dataset) -> None:
    """Detections of any format as COCO results, under the ids of the ground truth."""
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
    say(f"detections: {printable(path)}")


def _judge_run(arguments: Namespace, whole: Dataset, part: Dataset, run: FinishedRun) -> int:
    """What the detector found, read back from disk."""
    import orjson

    from detector.evaluation.object_traces import traces_of_part

    if run.failed == len(part):
        say(f"none of {len(part)} pictures could be read: there is nothing to judge")
        return FAILED
    table = _read(run.detections, whole, part)
    report = _judge(arguments, table, part)
    report = replace(report, notes=(*report.notes, *run.notes))
    content = orjson.dumps(_figures(report), option=orjson.OPT_INDENT_2) + b"\n"
    write_file(run.detections.with_name("report.json"), content)
    say(f"detections: {printable(run.detections)}")
    if arguments.save:
        write_file(arguments.save, run.detections.read_bytes())
        say(f"detections: {printable(arguments.save)}")
    written = ""
    if arguments.report:
        traces = run.objects and traces_of_part(run.objects, whole, part)
        written = _write_report(arguments, report, table, part, run.images, traces, None, run.name)
    closing = [*_interval(report, table, part), _per_picture(run, len(part) - run.failed)]
    _print("\n".join([report.table(), "", *closing]), written)
    return FAILED if run.failed else 0


def _interval(report: Report, table: DetectionTable, part: Dataset) -> list[str]:
    """How far chance moves the figure, where the protocol has one overlap to match by."""
    from eval.why.bootstrap import bootstrap

    if report.protocol == "coco" or report.matches is None or math.isnan(report.map):
        return []
    mean = bootstrap(table, part, report.matches).mean
    spread = f"{mean.low:.3f} to {mean.high:.3f} (95 %)"
    return [f"mAP {report.map:.3f}; other pictures of the kind: {spread}"]


def _per_picture(run: FinishedRun, done: int) -> str:
    seconds, proposals, regions, _ = (total / max(1, done) for total in run.totals)
    boxes = f", {proposals:,.0f} proposals, {regions:,.0f} of them classified"
    # Runs begun with an older version did not count boxes
    return f"{done:,} pictures; per picture {seconds:.2f} s" + (boxes if proposals else "")


def _print(text: str, written: str) -> None:
    """The table, once all files are written: `| head` may close standard output on it."""
    try:
        print(text, flush=True)
    finally:
        if written:
            say(written)


def _read(source: Path, whole: Dataset, part: Dataset) -> DetectionTable:
    """Detections of the whole data set, of which only those on the part are kept."""
    from eval.reading import read_detections

    table = read_detections(source, whole)
    return table if part is whole else table.restrict(whole, part)


def _judge(arguments: Namespace, table: DetectionTable, part: Dataset) -> Report:
    from eval import evaluate as judge

    return judge(table, part, arguments.protocol, official=arguments.official)


def _names(paths: list[Path]) -> list[str]:
    """What the results are called: their file names without suffix, where those differ."""
    names = [printable(path.stem) for path in paths]
    return names if len(set(names)) == len(names) else [printable(path) for path in paths]


def _figures(report: Report) -> dict[str, Any]:
    """The report as JSON has it; null where no object counts."""

    def plain(figures: dict[str, float]) -> dict[str, float | None]:
        return {name: None if math.isnan(value) else value for name, value in figures.items()}

    return {
        "protocol": report.protocol,
        "official": report.official,
        "stats": plain(report.stats),
        "per_class": plain(report.per_class),
        "notes": list(report.notes),
        "quirks": list(report.quirks),
    }


def _images_if_there(given: Path | None, data: Path, part: Dataset) -> Path | None:
    """The folder for the report's pictures; it can do without."""
    from detector.pictures.dataset_folder import find_image_folder, pictures_missing

    if given:
        if pictures_missing(given, part):
            say(
                f"none of {len(part)} pictures is in {printable(given)}: the report has no pictures"
            )
        return given
    try:
        return find_image_folder(data, part)
    except DetectorError:
        return None


def _write_report(
    arguments: Namespace,
    report: Report,
    table: DetectionTable,
    part: Dataset,
    images: Path | None,
    traces: Path | None,
    other: tuple[Report, DetectionTable] | None,
    title: str,
) -> str:
    """Write the page; the message that says so."""
    from eval.report import write_report

    started, command = time.perf_counter(), shlex.join(["detect", *sys.argv[1:]])
    page = write_report(
        arguments.report,
        report,
        table,
        part,
        images=images,
        traces=traces,
        other=other,
        title=title,
        command=command,
    )
    return f"report: {printable(page)} ({time.perf_counter() - started:.1f} s)"
