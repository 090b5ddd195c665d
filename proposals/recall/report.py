"""The figures of measured proposals: recall, average recall, average best overlap."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from proposals.checks import check_choice, check_count
from proposals.recall.plot import plot_report
from proposals.result import ProposalError
from proposals.whole_files import replacing

# COCO's ten. Overlaps are float32 as well: an overlap of exactly 7/10 reaches the threshold 0.7.
THRESHOLDS = (np.arange(50, 100, 5) / 100).astype(np.float32)
SHOWN = (0.5, 0.7, 0.9)
CUTS = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
SIZES = {"small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, math.inf)}
NEVER = np.iinfo(np.int64).max
HEADS = (*(f"recall@{iou:g}" for iou in SHOWN), "AR")  # of the table's columns
MABO = "mean of classes (MABO)"


@dataclass(frozen=True, eq=False)
class RecallReport:
    """How well proposals cover objects. Figures are fractions 0..1, NaN where no object counts.

    A part of the objects (`of_class`, `of_size`) is a report with the same figures.

    Attributes
    ----------
    box_counts
        (images,) int64, the number of proposals of each image.
    best_overlaps
        (M,) float32, IoU of each object with the box that covers it best.
    first_ranks
        (M, 10) int64, rank (from 0) of the first box whose IoU with the object reaches 0.5,
        0.55, ..., 0.95; `NEVER` where no box does.
    labels
        (M,) int64, index into class_names.
    areas
        (M,) float64, pixels^2.
    class_names
        The name of each class, including classes without objects.
    """

    box_counts: NDArray[np.int64]
    best_overlaps: NDArray[np.float32]
    first_ranks: NDArray[np.int64]
    labels: NDArray[np.int64]
    areas: NDArray[np.float64]
    class_names: tuple[str, ...]

    @property
    def images(self) -> int:
        """Number of images."""
        return len(self.box_counts)

    @property
    def objects(self) -> int:
        """Number of objects."""
        return len(self.labels)

    def mean_boxes(self, first: int | None = None) -> float:
        """Boxes per image; with `first`, each image counts at most that many."""
        if first is not None:
            check_count("first", first, least=1)
            return _mean(np.minimum(self.box_counts, first))
        return _mean(self.box_counts)

    def recall(self, iou: float = 0.5, first: int | None = None) -> float:
        """Share of the objects whose best box has an IoU of at least `iou`.

        Parameters
        ----------
        iou
            One of 0.5, 0.55, ..., 0.95.
        first
            Only this many boxes of each image count, best first (an image with fewer boxes counts
            with all of them). None counts all boxes.

        Raises
        ------
        ProposalError
            `iou` is another number, or `first` is below 1.
        """
        (columns,) = np.nonzero(np.isclose(THRESHOLDS, iou))
        if not len(columns):
            raise ProposalError(f"iou: expected one of 0.5, 0.55, ..., 0.95, got {iou!r}")
        return _mean(self._is_covered(first)[:, columns[0]])

    def average_recall(self, first: int | None = None) -> float:
        """AR: mean of the recalls at IoU 0.5, 0.55, ..., 0.95, as COCO defines it.

        Hosang et al. (arXiv 1502.05082) take twice the integral of recall over IoU 0.5 to 1,
        which is the mean over objects of max(2 * IoU - 1, 0). Recall falls with the IoU, so the
        mean of ten samples lies above the integral, by at most recall(0.5) / 10.
        """
        return _mean(self._is_covered(first))

    @property
    def average_best_overlap(self) -> float:
        """ABO (Uijlings et al. 2013, section 5): mean of the best overlaps of all objects."""
        return _mean(self.best_overlaps)

    @property
    def mabo(self) -> float:
        """MABO: mean of the classes' ABOs; classes without objects do not count."""
        sums = np.bincount(self.labels, weights=self.best_overlaps)
        counts = np.bincount(self.labels)
        return _mean(sums[counts > 0] / counts[counts > 0])

    def of_class(self, name: str) -> RecallReport:
        """Figures of one class's objects.

        Raises
        ------
        ProposalError
            No class has the name.
        """
        check_choice("class", name, self.class_names)
        return self._part(self.labels == self.class_names.index(name))

    def of_size(self, name: str) -> RecallReport:
        """Figures of "small" (area < 32^2 pixels), "medium" (< 96^2) or "large" objects.

        Raises
        ------
        ProposalError
            No size has the name.
        """
        check_choice("size", name, SIZES)
        least, limit = SIZES[name]
        return self._part((self.areas >= least) & (self.areas < limit))

    def table(self) -> str:
        """The figures as aligned text: by number of boxes, by size, by class; a dash for NaN."""
        sizes = [(name, self.of_size(name)) for name in SIZES]
        classes = [(name, self.of_class(name)) for name in self.class_names]
        first = [(f"first {cut}", self._row(cut)) for cut in self.cuts()]
        first.append(("all boxes", self._row(None)))
        width = max(len(name) for name, _ in [*first, *sizes, *classes, (MABO, None)])
        heads = ("objects", *HEADS, "ABO")
        lines = [
            f"{self.images} images, {self.objects} objects, "
            f"{self.mean_boxes():.0f} boxes per image",
            "",
            _line("", width, ("", *HEADS)),
            *(_line(name, width, ("", *map(_figure, figures))) for name, figures in first),
            "",
            _line("size", width, heads),
            *(part._part_line(name, width) for name, part in sizes),
            "",
            _line("class", width, heads),
            *(part._part_line(name, width) for name, part in classes),
            self._part_line("all objects", width),
            _line(MABO, width, (*[""] * (len(heads) - 1), _figure(self.mabo))),
        ]
        return "\n".join(line.rstrip() for line in lines)

    def to_dict(self) -> dict[str, Any]:
        """All figures in JSON's types; None for NaN."""
        return {
            "images": self.images,
            "boxes_per_image": _json(self.mean_boxes()),
            **self._figures(),
            "mabo": _json(self.mabo),
            "first": {str(first): self._recalls(first) for first in self.cuts()},
            "per_size": {name: self.of_size(name)._figures() for name in SIZES},
            "per_class": {name: self.of_class(name)._figures() for name in self.class_names},
        }

    def save_json(self, path: str | os.PathLike[str]) -> None:
        """Write `to_dict()`; the file appears whole or not at all."""
        target = Path(path)
        with replacing(target) as temporary:
            temporary.write_text(json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n")

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Draw recall and AR against the number of boxes; the suffix names the format."""
        plot_report(self, path)

    def cuts(self) -> tuple[int, ...]:
        """Numbers of boxes that get a row in the table: all below the largest box count."""
        most = self.box_counts.max(initial=0)
        return tuple(cut for cut in CUTS if cut < most)

    def _is_covered(self, first: int | None) -> NDArray[np.bool_]:
        if first is None:
            return self.first_ranks < NEVER
        check_count("first", first, least=1)
        return self.first_ranks < first

    def _part(self, rows: NDArray[np.bool_]) -> RecallReport:
        return replace(
            self,
            best_overlaps=self.best_overlaps[rows],
            first_ranks=self.first_ranks[rows],
            labels=self.labels[rows],
            areas=self.areas[rows],
        )

    def _row(self, first: int | None) -> list[float]:
        return [*(self.recall(iou, first) for iou in SHOWN), self.average_recall(first)]

    def _part_line(self, name: str, width: int) -> str:
        figures = [*self._row(None), self.average_best_overlap]
        return _line(name, width, (str(self.objects), *map(_figure, figures)))

    def _recalls(self, first: int | None) -> dict[str, Any]:
        *recalls, average = map(_json, self._row(first))
        names = (f"{iou:g}" for iou in SHOWN)
        return {"recall": dict(zip(names, recalls, strict=True)), "average_recall": average}

    def _figures(self) -> dict[str, Any]:
        abo = _json(self.average_best_overlap)
        return {"objects": self.objects, **self._recalls(None), "average_best_overlap": abo}


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean(dtype=np.float64)) if values.size else math.nan


def _json(value: float) -> float | None:
    return None if math.isnan(value) else value


def _line(name: str, width: int, cells: Sequence[str]) -> str:
    return f"{name:<{width}}" + "".join(f"{cell:>11}" for cell in cells)


def _figure(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"
