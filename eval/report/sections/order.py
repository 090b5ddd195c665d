"""The sections of the page in their order; one without anything to show is left out."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from eval.curves import class_curves
from eval.report.content.findings import Findings
from eval.report.content.pictures import groups
from eval.report.content.words import known, sentence
from eval.report.content.worst import at_working_point
from eval.report.sections.classes import classes_view, curves_view
from eval.report.sections.comparison import comparison_view
from eval.report.sections.confusion import confusion_view
from eval.report.sections.head import main_name
from eval.report.sections.losses import losses_view, reasons, tide_lead
from eval.report.sections.methods import methods
from eval.report.sections.scores import scores_view
from eval.report.sections.sizes import sizes_view


class Section(NamedTuple):
    """A section's anchor and template, heading, entry in the list of sections, and content."""

    name: str
    title: str
    short: str
    lead: str | None
    view: dict[str, Any] | None


def sections(findings: Findings, pictures: list[dict[str, Any]]) -> list[Section]:
    """All that have something to show."""
    why, matches = findings.explanation, findings.matches
    table, names = findings.table, findings.dataset.class_names
    curves = class_curves(matches, table, findings.dataset)
    threshold = why.classes.overall.threshold
    comparison = findings.comparison
    all_sections = [
        Section(
            "losses",
            "Where average precision is lost",
            "Losses",
            tide_lead(why.tide),
            losses_view(why.tide, why.misses) if matches.counted.any() else None,
        ),
        Section(
            "classes",
            "Class by class",
            "Classes",
            None,
            classes_view(why.classes, findings.average_precisions, main_name(findings.report)),
        ),
        Section(
            "curves",
            "Precision and recall",
            "Curves",
            None,
            curves_view(curves, names, why.classes.average_precisions),
        ),
        Section(
            "sizes",
            "By size and shape",
            "Size and shape",
            None,
            sizes_view((why.coco_sizes, why.sizes, why.shapes)),
        ),
        Section(
            "confusion",
            "What was taken for what",
            "Confusion",
            None,
            confusion_view(why.confusion),
        ),
        Section("scores", "Scores", "Scores", None, scores_view(why.calibration, table, matches)),
        Section(
            "pictures",
            "The worst images",
            "Worst images",
            f"Detections from a score of {threshold:.3g} on, the best F1 of all classes together.",
            {"groups": pictures} if pictures else None,
        ),
        Section(
            "comparison",
            "Against the other run",
            "Comparison",
            sentence(comparison.sentence) if comparison else None,
            comparison_view(findings) if comparison else None,
        ),
        Section(
            "methods", "How the figures are made", "Methods", None, {"terms": methods(findings)}
        ),
    ]
    return [section for section in all_sections if section.view is not None]


def pictures_of(
    findings: Findings, folder: str | os.PathLike[str] | None
) -> tuple[list[dict[str, Any]], list[str]]:
    """Groups of pictures, and a sentence if there should be some but are not."""
    threshold = findings.explanation.classes.overall.threshold
    if folder is None or not known(threshold):
        return [], []
    table, dataset = findings.table, findings.dataset
    working = at_working_point(table, dataset, findings.matches, threshold)
    why = reasons(findings.explanation.tide, working.false)
    pictures = groups(table, dataset, working, folder, why)
    if pictures or not len(working.false) + len(working.missed):
        return pictures, []
    return [], ["none of the photographs could be read in the folder given: no pictures below"]
