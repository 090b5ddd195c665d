"""Detections against ground truth under a named protocol -> a report."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from eval.datasets import Dataset
from eval.detections import DetectionSource, DetectionTable, read_detections, suspicions
from eval.protocols import voc
from eval.protocols.coco import coco_stats
from eval.records import EvaluationError

PROTOCOLS = {
    "voc": "PASCAL VOC 2010+: area under the curve, IoU 0.5",
    "voc2007": "PASCAL VOC 2007: 11 points of recall, IoU 0.5",
    "coco": "COCO boxes: mean over IoU 0.5 to 0.95",
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
        What looked like a mistake in the detections, a sentence each.
    """

    protocol: str
    map: float
    stats: dict[str, float]
    per_class: dict[str, float]
    notes: tuple[str, ...] = ()

    def table(self) -> str:
        """The figures as aligned text, one a line; "-" for NaN."""
        groups = [self.stats, self.per_class]
        width = max(len(name) for group in groups for name in (*group, "class"))
        lines = [PROTOCOLS[self.protocol], ""]
        lines += [f"{name:<{width}}  {_figure(value)}" for name, value in self.stats.items()]
        lines += ["", f"{'class':<{width}}  {'AP':>6}"]
        lines += [f"{name:<{width}}  {_figure(value)}" for name, value in self.per_class.items()]
        lines += ["", *(f"Note: {note}" for note in self.notes)] if self.notes else []
        return "\n".join(lines)


def evaluate(detections: DetectionSource, dataset: Dataset, protocol: str = "voc") -> Report:
    """Score detections against ground truth.

    Parameters
    ----------
    detections
        A list of dicts, a detections.json or COCO results (see read_detections).
    dataset
        The ground truth, whole: an image without detections counts as missed objects.
    protocol
        "voc" (area under the curve), "voc2007" (11 points) or "coco". VOC passes over
        difficult, ignored and crowd objects; COCO over crowds only, as pycocotools does.

    Raises
    ------
    EvaluationError
        Unknown protocol, or a fault in the detections.
    """
    if protocol not in PROTOCOLS:
        known = ", ".join(repr(name) for name in PROTOCOLS)
        raise EvaluationError(f"protocol {protocol!r} is not known; choose from {known}")
    table = read_detections(detections, dataset)
    if protocol == "coco":
        stats, per_class = coco_stats(table, dataset)
        main = stats["AP"]
    else:
        per_class = _voc_average_precisions(table, dataset, protocol)
        main = math.nan if np.isnan(per_class).all() else float(np.nanmean(per_class))
        stats = {"mAP": main}
    return Report(
        protocol=protocol,
        map=main,
        stats=stats,
        per_class=dict(zip(dataset.class_names, per_class.tolist(), strict=True)),
        notes=suspicions(table, dataset),
    )


def _voc_average_precisions(table: DetectionTable, dataset: Dataset, protocol: str) -> np.ndarray:
    truths = dataset.all_truths
    return voc.average_precisions(
        voc.ImageBoxes(table.boxes_xyxy, table.images, table.scores),
        table.labels,
        voc.ImageBoxes(truths.boxes_xyxy, dataset.truth_images, truths.ignored),
        truths.labels,
        len(dataset.class_names),
        protocol=protocol,
    )


def _figure(value: float) -> str:
    return f"{'-':>6}" if math.isnan(value) else f"{value:6.4f}"
