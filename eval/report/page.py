"""An evaluation as one self-contained HTML page, with its figures as JSON and CSV."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.errors import EvaluationError
from eval.evaluate import Report
from eval.report.content.findings import Findings, Other, find_out
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
    """Write index.html, report.json and classes.csv; the page needs no network and no other file.

    Parameters
    ----------
    folder
        Made where it does not exist; files of these names in it are replaced.
    report, table, dataset
        What eval.evaluate said of these detections on this ground truth.
    images
        Folder of the photographs; None for a page without pictures.
    traces
        objects.jsonl of a proposal pipeline, for the stages at which objects were lost.
    other
        Report and detections of a second run on the same ground truth, with which the first is
        compared.
    title
        Otherwise the names of the two files.
    seed
        Of the confidence intervals.
    date, command
        Shown on the page; today, and nothing.

    Returns
    -------
    Path of index.html.

    Raises
    ------
    EvaluationError
        The folder cannot be written, the traces are not of this data set, or the two runs were
        not judged under one protocol.
    """
    folder = Path(folder)
    findings = find_out(
        report,
        table,
        dataset,
        traces=traces,
        other=other,
        title=title,
        seed=seed,
        date=date,
        command=command,
    )
    page = render(findings, images)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_file(folder / "report.json", document(findings))
        write_file(folder / "classes.csv", csv_text(class_rows(findings)).encode())
        return write_file(folder / "index.html", page.encode())
    except OSError as error:
        raise EvaluationError(
            f"{os.fspath(folder)}: the report cannot be written ({error.strerror}); choose another "
            "folder"
        ) from error


def render(findings: Findings, images: str | os.PathLike[str] | None) -> str:
    """The text of index.html."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    pictures, missing = pictures_of(findings, images)
    report = findings.report
    notes = list(dict.fromkeys([*report.notes, *report.quirks, *missing]))
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2").render(
        head=head(findings, notes),
        strip=strip(report, findings.bounds),
        sections=sections(findings, pictures),
        css=Markup((_TEMPLATES / "page.css").read_text(encoding="utf-8")),
        script=Markup((_TEMPLATES / "page.js").read_text(encoding="utf-8")),
    )
