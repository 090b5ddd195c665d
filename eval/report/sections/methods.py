"""The section on how every figure of the page is computed."""

from __future__ import annotations

from importlib import metadata

from eval.protocols.report import Report
from eval.report.content.analysis import Analysis
from eval.why.intervals import FEWEST_IMAGES
from eval.wording import amount

_MATCHING = {
    "voc": "Difficult, ignored and crowd objects do not count, and their detections are ignored. A "
    "second detection of an object is false.",
    "coco": "Crowds do not count, and their detections are ignored. In each image, each class "
    "keeps its {limit} detections with the highest scores. A second detection of an object is "
    "false.",
    "lvis": "Each image keeps its {limit} detections with the highest scores, of all classes "
    "together. Of these, detections of classes that are neither annotated in the image nor listed "
    "as absent are ignored, and so are unmatched ones of classes that are not annotated "
    "exhaustively there.",
    "ilsvrc": "Excluded pairs of image and class are not evaluated. A second detection of an "
    "object is false unless it matches another one.",
    "open_images": "Detections of classes that are not among the verified labels of their image "
    "are ignored, and so are further detections inside a group. A second detection of another "
    "object is false. Kinds of error and confusion leave groups out.",
    "open_images_v2": "Groups do not count, and detections inside them are ignored. A second "
    "detection of another object is false.",
}
_FIXED = (
    (
        "Kinds of error",
        "TIDE (Bolya et al., ECCV 2020), as in its authors' tool: each false detection has one "
        "kind, and the gain of a kind is the AP added if all its errors, and no others, are "
        "repaired. A poorly placed box has an IoU of 0.1 to 0.5, background an IoU below 0.1 with "
        "every object. Unlike in the tool, AP is the mean over the classes with objects.",
    ),
    (
        "Best F1",
        "The largest 2 × true / (detections + objects) over all score thresholds, for one class or "
        "for all classes together; only detections at or above the threshold are included.",
    ),
    (
        "Curves",
        "The best precision at each recall or a higher one, at IoU {iou}. The mean of the classes "
        "is computed at 101 levels of recall.",
    ),
    (
        "Size and shape",
        "The side is the square root of the annotated area. The data set's own sizes are divided "
        "at the 10, 30, 70 and 90 % quantiles of its objects. In each row, only objects and false "
        "detections of that size count. Matching is not repeated, so that COCO's APs, APm and APl "
        "can differ slightly.",
    ),
    (
        "Confusion",
        "The highest score first, each detection matches the free object of any class that it "
        "overlaps most, with an IoU of at least 0.5. Without a match it counts as background.",
    ),
    (
        "Scores",
        "The share of true detections in 20 equal steps of the score, with Wilson's 95 % interval.",
    ),
)


def methods(analysis: Analysis) -> list[tuple[str, str]]:
    """Term and explanation, in the order of the page."""
    report, explanation = analysis.report, analysis.explanation
    protocol = report.title
    protocol += (
        "; with the quirks of the official program."
        if report.official
        else "; without the quirks of the official program."
    )
    terms = [("Protocol", protocol)]
    family = "voc" if report.protocol == "voc2007" else report.protocol
    if family in _MATCHING:
        limit = report.coco.options.max_detections[-1] if report.coco else 0
        terms.append(("True and false", _MATCHING[family].format(limit=f"{limit:,}")))
    terms += [("Options", text) for text in _options(report)]
    drawn = explanation.intervals
    if drawn is not None:
        terms.append(
            (
                "95 % intervals",
                "They hold the figure that many images of the same kind would give. Fewer images "
                "flatter a detector, which is why a figure lies in the upper part of its "
                f"interval. The spread is that of {drawn.draws:,} random halves of the images "
                f"(seed {drawn.seed}). A class needs objects in at least {FEWEST_IMAGES} images. "
                "Another training would add to the spread.",
            )
        )
    iou = f"{analysis.matches.iou_threshold:g}"
    terms += [(term, text.format(iou=iou)) for term, text in _FIXED]
    if explanation.misses is not None:
        terms.append(
            (
                "How far each object got",
                "From the detector's record of every object: the IoU of its best proposal, and the "
                "highest score of its class nearby before non-maximum suppression.",
            )
        )
    if analysis.comparison is not None:
        terms.append(
            (
                "Comparison",
                "Both runs are evaluated on the same halves of the images, so that the difficulty "
                "of a half cancels out. ± gives one standard error.",
            )
        )
    return [*terms, ("Version", _version())]


def _options(report: Report) -> list[str]:
    if report.coco is None:
        return []
    options = report.coco.options
    thresholds = ", ".join(f"{value:.4g}" for value in options.iou_thresholds)
    areas = ", ".join(f"{name} {low:g} to {high:g}" for name, (low, high) in options.areas.items())
    limits = ", ".join(map(str, options.max_detections))
    together = "" if report.protocol == "lvis" else " of a class"
    return [
        f"IoU thresholds {thresholds}; {amount(len(options.recall_thresholds), 'level')} of "
        f"recall; at most {limits} detections{together} in an image; areas in square pixels: "
        f"{areas}."
    ]


def _version() -> str:
    try:
        return "googlenet-rcnn " + metadata.version("googlenet-rcnn")
    except metadata.PackageNotFoundError:
        return "googlenet-rcnn, not installed"
