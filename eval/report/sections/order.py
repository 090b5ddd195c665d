"""The sections of the page in their order; sections without content are left out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

from eval.curves import class_curves
from eval.report.content.analysis import Analysis
from eval.report.content.error_words import reasons
from eval.report.content.gallery import Gallery
from eval.report.content.photographs import PictureStore
from eval.report.content.picture_groups import make_gallery
from eval.report.content.words import sentence
from eval.report.sections.classes import classes_view
from eval.report.sections.comparison import comparison_view
from eval.report.sections.confusion import confusion_view
from eval.report.sections.curves import curves_view
from eval.report.sections.head import main_name
from eval.report.sections.losses import losses_view, tide_lead
from eval.report.sections.methods import methods
from eval.report.sections.scores import scores_view
from eval.report.sections.sizes import sizes_view
from eval.wording import known

# A group with more pictures than this folds the others away.
_SHOWN = 48


class Section(NamedTuple):
    """Anchor and template name, heading, menu entry, first sentence, and content of a section."""

    name: str
    title: str
    short: str
    lead: str | None
    view: dict[str, Any] | None


def sections(analysis: Analysis, gallery: Gallery) -> list[Section]:
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
            losses_view(analysis, gallery) if matches.counted.any() else None,
        ),
        Section(
            "classes",
            "Class by class",
            "Classes",
            None,
            classes_view(analysis, gallery, main_name(analysis.report)),
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
            confusion_view(analysis, gallery),
        ),
        Section("scores", "Scores", "Scores", None, scores_view(why.calibration, table, matches)),
        Section(
            "pictures",
            "All images, the worst first",
            "Images",
            f"Detections with a score of at least {threshold:.3g}, the threshold with the best F1 "
            "of all classes together.",
            {"groups": gallery.groups, "shown": _SHOWN} if gallery.groups else None,
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


def gallery_of(
    analysis: Analysis, folder: str | os.PathLike[str] | None, store: PictureStore
) -> Gallery:
    """The pictures of the run; none without a folder or an operating point."""
    point = analysis.point
    if folder is None or not known(point.threshold):
        return Gallery()
    return make_gallery(
        analysis.table, analysis.dataset, point, reasons(point), Path(folder), store.address
    )
