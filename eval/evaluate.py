"""Evaluate detections against ground truth under a named protocol."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from eval.curves import class_curves
from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.errors import EvaluationError
from eval.matching import Matches
from eval.operating.points import AtScores, at_scores, best_thresholds, by_label
from eval.operating.thresholds_file import thresholds_text
from eval.protocols import coco, ilsvrc, lvis, open_images, voc
from eval.protocols.agnostic import as_one_class
from eval.protocols.coco import CocoResult
from eval.protocols.options import Options
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
_ONE_IOU = ("iou_thresholds", "class_agnostic")
MOST_COLUMNS = 8  # of figures in the table of classes
# The options that each protocol has
_OPTIONS = {
    "voc": _ONE_IOU,
    "voc2007": _ONE_IOU,
    "coco": (*_ONE_IOU, "max_detections", "areas", "recall_thresholds"),
    "ilsvrc": _ONE_IOU,
}


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
    class_stats
        All figures of each class by class name, then by figure: for COCO AP, AP50, AP75 and AR100.
    title, class_agnostic
        The protocol in one line, with the thresholds, limits and areas in force; whether all
        classes were taken as one.
    notes
        Probable mistakes in the data or the detections, one sentence each.
    official
        Whether the official program's quirks were reproduced.
    quirks
        Quirks that affected the figures, one sentence each.
    matches
        The outcome of each detection at the protocol's (first) IoU threshold.
    detections, dataset
        The evaluated detections and the ground truth; if all classes were taken as one, both have
        a single class.
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
    title: str = ""
    class_agnostic: bool = False
    class_stats: dict[str, dict[str, float]] = field(default_factory=dict, repr=False)
    dataset: Dataset | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.title:
            object.__setattr__(self, "title", PROTOCOLS[self.protocol])
        if not self.class_stats:
            figures = {name: {"AP": value} for name, value in self.per_class.items()}
            object.__setattr__(self, "class_stats", figures)

    def __str__(self) -> str:
        return self.table()

    def at(
        self, threshold: float = -math.inf, by_class: Mapping[str, float] | None = None
    ) -> AtScores:
        """Precision, recall, F1 and counts of a detector that keeps scores from a threshold on.

        They belong to the protocol's IoU threshold, for COCO to the first one.

        Parameters
        ----------
        threshold
            The lowest score that is kept.
        by_class
            The lowest scores of single classes by name, as of `best_thresholds`.

        Raises
        ------
        EvaluationError
            A name in by_class is no class.
        """
        matches, table, dataset = self._evidence()
        lowest = by_label(dataset.class_names, threshold, by_class)
        return at_scores(matches, table, dataset, lowest)

    def best_thresholds(self) -> dict[str, float]:
        """The score threshold with the best F1 of each class by name; NaN where there is none.

        Choose thresholds on pictures for validation: on the pictures that they were chosen on,
        figures flatter the detector.
        """
        matches, table, dataset = self._evidence()
        return best_thresholds(class_curves(matches, table, dataset), dataset.class_names)

    def thresholds_yaml(self) -> str:
        """The best thresholds as the text of a file that `read_thresholds` reads."""
        matches, table, dataset = self._evidence()
        origin = {
            "data": dataset.source,
            "detections": table.source,
            "protocol": self.protocol,
            "iou": matches.iou_threshold,
        }
        return thresholds_text(self.best_thresholds(), origin)

    def _evidence(self) -> tuple[Matches, DetectionTable, Dataset]:
        if self.matches is None or self.detections is None or self.dataset is None:
            raise EvaluationError("this report has no detections; take one that evaluate returned")
        return self.matches, self.detections, self.dataset

    def table(self) -> str:
        """The figures as aligned text, one per line; a dash for NaN."""
        width = max(
            len(name) for group in (self.stats, self.per_class, ("class",)) for name in group
        )
        lines = [self.title + (", as the official program" * self.official), ""]
        lines += [f"{name:<{width}}  {fraction(value):>5}" for name, value in self.stats.items()]
        lines += ["", *self._class_lines(width)]
        remarks = [*(f"Note: {n}" for n in self.notes), *(f"Quirk: {q}" for q in self.quirks)]
        return "\n".join([*lines, *([""] if remarks else []), *remarks])

    def _class_lines(self, width: int) -> list[str]:
        """A line for each class, with its figures in columns as long as they fit a terminal."""
        names = list(next(iter(self.class_stats.values()), {"AP": 0.0}))
        if len(names) > MOST_COLUMNS:
            names = [names[0], names[-1]]
        widths = [max(len(name), 5) for name in names]

        def line(first: str, cells: list[str]) -> str:
            padded = (f"{cell:>{size}}" for cell, size in zip(cells, widths, strict=True))
            return "  ".join([f"{first:<{width}}", *padded])

        return [line("class", names)] + [
            line(name, [fraction(figures[one]) for one in names])
            for name, figures in self.class_stats.items()
        ]


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
    federated = dataset.federation is not None and protocol != "lvis"
    remarks = (*dataset.notes, *[LVIS_NOTE] * federated, *about_objects(dataset), *table.notes)
    remarks += open_images.about_labels(dataset, protocol)
    if options.class_agnostic:
        table, dataset = as_one_class(table, dataset)
    measure = _MEASURES.get(protocol, _voc)
    report = measure(table, dataset, protocol, official, options)
    ties = report.coco.ties if report.coco else count_ties(table, len(dataset.class_names))
    notes = (
        *remarks,
        *(*about_detections(table, dataset), *about_classes(table, dataset)),
        *(*about_ties(ties, table), *report.notes),
    )
    # The matches name the rule that averages their curves; both rules of VOC match alike.
    matches = report.matches and replace(report.matches, protocol=protocol)
    return replace(
        report, protocol=protocol, official=official, notes=notes, matches=matches,
        detections=table, dataset=dataset, class_agnostic=options.class_agnostic,
    )  # fmt: skip


def check_protocol(
    protocol: str, options: Options | None = None, *, official: bool = False
) -> None:
    """Raise EvaluationError if the protocol is unknown or has no such options."""
    if protocol not in PROTOCOLS:
        known = ", ".join(repr(name) for name in PROTOCOLS)
        raise EvaluationError(f"protocol {protocol!r} is unknown; choose from {known}")
    given = options.given if options else {}
    for name in given:
        if name not in _OPTIONS.get(protocol, ()):
            others = ", ".join(repr(other) for other, names in _OPTIONS.items() if name in names)
            raise EvaluationError(
                f"{name}: the protocol {protocol!r} has none; leave it out, or choose {others}"
            )
    thresholds = given.get("iou_thresholds", ())
    if protocol != "coco" and len(thresholds) and (len(thresholds) > 1 or not thresholds[0] > 0):
        shown = ", ".join(f"{value:g}" for value in thresholds)
        raise EvaluationError(
            f"iou_thresholds {shown}: the protocol {protocol!r} has one IoU threshold, above 0"
        )
    if official and "class_agnostic" in given and protocol != "coco":
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


def _coco(
    table: DetectionTable,
    dataset: Dataset,
    protocol: str,
    official: bool,
    options: Options,
) -> Report:
    if official and not len(table):
        raise EvaluationError(
            f"{table.source}: no detections: pycocotools stops with an IndexError; leave out "
            "`official`, and AP is 0"
        )
    result = coco.measure(table, dataset, coco.in_force(options), official=official)
    stats = result.official_stats() if official else result.stats()
    figures = result.class_stats()
    return Report(
        protocol=protocol,
        map=stats["AP"],
        stats=stats,
        title=coco.title(result.options, class_agnostic=options.class_agnostic),
        per_class=_by_name(dataset, figures["AP"]),
        class_stats=_by_class(dataset, figures),
        notes=(*about_data(dataset), *coco.notes(result, table)),
        quirks=coco.quirks(table, dataset, result.options) if official else (),
        matches=result.matches,
        coco=result,
    )


def _lvis(
    table: DetectionTable, dataset: Dataset, protocol: str, official: bool, options: Options
) -> Report:
    lvis.check_federated(dataset)
    if official and not len(table):
        raise EvaluationError(
            f"{table.source}: no detections: the lvis package stops with an IndexError; leave out "
            "`official`, and AP is 0"
        )
    result = lvis.measure(table, dataset, official=official)
    stats = lvis.stats(result, dataset, official=official)
    figures = lvis.class_stats(result)
    return Report(
        protocol=protocol,
        map=stats["AP"],
        stats=stats,
        per_class=_by_name(dataset, figures["AP"]),
        class_stats=_by_class(dataset, figures),
        notes=lvis.notes(result, table, dataset),
        quirks=lvis.quirks(dataset) if official else (),
        matches=result.matches,
        coco=result,
    )


def _voc(
    table: DetectionTable, dataset: Dataset, protocol: str, official: bool, options: Options
) -> Report:
    iou = _one_iou(options)
    matches = voc.match(table, dataset, iou)
    per_class = voc.average_precisions(matches, table, dataset, protocol, official=official)
    known = per_class if official else per_class[~np.isnan(per_class)]
    main = float(np.mean(known)) if len(known) else math.nan
    sentences = voc.quirks(matches, table, dataset, protocol, official=official)
    return Report(
        protocol=protocol,
        map=main,
        stats={"mAP": main},
        title=_titled(protocol, iou, options),
        per_class=_by_name(dataset, per_class),
        notes=() if official else sentences,
        quirks=sentences if official else (),
        matches=matches,
    )


def _ilsvrc(
    table: DetectionTable, dataset: Dataset, protocol: str, official: bool, options: Options
) -> Report:
    iou = _one_iou(options)
    matches = ilsvrc.match(table, dataset, iou)
    per_class = ilsvrc.average_precisions(matches, table, dataset, official=official)
    mean, median = ilsvrc.mean_and_median(per_class, dataset, official=official)
    sentences = ilsvrc.quirks(matches, table, dataset, official=official)
    return Report(
        protocol=protocol,
        map=mean,
        stats={"mAP": mean, "median AP": median},
        title=_titled(protocol, iou, options),
        per_class=_by_name(dataset, per_class),
        notes=() if official else sentences,
        quirks=sentences if official else (),
        matches=matches,
    )


def _open_images(
    table: DetectionTable, dataset: Dataset, protocol: str, official: bool, options: Options
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


def _one_iou(options: Options) -> float:
    """The IoU threshold of VOC and ILSVRC."""
    return 0.5 if options.iou_thresholds is None else float(np.ravel(options.iou_thresholds)[0])


def _titled(protocol: str, iou: float, options: Options) -> str:
    """The line of a protocol with one IoU threshold, with the threshold in force."""
    text = PROTOCOLS[protocol].replace("IoU 0.5", f"IoU {iou:.6g}")
    return text + "; all classes taken as one" * options.class_agnostic


def _by_name(dataset: Dataset, per_class: np.ndarray) -> dict[str, float]:
    return dict(zip(dataset.class_names, per_class.tolist(), strict=True))


_MEASURES = {
    "coco": _coco,
    "ilsvrc": _ilsvrc,
    "lvis": _lvis,
    "open_images": _open_images,
    "open_images_v2": _open_images,
}


def _by_class(dataset: Dataset, figures: dict[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """The figures of each class by class name, from the (classes,) float64 of each figure."""
    rows = zip(*(column.tolist() for column in figures.values()), strict=True)
    return {
        class_name: dict(zip(figures, row, strict=True))
        for class_name, row in zip(dataset.class_names, rows, strict=True)
    }
