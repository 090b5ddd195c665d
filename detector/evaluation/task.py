"""One evaluation of a data set: finished results, or a finished run of the detector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from detector.console import FAILED, notify, show
from detector.files.names import printable
from detector.files.whole_files import write_file

if TYPE_CHECKING:
    from detector.evaluation.outputs import Scored
    from detector.evaluation.run import FinishedRun
    from eval import Dataset


@dataclass(frozen=True)
class Task:
    """One evaluation: its data, its protocol, and where the output goes."""

    whole: Dataset
    part: Dataset  # the pictures and classes of `whole` that are evaluated
    protocol: str
    official: bool
    save: Path | None  # of COCO results
    page: Path | None  # folder of the report
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
        return Scored(evaluate(table, self.part, self.protocol, official=self.official), table)


def evaluate_files(task: Task, paths: Sequence[Path], data: Path, pictures: Path | None) -> int:
    """Evaluate finished results: one file, or a second in comparison with a first."""
    from detector.evaluation.outputs import page_pictures, save_detections, write_page

    results = [task.score(path) for path in paths]
    titles = _titles(paths)
    text, other = results[0].report.table(), None
    if len(results) > 1:
        from detector.evaluation.comparison_table import compared

        text, other = compared(results, task.part, (titles[0], titles[1])), results[0]
    written = ""
    if task.page:
        images = page_pictures(pictures, data, task.part)
        title = f"{' against '.join(reversed(titles))} on {task.part.source}"
        written = write_page(
            task.page, results[-1], task.part, title=title, images=images, other=other
        )
    if task.save:
        save_detections(task.save, results[0].table, task.part)
    _print(text, written)
    return 0


def evaluate_run(task: Task, finished: FinishedRun, images: Path, name: str) -> int:
    """Evaluate what the detector has written."""
    from detector.evaluation.object_traces import traces_of_part
    from detector.evaluation.outputs import interval_lines, save_figures, write_page

    done = len(task.part) - finished.failed
    if not done:
        notify(f"none of {len(task.part)} pictures could be read; check them and --images")
        return FAILED
    scored = task.score(finished.detections)
    report = replace(scored.report, notes=(*scored.report.notes, *finished.notes))
    scored = scored._replace(report=report)
    save_figures(finished.detections.with_name("report.json"), report)
    notify(f"detections: {printable(finished.detections)}")
    if task.save:
        write_file(task.save, finished.detections.read_bytes())
        notify(f"detections: {printable(task.save)}")
    written = ""
    if task.page:
        traces = finished.objects and traces_of_part(finished.objects, task.whole, task.part)
        written = write_page(task.page, scored, task.part, title=name, images=images, traces=traces)
    seconds, proposals, regions, _ = (total / done for total in finished.totals)
    closing = [
        *interval_lines(scored, task.part),
        f"{done:,} pictures; per picture {seconds:.2f} s, {proposals:,.0f} proposals, "
        f"{regions:,.0f} of them classified",
    ]
    _print("\n".join([report.table(), "", *closing]), written)
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
