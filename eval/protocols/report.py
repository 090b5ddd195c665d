"""The result of an evaluation: its figures, notes and evidence, and the table that people read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from eval.curves import class_curves
from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.errors import EvaluationError
from eval.matching import Matches
from eval.operating.points import AtScores, at_scores, best_thresholds, by_label
from eval.operating.thresholds_file import thresholds_text
from eval.protocols.coco_result import CocoResult
from eval.protocols.options import Options
from eval.wording import fraction

ONE_CLASS = "all classes taken as one"
MOST_COLUMNS = 8  # of figures in the table of classes


@dataclass(frozen=True)
class Report:
    """The result of an evaluation; figures are fractions 0..1, NaN where no object counts.

    Attributes
    ----------
    protocol
        Its name, as `evaluate` takes it.
    map
        The protocol's main figure.
    stats
        All figures of the protocol by name: "mAP" for VOC, twelve figures for COCO, thirteen for
        LVIS.
    class_stats
        All figures of each class by class name, then by figure: for COCO AP, AP50, AP75 and AR100.
    title
        The protocol in one line, with the thresholds, limits and areas in force.
    notes
        Probable mistakes in the data or the detections, one sentence each.
    official
        Whether the official program's quirks were reproduced.
    quirks
        Quirks that affected the figures, one sentence each.
    matches
        The outcome of each detection at the protocol's (first) IoU threshold.
    class_agnostic
        Whether all classes were taken as one.
    detections, dataset
        The evaluated detections and the ground truth; if all classes were taken as one, both have
        a single class.
    coco
        The curves of all classes, areas and limits; only for the protocols "coco" and "lvis".
    """

    protocol: str
    map: float
    stats: dict[str, float]
    class_stats: dict[str, dict[str, float]]
    title: str
    notes: tuple[str, ...] = ()
    official: bool = False
    quirks: tuple[str, ...] = ()
    matches: Matches | None = field(default=None, repr=False)
    detections: DetectionTable | None = field(default=None, repr=False)
    coco: CocoResult | None = field(default=None, repr=False)
    class_agnostic: bool = False
    dataset: Dataset | None = field(default=None, repr=False)

    @cached_property
    def per_class(self) -> dict[str, float]:
        """Average precision by class name, in the data set's order."""
        return {name: figures["AP"] for name, figures in self.class_stats.items()}

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


def by_class(dataset: Dataset, **figures: np.ndarray) -> dict[str, dict[str, float]]:
    """The figures of each class by class name, from the (classes,) float64 of each figure."""
    rows = zip(*(column.tolist() for column in figures.values()), strict=True)
    return {
        class_name: dict(zip(figures, row, strict=True))
        for class_name, row in zip(dataset.class_names, rows, strict=True)
    }


def one_iou(options: Options) -> float:
    """The threshold of a protocol with one IoU threshold."""
    return 0.5 if options.iou_thresholds is None else float(np.ravel(options.iou_thresholds)[0])


def mean_known(figures: np.ndarray) -> float:
    """The mean of those that are not NaN; NaN if there are none."""
    known = figures[~np.isnan(figures)]
    return float(np.mean(known)) if len(known) else math.nan


def titled(words: str, options: Options) -> str:
    """The title of a protocol with one IoU threshold, from words with a place `{iou}` for it."""
    title = words.format(iou=f"IoU {one_iou(options):.6g}")
    return "; ".join([title, *[ONE_CLASS] * options.class_agnostic])
