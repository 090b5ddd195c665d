"""The sections of the page in their order; sections without content are left out."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from eval.curves import class_curves
from eval.report.content.analysis import Analysis
from eval.report.content.pictures import groups
from eval.report.content.words import known, sentence
from eval.report.content.worst import at_threshold
from eval.report.sections.classes import classes_view, curves_view
from eval.report.sections.comparison import comparison_view
from eval.report.sections.confusion import confusion_view
from eval.report.sections.head import main_name
from eval.report.sections.losses import losses_view, reasons, tide_lead
from eval.report.sections.methods import methods
from eval.report.sections.scores import scores_view
from eval.report.sections.sizes import sizes_view


class Section(NamedTuple):
    """Anchor and template name, heading, menu entry, first sentence, and content of a section."""

    name: str
    title: str
    short: str
    lead: str | None
    view: dict[str, Any] | None


def sections(analysis: Analysis, pictures: list[dict[str, Any]]) -> list[Section]:
    """The sections that have content."""
    why, matches = analysis.explanation, analysis.matches
    table, names = analysis.table, analysis.dataset.class_names
    curves = class_curves(matches, table, analysis.dataset)
    threshold = why.classes.overall.threshold
    comparison = analysis.comparison
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
            classes_view(why.classes, analysis.average_precisions, main_name(analysis.report)),
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
            "Confusion of classes",
            "Confusion",
            None,
            confusion_view(why.confusion),
        ),
        Section("scores", "Scores", "Scores", None, scores_view(why.calibration, table, matches)),
        Section(
            "pictures",
            "The worst images",
            "Worst images",
            f"Detections with a score of at least {threshold:.3g}, the threshold with the best F1 "
            "of all classes together.",
            {"groups": pictures} if pictures else None,
        ),
        Section(
            "comparison",
            "Comparison with the other run",
            "Comparison",
            sentence(comparison.sentence) if comparison else None,
            comparison_view(analysis) if comparison else None,
        ),
        Section(
            "methods", "How the figures are computed", "Methods", None, {"terms": methods(analysis)}
        ),
    ]
    return [section for section in all_sections if section.view is not None]


def pictures_of(
    analysis: Analysis, folder: str | os.PathLike[str] | None
) -> tuple[list[dict[str, Any]], list[str]]:
    """Groups of images, and a note if no image could be read."""
    threshold = analysis.explanation.classes.overall.threshold
    if folder is None or not known(threshold):
        return [], []
    table, dataset = analysis.table, analysis.dataset
    kept = at_threshold(table, dataset, analysis.matches, threshold)
    why = reasons(analysis.explanation.tide, kept.false)
    pictures = groups(table, dataset, kept, folder, why)
    if pictures or not len(kept.false) + len(kept.missed):
        return pictures, []
    return [], [f"{os.fspath(folder)}: no image could be read, so the page shows none"]
