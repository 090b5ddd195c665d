"""Evaluate detections against ground truth under a named protocol."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field, replace

import numpy as np

from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.errors import EvaluationError
from eval.matching import Matches
from eval.protocols import coco, ilsvrc, lvis, open_images, voc
from eval.protocols.coco import CocoOptions, CocoResult
from eval.reading import DetectionSource, read_detections
from eval.suspicions import (
    about_data,
    about_detections,
    about_objects,
    about_ties,
    count_ties,
)
from eval.swapped_classes import about_classes
from eval.wording import fraction

PROTOCOLS = {
    "voc": "PASCAL VOC 2010 and later: area under the curve, IoU 0.5",
    "voc2007": "PASCAL VOC 2007: 11 points of recall, IoU 0.5",
    "coco": "COCO boxes: mean over IoU 0.5 to 0.95",
    "ilsvrc": "ILSVRC DET: area under the curve, IoU 0.5 or less for small objects",
    "lvis": "LVIS boxes: mean over IoU 0.5 to 0.95, each image checked for some classes only",
    "open_images": "Open Images Challenge: area under the curve, IoU 0.5, a group counts once",
    "open_images_v2": "Open Images V2: area under the curve, IoU 0.5, groups are ignored",
}
LVIS_NOTE = (
    "the ground truth is LVIS's, where an image is checked for some classes only: detections of "
    "the other classes count as false here, and figures are lower than LVIS's; --protocol lvis "
    "follows its rules"
)


@dataclass(frozen=True)
class Report:
    """The result of an evaluation; figures are fractions 0..1, NaN where no object counts.

    Attributes
    ----------
    protocol
        One of `PROTOCOLS`.
    map
        The protocol's main figure.
    stats
        All figures of the protocol by name: "mAP" for VOC, twelve figures for COCO, thirteen for
        LVIS.
    per_class
        Average precision by class name, in the data set's order.
    notes
        Probable mistakes in the data or the detections, one sentence each.
    official
        Whether the official program's quirks were reproduced.
    quirks
        Quirks that affected the figures, one sentence each.
    matches
        The outcome of each detection at the protocol's (first) IoU threshold.
    detections
        The evaluated detections.
    coco
        The curves of all classes, areas and limits; only for the protocols "coco" and "lvis".
    """

    protocol: str
    map: float
    stats: dict[str, float]
    per_class: dict[str, float]
    notes: tuple[str, ...] = ()
    official: bool = False
    quirks: tuple[str, ...] = ()
    matches: Matches | None = field(default=None, repr=False)
    detections: DetectionTable | None = field(default=None, repr=False)
    coco: CocoResult | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return self.table()

    def table(self) -> str:
        """The figures as aligned text, one per line; a dash for NaN."""
        groups = [self.stats, self.per_class]
        width = max(len(name) for group in groups for name in (*group, "class"))
        lines = [PROTOCOLS[self.protocol] + (", as the official program" * self.official), ""]
        lines += [f"{name:<{width}}  {fraction(value):>5}" for name, value in self.stats.items()]
        lines += ["", f"{'class':<{width}}  {'AP':>5}"]
        lines += [
            f"{name:<{width}}  {fraction(value):>5}" for name, value in self.per_class.items()
        ]
        remarks = [*(f"Note: {n}" for n in self.notes), *(f"Quirk: {q}" for q in self.quirks)]
        return "\n".join([*lines, *([""] if remarks else []), *remarks])


def evaluate(
    detections: DetectionSource,
    dataset: Dataset,
    protocol: str = "voc",
    *,
    official: bool = False,
    options: CocoOptions | None = None,
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
        Thresholds, limits and areas in place of COCO's own.
    names, skip_unlisted
        See read_detections.

    Raises
    ------
    EvaluationError
        The protocol is unknown, or the detections contain a fault, or the ground truth lacks what
        the protocol needs.
    """
    check_protocol(protocol, options)
    table = read_detections(detections, dataset, names=names, skip_unlisted=skip_unlisted)
    measure = _MEASURES.get(protocol, _voc)
    report = measure(table, dataset, protocol, official, options)
    ties = report.coco.ties if report.coco else count_ties(table, len(dataset.class_names))
    federated = dataset.federation is not None and protocol != "lvis"
    notes = (
        *(*dataset.notes, *[LVIS_NOTE] * federated, *about_objects(dataset), *table.notes),
        *(*about_detections(table, dataset), *about_classes(table, dataset)),
        *(*about_ties(ties, table), *report.notes),
    )
    # The matches name the rule that averages their curves; both rules of VOC match alike.
    matches = report.matches and replace(report.matches, protocol=protocol)
    return replace(
        report, protocol=protocol, official=official, notes=notes, matches=matches,
        detections=table,
    )  # fmt: skip


