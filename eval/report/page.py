"""Write an evaluation as one self-contained HTML page, with its figures as JSON and CSV."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.errors import EvaluationError
from eval.evaluate import Report
from eval.report.content.analysis import Analysis, Caption, Other, analyse
from eval.report.files import class_rows, csv_text, document, write_file
from eval.report.sections.head import head, strip
from eval.report.sections.order import pictures_of, sections

_TEMPLATES = Path(__file__).parent / "templates"


def write_report(
    folder: str | os.PathLike[str],
    report: Report,
    table: DetectionTable,
    dataset: Dataset,
    *,
    images: str | os.PathLike[str] | None = None,
    traces: str | os.PathLike[str] | None = None,
    other: Other | None = None,
    title: str | None = None,
    seed: int = 0,
    date: datetime.date | None = None,
    command: str | None = None,
) -> Path:
    """Write index.html, report.json and classes.csv; the page works offline and on its own.

    Parameters
    ----------
    folder
        Created if it does not exist; existing files of these names are replaced.
    report, table, dataset
        The report of eval.evaluate, its detections, and the ground truth.
    images
        The folder of the images; None for a page without images.
    traces
        objects.jsonl of a proposal pipeline, to show the stages at which objects were lost.
    other
        Report and detections of a second run on the same ground truth, for a comparison.
    title
        Defaults to the names of the two files.
    seed
        The seed of the confidence intervals.
    date, command
        Shown on the page; the date defaults to today.

    Returns
    -------
    The path of index.html.

    Raises
    ------
    EvaluationError
        The folder cannot be written, the traces belong to another data set, or the two runs were
        evaluated under different protocols.
    """
    folder = Path(folder)
    caption = Caption(
        title or f"{table.source} on {dataset.source}", date or datetime.date.today(), command
    )
    analysis = analyse(report, table, dataset, caption, traces=traces, other=other, seed=seed)
    page = render(analysis, images)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_file(folder / "report.json", document(analysis))
        write_file(folder / "classes.csv", csv_text(class_rows(analysis)).encode())
        return write_file(folder / "index.html", page.encode())
    except OSError as error:
        raise EvaluationError(
            f"{os.fspath(folder)}: the report cannot be written ({error.strerror}); choose another "
            "folder"
        ) from error


def render(analysis: Analysis, images: str | os.PathLike[str] | None) -> str:
    """The text of index.html."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    pictures, missing = pictures_of(analysis, images)
    report = analysis.report
    notes = list(dict.fromkeys([*report.notes, *report.quirks, *missing]))
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2").render(
        head=head(analysis, notes),
        strip=strip(report, analysis.bounds),
        sections=sections(analysis, pictures),
        css=Markup((_TEMPLATES / "page.css").read_text(encoding="utf-8")),
        script=Markup((_TEMPLATES / "page.js").read_text(encoding="utf-8")),
    )
