"""Write an evaluation as one self-contained HTML page, with its figures as JSON and CSV."""

from __future__ import annotations

import base64
import datetime
import hashlib
import os
from pathlib import Path

from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.errors import EvaluationError
from eval.protocols.report import Report
from eval.report.content.analysis import Analysis, Caption, Other, analyse
from eval.report.content.gallery import Gallery
from eval.report.content.photographs import PictureStore
from eval.report.files import class_rows, csv_text, document
from eval.report.sections.head import head, strip
from eval.report.sections.order import gallery_of, sections
from eval.report.sections.summary import summary_view
from eval.report.whole_files import write_file

_TEMPLATES = Path(__file__).parent / "templates"
_STYLES = ("page.css", "tables.css", "plots.css", "pictures.css", "narrow.css")
_SCRIPTS = ("classes.js", "scrolling.js", "viewer.js")


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

    The page holds the pictures, the worst first, up to about 16 MB. Those that have no room in it
    are written to a folder `index_pictures` beside it.

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
    store = PictureStore(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        page = render(analysis, gallery_of(analysis, images, store))
        write_file(folder / "report.json", document(analysis))
        write_file(folder / "classes.csv", csv_text(class_rows(analysis)).encode())
        path = write_file(folder / "index.html", page.encode())
        store.remove_others()
        return path
    except OSError as error:
        raise EvaluationError(
            f"{os.fspath(folder)}: the report cannot be written ({error.strerror}); choose another "
            "folder"
        ) from error


def render(analysis: Analysis, gallery: Gallery) -> str:
    """The text of index.html."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    report = analysis.report
    notes = list(dict.fromkeys([*report.notes, *report.quirks, *gallery.notes]))
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    scripts = [(_TEMPLATES / name).read_text(encoding="utf-8") for name in _SCRIPTS]
    styles = [(_TEMPLATES / name).read_text(encoding="utf-8") for name in _STYLES]
    return environment.get_template("page.html.j2").render(
        head=head(analysis, notes),
        summary=summary_view(analysis, gallery),
        strip=strip(report, analysis.bounds),
        sections=sections(analysis, gallery),
        policy=_policy(scripts),
        css=Markup("".join(styles)),
        scripts=[Markup(text) for text in scripts],
    )


def _policy(scripts: list[str]) -> str:
    """The Content-Security-Policy: only these scripts run, and nothing is loaded from elsewhere."""
    hashes = (hashlib.sha256(text.encode()).digest() for text in scripts)
    allowed = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        "img-src data: 'self' file:; base-uri 'none'; form-action 'none'"
    )
