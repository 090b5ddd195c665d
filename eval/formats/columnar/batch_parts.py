"""The folder that `detect batch` writes: Parquet or lines of JSON, a row for each image."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from eval.boxes import to_xywh
from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.errors import EvaluationError
from eval.formats.faults import FaultHandler, refuse
from eval.formats.results.class_names import labels_by_name
from eval.formats.results.image_names import FILE_NAMES, find_images, rows_by_name
from eval.formats.results.tables import ResultRows, make_table
from eval.wording import amount

PART = re.compile(r"part-(\d+)-of-(\d+)\.(parquet|jsonl)")
COLUMNS = ("image", "boxes_xyxy", "scores", "classes", "failure")
AGAIN = "run the same `detect batch` again, which continues"


class _Parts(NamedTuple):
    """The rows of all parts, N images with M detections."""

    images: list[str]  # (N,) file names
    counts: np.ndarray  # (N,) int64 detections
    boxes: np.ndarray  # (M, 4) float64, xyxy
    scores: np.ndarray  # (M,) float64
    classes: list[str]  # (M,)
    failures: int  # images without results


def are_batch_parts(folder: Path) -> bool:
    """Whether a folder holds parts of a run of `detect batch`."""
    return any(PART.fullmatch(name) for name in os.listdir(folder))


def read_batch_parts(
    path: str | os.PathLike[str], dataset: Dataset, *, on_fault: FaultHandler = refuse
) -> DetectionTable:
    """Read the detections of `detect batch`, whose images and classes are found by name.

    Notes give the number of images that failed, and of images of the ground truth without a row.

    Raises
    ------
    EvaluationError
        Parts are missing, cannot be read or lack a column; pyarrow is not installed; an image is
        not in the ground truth, or no class is.
    """
    folder = Path(path)
    source, parts = folder.name, _read(_files_of(folder))
    names = list(np.repeat(np.array(parts.images, object), parts.counts))
    rows_of, notes = rows_by_name(dataset, parts.images, source, FILE_NAMES)
    images = find_images(names, rows_of, range(len(names)), source, on_fault)
    labels, remarks = labels_by_name(parts.classes, dataset.class_names)
    seen = {rows_of.get(name, -1) for name in parts.images}
    unseen = sum(row not in seen for row in range(len(dataset)))
    notes = (*notes, *remarks, *_notes(parts, unseen))
    _check_numbers(parts, names, source)
    exact = dataset.all_truths.layout == "xyxy"
    rows = ResultRows(
        images=images,
        labels=np.array([labels[name] for name in parts.classes], np.int64),
        boxes=parts.boxes if exact else to_xywh(parts.boxes, "xyxy"),
        scores=parts.scores,
        layout="xyxy" if exact else "xywh",
        source=source,
        where=lambda row: f"{source}: image {names[row]!r:.60}",
        class_of=lambda row: parts.classes[row],
    )
    return make_table(dataset, rows, notes)


def _files_of(folder: Path) -> list[Path]:
    """The parts in their order, if none is missing."""
    found = [match for name in sorted(os.listdir(folder)) if (match := PART.fullmatch(name))]
    counts = {int(match[2]) for match in found}
    forms = {match[3] for match in found}
    if len(counts) > 1 or len(forms) > 1:
        raise EvaluationError(
            f"{folder}: holds parts of several runs, such as {found[0][0]} and {found[-1][0]}; "
            "keep those of one"
        )
    missing = max(counts) - len(found)
    if missing:
        raise EvaluationError(
            f"{folder}: {missing} of {amount(max(counts), 'part')} missing: the run has not "
            f"finished; {AGAIN}"
        )
    return [folder / match[0] for match in found]


def _read(files: Sequence[Path]) -> _Parts:
    read = _rows_of_parquet if files[0].suffix == ".parquet" else _rows_of_json
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for file in files:
        for name, values in read(file).items():
            columns[name] += values
    images, boxes, scores, classes, failures = (columns[name] for name in COLUMNS)
    counts, *others = ([len(one) for one in cells] for cells in (scores, boxes, classes))
    if any(other != counts for other in others):
        raise EvaluationError(
            f"{files[0].parent}: some rows have other numbers of boxes or classes than of scores"
        )
    return _Parts(
        images, np.array(counts, np.int64),
        np.array([box for one in boxes for box in one], np.float64).reshape(-1, 4),
        np.array([score for one in scores for score in one], np.float64),
        [name for one in classes for name in one],
        sum(reason is not None for reason in failures),
    )  # fmt: skip


def _rows_of_parquet(file: Path) -> dict[str, list[Any]]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise EvaluationError(
            f"{file}: reading Parquet needs pyarrow; run pip install pyarrow"
        ) from None
    try:
        return pq.read_table(file, columns=[*COLUMNS]).select(COLUMNS).to_pydict()
    except (pa.ArrowException, KeyError, OSError) as error:
        raise _unreadable(file, error) from None


def _rows_of_json(file: Path) -> dict[str, list[Any]]:
    import orjson

    try:
        rows = [orjson.loads(line) for line in file.read_bytes().splitlines()]
        return {name: [row[name] for row in rows] for name in COLUMNS}
    except (ValueError, KeyError, TypeError) as error:
        raise _unreadable(file, error) from None


def _unreadable(file: Path, error: Exception) -> EvaluationError:
    reason = " ".join(str(error).split())
    return EvaluationError(
        f"{file}: no part of `detect batch` ({reason:.80}); delete it, and {AGAIN}"
    )


def _check_numbers(parts: _Parts, names: Sequence[str], source: str) -> None:
    """Raise EvaluationError for a box or score that is not finite, and for rows of one image."""
    bad = ~np.isfinite(np.column_stack([parts.boxes, parts.scores])).all(axis=1)
    if bad.any():
        name = names[int(np.argmax(bad))]
        raise EvaluationError(f"{source}: image {name!r:.60} has a box or score that is not finite")
    if len(set(parts.images)) < len(parts.images):
        twice = next(name for name in parts.images if parts.images.count(name) > 1)
        raise EvaluationError(f"{source}: image {twice!r:.60} has several rows; keep one")


def _notes(parts: _Parts, unseen: int) -> list[str]:
    notes = []
    if parts.failures:
        images = amount(parts.failures, "image")
        notes.append(f"{images} failed in `detect batch`; objects there count as missed")
    if unseen:
        images = amount(unseen, "image")
        notes.append(f"no row for {images} of the ground truth; objects there count as missed")
    return notes