def check_protocol(protocol: str, options: CocoOptions | None = None) -> None:
    """Raise EvaluationError if the protocol is unknown or has no such options."""
    if protocol not in PROTOCOLS:
        known = ", ".join(repr(name) for name in PROTOCOLS)
        raise EvaluationError(f"protocol {protocol!r} is unknown; choose from {known}")
    if options is not None and protocol != "coco":
        raise EvaluationError(
            f"options apply only to the protocol 'coco'; leave them out for {protocol!r}"
        )


def all_matches(report: Report, table: DetectionTable, dataset: Dataset) -> list[Matches]:
    """The matches at every IoU threshold over which the main figure is averaged.

    There are ten for COCO and LVIS.
    """
    if report.coco is None:
        return [report.matches] if report.matches else []
    match = lvis.match if report.protocol == "lvis" else coco.match
    return [
        match(table, dataset, threshold, official=report.official)
        for threshold in report.coco.options.iou_thresholds.tolist()
    ]


def _coco(
    table: DetectionTable,
    dataset: Dataset,
    protocol: str,
    official: bool,
    options: CocoOptions | None,
) -> Report:
    if official and not len(table):
        raise EvaluationError(
            f"{table.source}: no detections: pycocotools stops with an IndexError; leave out "
            "`official`, and AP is 0"
        )
    result = coco.measure(table, dataset, options, official=official)
    stats = result.stats(official)
    per_class = result.class_precision()
    return Report(
        protocol=protocol,
        map=stats["AP"],
        stats=stats,
        per_class=_by_name(dataset, per_class),
        notes=(*about_data(dataset), *coco.notes(result, table)),
        quirks=coco.quirks(table, dataset, result.options) if official else (),
        matches=result.matches,
        coco=result,
    )


def _lvis(
    table: DetectionTable, dataset: Dataset, protocol: str, official: bool, _: CocoOptions | None
) -> Report:
    lvis.check_federated(dataset)
    if official and not len(table):
        raise EvaluationError(
            f"{table.source}: no detections: the lvis package stops with an IndexError; leave out "
            "`official`, and AP is 0"
        )
    result = lvis.measure(table, dataset, official=official)
    stats = lvis.stats(result, dataset, official=official)
    return Report(
        protocol=protocol,
        map=stats["AP"],
        stats=stats,
        per_class=_by_name(dataset, result.class_precision()),
        notes=lvis.notes(result, table, dataset),
        quirks=lvis.quirks(dataset) if official else (),
        matches=result.matches,
        coco=result,
    )


def _voc(
    table: DetectionTable, dataset: Dataset, protocol: str, official: bool, _: CocoOptions | None
) -> Report:
    matches = voc.match(table, dataset)
    per_class = voc.average_precisions(matches, table, dataset, protocol, official=official)
    known = per_class if official else per_class[~np.isnan(per_class)]
    main = float(np.mean(known)) if len(known) else math.nan
    sentences = voc.quirks(matches, table, dataset, protocol, official=official)
    return Report(
        protocol=protocol,
        map=main,
        stats={"mAP": main},
        per_class=_by_name(dataset, per_class),
        notes=() if official else sentences,
        quirks=sentences if official else (),
        matches=matches,
    )


def _ilsvrc(
    table: DetectionTable, dataset: Dataset, protocol: str, official: bool, _: CocoOptions | None
) -> Report:
    matches = ilsvrc.match(table, dataset)
    per_class = ilsvrc.average_precisions(matches, table, dataset, official=official)
    mean, median = ilsvrc.mean_and_median(per_class, dataset, official=official)
    sentences = ilsvrc.quirks(matches, table, dataset, official=official)
    return Report(
        protocol=protocol,
        map=mean,
        stats={"mAP": mean, "median AP": median},
        per_class=_by_name(dataset, per_class),
        notes=() if official else sentences,
        quirks=sentences if official else (),
        matches=matches,
    )


def _open_images(
    table: DetectionTable, dataset: Dataset, protocol: str, official: bool, _: CocoOptions | None
) -> Report:
    matches = open_images.match(table, dataset, protocol, official=official)
    per_class = open_images.average_precisions(matches, table, dataset)
    known = per_class[~np.isnan(per_class)]
    main = float(np.mean(known)) if len(known) else math.nan
    return Report(
        protocol=protocol,
        map=main,
        stats={"mAP": main},
        per_class=_by_name(dataset, per_class),
        notes=open_images.notes(matches, table, dataset),
        quirks=open_images.quirks(matches, table) if official else (),
        matches=matches,
    )


def _by_name(dataset: Dataset, per_class: np.ndarray) -> dict[str, float]:
    return dict(zip(dataset.class_names, per_class.tolist(), strict=True))


_MEASURES = {
    "coco": _coco,
    "ilsvrc": _ilsvrc,
    "lvis": _lvis,
    "open_images": _open_images,
    "open_images_v2": _open_images,
}
