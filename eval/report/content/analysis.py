"""Everything that a report shows: an evaluated run, its analyses, and a comparison."""

from __future__ import annotations

import datetime
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.errors import EvaluationError
from eval.evaluate import all_matches, evaluated
from eval.matching import Matches
from eval.protocols.report import Report
from eval.report.content.operating_point import OperatingPoint, operating_point
from eval.why import Comparison, Explanation, compare, explain, read_traces
from eval.wording import known

Other = tuple[Report, DetectionTable]


class Caption(NamedTuple):
    """How the page calls the run: its title, the date, and the command that produced it."""

    title: str
    date: datetime.date
    command: str | None


@dataclass(frozen=True, eq=False)
class Analysis:
    """The figures and analyses of one run, and the comparison with a second one.

    Attributes
    ----------
    matches
        The protocol's matches at its (first) IoU threshold.
    other, comparison
        The second run, and the difference of this run from it; None without a second run.
    caption
        How the page calls the run.
    """

    report: Report
    table: DetectionTable
    dataset: Dataset
    matches: Matches
    explanation: Explanation
    other: Other | None
    comparison: Comparison | None
    caption: Caption

    @cached_property
    def average_precisions(self) -> np.ndarray:
        """(classes,) float64, those of the protocol."""
        return self._by_label(self.report)

    @cached_property
    def class_figures(self) -> dict[str, np.ndarray]:
        """The protocol's figures of the classes by name, (classes,) float64: for COCO AP50, ..."""
        every, names = self.report.class_stats, self.dataset.class_names
        figures = next(iter(every.values()), {})
        return {
            figure: np.array([every.get(name, {}).get(figure, np.nan) for name in names])
            for figure in figures
        }

    @cached_property
    def other_average_precisions(self) -> np.ndarray:
        """(classes,) float64, those of the second run."""
        return self._by_label(self.other[0]) if self.other else self.average_precisions * np.nan

    @cached_property
    def point(self) -> OperatingPoint:
        """The outcome of every detection and object at the best F1 of all classes together."""
        threshold = self.explanation.classes.overall.threshold
        return operating_point(self.table, self.dataset, self.matches, threshold)

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The 95 % interval of the main figure; None if the interval belongs to another figure."""
        drawn = self.explanation.intervals
        if drawn is None or not known(drawn.mean.low):
            return None
        same = abs(drawn.mean.value - self.report.map) < 1e-6
        return (drawn.mean.low, drawn.mean.high) if same else None

    def _by_label(self, report: Report) -> np.ndarray:
        figures = [report.per_class.get(name, np.nan) for name in self.dataset.class_names]
        return np.array(figures, dtype=np.float64)


def analyse(
    report: Report,
    table: DetectionTable,
    dataset: Dataset,
    caption: Caption,
    *,
    traces: str | os.PathLike[str] | None,
    other: Other | None,
    seed: int,
) -> Analysis:
    """Run the analyses; the parameters are those of write_report."""
    table, dataset = evaluated(report, table, dataset)
    if other is not None:
        other = (other[0], evaluated(*other, dataset)[0])
    every = all_matches(report, table, dataset)
    matches = report.matches or every[0]
    return Analysis(
        report=report,
        table=table,
        dataset=dataset,
        matches=matches,
        explanation=explain(
            table,
            dataset,
            matches,
            several=every,
            draws=1000 if len(dataset) else 0,
            traces=None if traces is None else read_traces(traces, dataset),
            seed=seed,
        ),
        other=other,
        comparison=_compare(report, table, other, dataset, seed)
        if other and len(dataset)
        else None,
        caption=caption,
    )


def _compare(
    report: Report, table: DetectionTable, other: Other, dataset: Dataset, seed: int
) -> Comparison:
    """The difference of this run from the other one."""
    if other[0].protocol != report.protocol:
        raise EvaluationError(
            f"the runs were evaluated under {report.protocol!r} and {other[0].protocol!r}; "
            "evaluate both under the same protocol"
        )
    ours, theirs = Path(table.source).stem, Path(other[1].source).stem
    if ours == theirs:
        ours, theirs = "this run", "the other run"
    runs = [
        (run, all_matches(its_report, run, dataset)) for its_report, run in (other, (report, table))
    ]
    return compare(runs[0], runs[1], dataset, names=(theirs, ours), seed=seed)
