"""One evaluation of a data set: finished results, or a finished run of the detector."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from detector.class_names import find_classes
from detector.console import FAILED, notify, show
from detector.errors import DetectorError, UsageError
from detector.files.names import printable
from detector.files.whole_files import write_file

if TYPE_CHECKING:
    from detector.evaluation.outputs import Scored
    from detector.evaluation.run import FinishedRun
    from eval import Dataset, Options, Report
    from eval.operating.points import AtScores


@dataclass(frozen=True)
class Outputs:
    """What a user wants to see, and where it goes; None leaves it out."""

    save: Path | None = None  # COCO results
    page: Path | None = None  # the folder of the report
    json: str | None = None  # all figures; "-" is standard output
    csv: str | None = None  # those of the classes
    save_thresholds: Path | None = None  # the score with the best F1 of each class
    threshold: float | None = None  # the lowest score that is kept
    thresholds: tuple[Path, dict[str, float]] | None = None  # those of single classes

    def for_classes(self, class_names: Sequence[str]) -> Outputs:
        """The same with thresholds by the data set's own names; UsageError for unknown ones."""
        if self.thresholds is None:
            return self
        path, scores = self.thresholds
        try:
            found = {find_classes([name], class_names)[0]: one for name, one in scores.items()}
        except DetectorError as error:
            raise UsageError(f"--thresholds: {printable(path)}: {error}") from None
        named = {class_names[label]: score for label, score in found.items()}
        return replace(self, thresholds=(path, named))

    def at_scores(self, report: Report) -> AtScores | None:
        """Precision, recall and counts at the scores that were named."""
        if self.threshold is None and self.thresholds is None:
            return None
        lowest = -math.inf if self.threshold is None else self.threshold
        _, by_class = self.thresholds or (None, {})
        known = {name: score for name, score in by_class.items() if name in report.per_class}
        return report.at(lowest, known)

    def write(self, report: Report) -> str | None:
        """Write the figures into files; what belongs on standard output, None for the table."""
        from detector.evaluation.figures import csv_of, json_of

        at, shown = self.at_scores(report), None
        for place, content in ((self.json, json_of), (self.csv, csv_of)):
            if place == "-":
                shown = content(report, at).rstrip("\n")
            elif place:
                write_file(Path(place), content(report, at).encode())
                notify(f"figures: {printable(place)}")
        if self.csv == "-":  # which holds no notes, unlike the table and JSON
            for note in (*report.notes, *report.quirks):
                notify(note)
        if self.save_thresholds:
            write_file(self.save_thresholds, report.thresholds_yaml().encode())
            notify(f"thresholds: {printable(self.save_thresholds)}")
        return shown


@dataclass(frozen=True)
class Task:
    """One evaluation: its data, its rules, and where the output goes."""

    whole: Dataset
    part: Dataset  # the pictures and classes of `whole` that are evaluated
    protocol: str
    official: bool
    options: Options
    outputs: Outputs
    names: Path | None = None  # what the class numbers of results mean
    skip_unlisted: bool = False

    def score(self, source: Path) -> Scored:
        """Detections of the whole data set, evaluated on its part."""
        from detector.evaluation.outputs import Scored
        from eval import evaluate, read_detections

        table = read_detections(
            source, self.whole, names=self.names, skip_unlisted=self.skip_unlisted
        )
        if self.part is not self.whole:
            table = table.restrict(self.whole, self.part)
        report = evaluate(
            table, self.part, self.protocol, official=self.official, options=self.options
        )
        return Scored(report, table)

    def text(self, report: Report) -> str:
        """The table of a report, with the figures at a score if one was named."""
        at = self.outputs.at_scores(report)
        return "\n\n".join([report.table(), *([at.table()] if at else [])])


def evaluate_files(task: Task, paths: Sequence[Path], data: Path, pictures: Path | None) -> int:
    """Evaluate finished results: one file, or a second in comparison with a first."""
    from detector.evaluation.outputs import page_pictures, save_detections, write_page

    results, outputs = [task.score(path) for path in paths], task.outputs
    titles, other = _titles(paths), None
    if len(results) > 1:
        from detector.evaluation.comparison_table import compared

        text, other = compared(results, task.part, (titles[0], titles[1])), results[0]
    else:
        text = outputs.write(results[0].report) or task.text(results[0].report)
    written = ""
    if outputs.page:
        images = page_pictures(pictures, data, task.part)
        title = f"{' against '.join(reversed(titles))} on {task.part.source}"
        written = write_page(
            outputs.page, results[-1], task.part, title=title, images=images, other=other
        )
    if outputs.save:
        save_detections(outputs.save, results[0].table, task.part)
    _print(text, written)
    return 0


def evaluate_run(task: Task, finished: FinishedRun, images: Path, name: str) -> int:
    """Evaluate what the detector has written."""
    from detector.evaluation.figures import json_of
    from detector.evaluation.object_traces import traces_of_part
    from detector.evaluation.outputs import interval_lines, write_page

    done, outputs = len(task.part) - finished.failed, task.outputs
    if not done:
        notify(f"none of {len(task.part)} pictures could be read; check them and --images")
        return FAILED
    scored = task.score(finished.detections)
    report = replace(scored.report, notes=(*scored.report.notes, *finished.notes))
    scored = scored._replace(report=report)
    figures = json_of(report, outputs.at_scores(report))
    write_file(finished.detections.with_name("report.json"), figures.encode())
    notify(f"detections: {printable(finished.detections)}")
    if outputs.save:
        write_file(outputs.save, finished.detections.read_bytes())
        notify(f"detections: {printable(outputs.save)}")
    written = ""
    if outputs.page:
        # A trace follows the object's own class through the detector.
        objects = None if report.class_agnostic else finished.objects
        traces = objects and traces_of_part(objects, task.whole, task.part)
        written = write_page(
            outputs.page, scored, task.part, title=name, images=images, traces=traces
        )
    text = outputs.write(report)
    if text is None:
        seconds, proposals, regions, _ = (total / done for total in finished.totals)
        closing = [
            *interval_lines(scored, task.part),
            f"{done:,} pictures; per picture {seconds:.2f} s, {proposals:,.0f} proposals, "
            f"{regions:,.0f} of them classified",
        ]
        text = "\n".join([task.text(report), "", *closing])
    _print(text, written)
    return FAILED if finished.failed else 0


def _print(text: str, written: str) -> None:
    """Print the table once all files are written, for `| head` may close standard output."""
    try:
        show(text)
    finally:
        if written:
            notify(written)


def _titles(paths: Sequence[Path]) -> list[str]:
    """Names of results: their file names without suffix if these differ."""
    titles = [printable(path.stem) for path in paths]
    return titles if len(set(titles)) == len(titles) else [printable(path) for path in paths]
