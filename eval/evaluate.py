"""Evaluate detections against ground truth under a named protocol."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.errors import EvaluationError
from eval.matching import Matches
from eval.notes.about_protocol import about_protocol
from eval.notes.suspicions import about_detections, about_objects, about_ties, count_ties
from eval.notes.swapped_classes import about_classes
from eval.protocols import coco, coco_report, ilsvrc, lvis, open_images, voc
from eval.protocols.agnostic import as_one_class
from eval.protocols.options import Options
from eval.protocols.report import Report
from eval.reading import DetectionSource, read_detections


class Protocol(NamedTuple):
    """The function that evaluates under a protocol, and the options that the protocol has."""

    report: Callable[[DetectionTable, Dataset, str, Options, bool], Report]
    options: tuple[str, ...]
    several_thresholds: bool = False  # whether it averages over IoU thresholds
    several_limits: bool = False  # whether it has figures at several limits of detections


_IOU, _CLASSES = "iou_thresholds", "class_agnostic"
_CURVES = (_IOU, "max_detections", "areas", "recall_thresholds")
PROTOCOLS = {
    "voc": Protocol(voc.report, (_IOU, _CLASSES)),
    "voc2007": Protocol(voc.report, (_IOU, _CLASSES)),
    "coco": Protocol(coco_report.report, (*_CURVES, _CLASSES), True, True),
    "ilsvrc": Protocol(ilsvrc.report, (_IOU, _CLASSES)),
    "lvis": Protocol(lvis.report, _CURVES, True),
    "open_images": Protocol(open_images.report, (_IOU, _CLASSES)),
    "open_images_v2": Protocol(open_images.report, (_IOU, _CLASSES)),
}


def evaluate(
    detections: DetectionSource,
    dataset: Dataset,
    protocol: str = "voc",
    *,
    official: bool = False,
    options: Options | None = None,
    names: str | os.PathLike[str] | None = None,
    skip_unlisted: bool = False,
) -> Report:
    """Evaluate detections against ground truth.

    Parameters
    ----------
    detections
        A list of dicts, the path of results in any format, or a DetectionTable (see
        read_detections).
    dataset
        The whole ground truth: the objects of an image without detections count as missed.
    protocol
        "voc" (area under the curve), "voc2007" (11 points), "coco", "ilsvrc", "lvis", "open_images"
        (the challenge's) or "open_images_v2". VOC ignores difficult, ignored and crowd objects;
        COCO ignores only crowds, as pycocotools does; ILSVRC ignores only excluded pairs of image
        and class; LVIS ignores objects marked `ignore`, and what an image was not checked for. For
        Open Images, crowds are groups.
    official
        Reproduce the official program (VOCevaldet.m, pycocotools, eval_detection.m, lvis,
        TensorFlow's evaluator of Open Images) even where it departs from its protocol, and list
        the effects as quirks.
    options
        IoU thresholds, limits, areas and class_agnostic in place of the protocol's own.
    names, skip_unlisted
        See read_detections.

    Raises
    ------
    EvaluationError
        The protocol is unknown or has no such option, the detections contain a fault, or the
        ground truth lacks what the protocol needs.
    """
    options = options or Options()
    check_protocol(protocol, options, official=official)
    table = read_detections(detections, dataset, names=names, skip_unlisted=skip_unlisted)
    given = (*dataset.notes, *about_protocol(dataset, protocol), *about_objects(dataset))
    given += table.notes
    if options.class_agnostic:
        table, dataset = as_one_class(
            table, dataset, verified_only=protocol == open_images.CHALLENGE
        )
    report = PROTOCOLS[protocol].report(table, dataset, protocol, options, official)
    ties = report.coco.ties if report.coco else count_ties(table, len(dataset.class_names))
    notes = (
        *given,
        *(*about_detections(table, dataset), *about_classes(table, dataset)),
        *(*about_ties(ties, table), *report.notes),
    )
    return replace(
        report, official=official, notes=notes, detections=table, dataset=dataset,
        class_agnostic=options.class_agnostic,
    )  # fmt: skip


def check_protocol(
    protocol: str, options: Options | None = None, *, official: bool = False
) -> None:
    """Raise EvaluationError if the protocol is unknown or has no such options."""
    if protocol not in PROTOCOLS:
        known = ", ".join(repr(name) for name in PROTOCOLS)
        raise EvaluationError(f"protocol {protocol!r} is unknown; choose from {known}")
    own, given = PROTOCOLS[protocol], options.given if options else {}
    for name in given:
        if name not in own.options:
            others = ", ".join(repr(key) for key, one in PROTOCOLS.items() if name in one.options)
            raise EvaluationError(
                f"{name}: the protocol {protocol!r} has none; leave it out, or choose {others}"
            )
    thresholds, limits = given.get(_IOU, (1,)), given.get("max_detections", (1,))
    if not own.several_thresholds and (len(thresholds) > 1 or not thresholds[0] > 0):
        shown = ", ".join(f"{value:g}" for value in thresholds)
        raise EvaluationError(
            f"iou_thresholds {shown}: the protocol {protocol!r} has one IoU threshold, above 0"
        )
    if not own.several_limits and len(limits) > 1:
        shown = ", ".join(map(str, limits))
        raise EvaluationError(f"max_detections {shown}: the protocol {protocol!r} has one limit")
    if official and _CLASSES in given and protocol != "coco":
        raise EvaluationError(
            f"class_agnostic: the official program of {protocol!r} cannot take all classes as one; "
            "leave `official` out"
        )


def all_matches(report: Report, table: DetectionTable, dataset: Dataset) -> list[Matches]:
    """The matches at every IoU threshold over which the main figure is averaged.

    There are ten for COCO and LVIS.
    """
    if report.coco is None:
        return [report.matches] if report.matches else []
    match = lvis.match if report.protocol == "lvis" else coco.match
    return [
        match(table, dataset, threshold, report.coco.options, official=report.official)
        for threshold in report.coco.options.iou_thresholds.tolist()
    ]


def evaluated(
    report: Report, table: DetectionTable, dataset: Dataset
) -> tuple[DetectionTable, Dataset]:
    """The table and the ground truth, or those with a single class that the report is about."""
    if report.dataset is None or report.detections is None or not report.class_agnostic:
        return table, dataset
    return report.detections, report.dataset
