"""The section that says how every figure of the page is made."""

from __future__ import annotations

from importlib import metadata

from eval.evaluate import PROTOCOLS, Report
from eval.report.content.findings import Findings
from eval.report.content.words import amount

_PASSED_OVER = {
    "voc": "Difficult, ignored and crowd objects need not be found, and a detection of one counts "
    "neither way. A second detection of an object is false.",
    "coco": "Crowds need not be found, and a detection of one counts neither way. Each class "
    "keeps its 100 highest detections in an image. A second detection of an object is false.",
    "ilsvrc": "On the excluded pairs of image and class nothing is judged. A second detection of "
    "an object is false unless it can take another one.",
}
_FIXED = (
    (
        "Kinds of error",
        "TIDE (Bolya et al., ECCV 2020) as its authors' tool has it: each false detection is of "
        "one kind, and a gain is the AP added when all errors of the kind are repaired and nothing "
        "else. Poorly placed: IoU .1 to .5; background: IoU below .1 with every object. Unlike the "
        "tool's, AP is the mean over the classes that have objects.",
    ),
    (
        "Best F1",
        "The largest 2 × true / (detections shown + objects) over all score thresholds, for one "
        "class or for all together.",
    ),
    (
        "Curves",
        "At each recall the best precision from there on, at IoU .5; the mean is over the classes "
        "at 101 levels of recall.",
    ),
    (
        "Size and shape",
        "Side: the square root of the annotated area. The data set's own sizes are cut where 10, "
        "30, 70 and 90 % of its objects lie below. In each row only its objects have to be found "
        "and only false detections of its size count; nothing is matched anew, so that COCO's APs, "
        "APm and APl can differ a little.",
    ),
    (
        "Confusion",
        "Highest score first, each detection takes the free object of any class that it overlaps "
        "most, by .5 or more. Without one it counts against background.",
    ),
    (
        "Scores",
        "Share of true detections in 20 equal steps of the score, with Wilson's 95 % interval.",
    ),
)


def methods(findings: Findings) -> list[tuple[str, str]]:
    """Term and explanation, in the order of the page."""
    report, explanation = findings.report, findings.explanation
    protocol = PROTOCOLS.get(report.protocol, report.protocol)
    protocol += (
        "; with the official program's quirks."
        if report.official
        else "; strict: the protocol itself, without the official program's quirks."
    )
    terms = [("Protocol", protocol)]
    family = "voc" if report.protocol == "voc2007" else report.protocol
    if family in _PASSED_OVER:
        terms.append(("True and false", _PASSED_OVER[family]))
    terms += [("Options", text) for text in _options(report)]
    drawn = explanation.bootstrap
    if drawn is not None:
        terms.append(
            (
                "95 % intervals",
                f"Bootstrap: {amount(drawn.draws, 'data set')} of as many images drawn with "
                f"replacement, seed {drawn.seed}; the 2.5 and 97.5 % points of the figure. They "
                "tell what other photographs of the same kind would change, not what training "
                "anew would.",
            )
        )
    terms += _FIXED
    if explanation.misses is not None:
        terms.append(
            (
                "How far each object got",
                "From the detector's own record of every object: the overlap of its best proposal, "
                "and the highest score its class had nearby before non-maximum suppression.",
            )
        )
    if findings.comparison is not None:
        terms.append(
            (
                "Comparison",
                "Both runs are judged on the same draws of images, so that what makes a draw easy "
                "for both cancels out. ± is one standard error.",
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
    return [
        f"IoU thresholds {thresholds}; {amount(len(options.recall_thresholds), 'level')} of "
        f"recall; at most {limits} detections of a class in an image; areas in square pixels: "
        f"{areas}."
    ]


def _version() -> str:
    try:
        return "googlenet-rcnn " + metadata.version("googlenet-rcnn")
    except metadata.PackageNotFoundError:
        return "googlenet-rcnn, not installed as a package"
