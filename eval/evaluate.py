"""Detections against ground truth under a named protocol -> a report."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.errors import EvaluationError
from eval.matching import Matches
from eval.protocols import coco, ilsvrc, voc
from eval.protocols.coco import CocoOptions, CocoResult
from eval.reading import DetectionSource, read_detections
from eval.suspicions import (
    about_data,
    about_detections,
    about_objects,
    about_ties,
    count_ties,
)

PROTOCOLS = {
    "voc": "PASCAL VOC 2010+: area under the curve, IoU 0.5",
    "voc2007": "PASCAL VOC 2007: 11 points of recall, IoU 0.5",
    "coco": "COCO boxes: mean over IoU 0.5 to 0.95",
    "ilsvrc": "ILSVRC DET: area under the curve, IoU 0.5 or less for small objects",
}


@dataclass(frozen=True)
class Report:
    """What an evaluation found; figures are fractions 0..1, NaN where no object counts.

    Attributes
    ----------
    protocol
        One of `PROTOCOLS`.
    map
        The protocol's main figure.
    stats
        It and its companions by name ("mAP" for VOC, the twelve of COCO).
    per_class
        Average precision by class name, in the data set's order.
    notes
        What looked like a mistake in the data or the detections, a sentence each.
    official
        Whether the official program's quirks were reproduced.
    quirks
        Those that had an effect, a sentence each.
    matches
        What became of each detection at the protocol's (first) IoU threshold.
    detections
        What was judged.
    coco
        The curves of all classes, areas and limits; protocol "coco" only.
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
        """The figures as aligned text, one a line; "-" for NaN."""
        groups = [self.stats, self.per_class]
        width = max(len(name) for group in groups for name in (*group, "class"))
        lines = [PROTOCOLS[self.protocol] + (", as the official program" * self.official), ""]
        lines += [f"{name:<{width}}  {_figure(value)}" for name, value in self.stats.items()]
        lines += ["", f"{'class':<{width}}  {'AP':>6}"]
        lines += [f"{name:<{width}}  {_figure(value)}" for name, value in self.per_class.items()]
        said = [*(f"Note: {n}" for n in self.notes), *(f"Quirk: {q}" for q in self.quirks)]
        return "\n".join([*lines, *([""] if said else []), *said])


def evaluate(
    detections: DetectionSource,
    dataset: Dataset,
    protocol: str = "voc",
    *,
    official: bool = False,
    options: CocoOptions | None = None,
) -> Report:
    """Score detections against ground truth.

    Parameters
    ----------
    detections
        A list of dicts, a results file of any format, or a table read before (see
        read_detections).
    dataset
        The ground truth, whole: an image without detections counts as missed objects.
    protocol
        "voc" (area under the curve), "voc2007" (11 points), "coco" or "ilsvrc". VOC passes over
        difficult, ignored and crowd objects; COCO over crowds only, as pycocotools does; ILSVRC
        over excluded pairs of image and class only.
    official
        Reproduce the official program (VOCevaldet.m, pycocotools, eval_detection.m) where it
        departs from its protocol, and list what that changed.
    options
        Other thresholds, limits or areas than COCO's own.

    Raises
    ------
    EvaluationError
        Unknown protocol, or a fault in the detections.
    """
    if protocol not in PROTOCOLS:
        known = ", ".join(repr(name) for name in PROTOCOLS)
        raise EvaluationError(f"protocol {protocol!r} is not known; choose from {known}")
    if options is not None and protocol != "coco":
        raise EvaluationError(
            f"options are for the protocol 'coco'; leave them out for {protocol!r}"
        )
    table = read_detections(detections, dataset)
    judge = {"coco": _coco, "ilsvrc": _ilsvrc}.get(protocol, _voc)
    report = judge(table, dataset, protocol, official, options)
    ties = report.coco.ties if report.coco else count_ties(table, len(dataset.class_names))
    notes = (
        *(*dataset.notes, *about_objects(dataset), *table.notes),
        *(*about_detections(table, dataset), *about_ties(ties, table), *report.notes),
    )
    return replace(report, protocol=protocol, official=official, notes=notes, detections=table)


def _coco(
    table: DetectionTable,
    dataset: Dataset,
    protocol: str,
    official: bool,
    options: CocoOptions | None,
) -> Report:
    if official and not len(table):
        raise EvaluationError(
            f"{table.source}: no detections, on which pycocotools stops (IndexError); without "
            "`official` they score 0"
        )
    result = coco.judge(table, dataset, options, official=official)
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


def _voc(
    table: DetectionTable, dataset: Dataset, protocol: str, official: bool, _: CocoOptions | None
) -> Report:
    matches = voc.match(table, dataset)
    per_class = voc.average_precisions(matches, table, dataset, protocol, official=official)
    known = per_class if official else per_class[~np.isnan(per_class)]
    main = float(np.mean(known)) if len(known) else math.nan
    said = voc.quirks(matches, table, dataset, protocol, official=official)
    return Report(
        protocol=protocol,
        map=main,
        stats={"mAP": main},
        per_class=_by_name(dataset, per_class),
        notes=() if official else said,
        quirks=said if official else (),
        matches=matches,
    )


def _ilsvrc(
    table: DetectionTable, dataset: Dataset, protocol: str, official: bool, _: CocoOptions | None
) -> Report:
    matches = ilsvrc.match(table, dataset)
    per_class = ilsvrc.average_precisions(matches, table, dataset, official=official)
    mean, median = ilsvrc.mean_and_median(per_class, dataset, official=official)
    said = ilsvrc.quirks(matches, table, dataset, official=official)
    return Report(
        protocol=protocol,
        map=mean,
        stats={"mAP": mean, "median AP": median},
        per_class=_by_name(dataset, per_class),
        notes=() if official else said,
        quirks=said if official else (),
        matches=matches,
    )


def _by_name(dataset: Dataset, per_class: np.ndarray) -> dict[str, float]:
    return dict(zip(dataset.class_names, per_class.tolist(), strict=True))


def _figure(value: float) -> str:
    return f"{'-':>6}" if math.isnan(value) else f"{value:6.4f}"
