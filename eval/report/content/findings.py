"""All that a report is made of: what was judged, and everything that was found out about it."""

from __future__ import annotations

import datetime
import os
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.errors import EvaluationError
from eval.evaluate import Report
from eval.matching import Matches
from eval.protocols import coco, ilsvrc, voc
from eval.report.content.words import known
from eval.why import Comparison, Explanation, compare, explain, read_traces

Other = tuple[Report, DetectionTable]
_MATCH = {"coco": coco.match, "ilsvrc": ilsvrc.match}


@dataclass(frozen=True, eq=False)
class Findings:
    """One run's figures and analyses, and the comparison with a second run, if there is one.

    Attributes
    ----------
    matches
        The protocol's verdicts at its (first) IoU threshold.
    other, comparison
        The second run, and this run less that one; None without a second run.
    title, date, command
        What the page says about the run.
    """

    report: Report
    table: DetectionTable
    dataset: Dataset
    matches: Matches
    explanation: Explanation
    other: Other | None
    comparison: Comparison | None
    title: str
    date: datetime.date
    command: str | None

    @cached_property
    def average_precisions(self) -> np.ndarray:
        """(classes,) float64, the protocol's own."""
        return self._by_label(self.report)

    @cached_property
    def other_average_precisions(self) -> np.ndarray:
        """(classes,) float64, those of the second run."""
        return self._by_label(self.other[0]) if self.other else self.average_precisions * np.nan

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The main figure's 95 % interval; None if another figure was drawn anew."""
        drawn = self.explanation.bootstrap
        if drawn is None or not known(drawn.mean.low):
            return None
        same = abs(drawn.mean.value - self.report.map) < 1e-6
        return (drawn.mean.low, drawn.mean.high) if same else None

    def _by_label(self, report: Report) -> np.ndarray:
        figures = [report.per_class.get(name, np.nan) for name in self.dataset.class_names]
        return np.array(figures, dtype=np.float64)


def find_out(
    report: Report,
    table: DetectionTable,
    dataset: Dataset,
    *,
    traces: str | os.PathLike[str] | None,
    other: Other | None,
    title: str | None,
    seed: int,
    date: datetime.date | None,
    command: str | None,
) -> Findings:
    """Run the analyses; parameters as those of write_report."""
    matches = _matches(report, table, dataset)
    return Findings(
        report=report,
        table=table,
        dataset=dataset,
        matches=matches,
        explanation=explain(
            table,
            dataset,
            matches,
            several=_several(report, table, dataset),
            bootstrap=1000 if len(dataset) else 0,
            traces=None if traces is None else read_traces(traces, dataset),
            seed=seed,
        ),
        other=other,
        comparison=_compare(report, table, other, dataset, seed)
        if other and len(dataset)
        else None,
        title=title or f"{table.source} on {dataset.source}",
        date=date or datetime.date.today(),
        command=command,
    )


def _matches(report: Report, table: DetectionTable, dataset: Dataset) -> Matches:
    """Named after the protocol whose rule is to be applied: VOC has two."""
    matches = report.matches
    if matches is None:
        matches = _MATCH.get(report.protocol, voc.match)(table, dataset)
    return replace(matches, protocol=report.protocol)


def _several(report: Report, table: DetectionTable, dataset: Dataset) -> list[Matches] | None:
    """At every IoU threshold over which COCO averages; None for the other protocols."""
    if report.coco is None:
        return None
    thresholds = report.coco.options.iou_thresholds.tolist()
    return [coco.match(table, dataset, value, official=report.official) for value in thresholds]


def _compare(
    report: Report, table: DetectionTable, other: Other, dataset: Dataset, seed: int
) -> Comparison:
    """This run less the other."""
    if other[0].protocol != report.protocol:
        raise EvaluationError(
            f"the runs were judged under {report.protocol!r} and {other[0].protocol!r}; evaluate "
            "both under one protocol"
        )
    ours, theirs = Path(table.source).stem, Path(other[1].source).stem
    if ours == theirs:
        ours, theirs = "this run", "the other run"
    runs = [
        (run, _several(judged, run, dataset) or _matches(judged, run, dataset))
        for judged, run in (other, (report, table))
    ]
    return compare(runs[0], runs[1], dataset, names=(theirs, ours), seed=seed)
