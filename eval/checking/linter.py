"""The linter: everything that is wrong or suspicious in a data set or in results, with its place.

Readers stop at the first fault. `check` lists all, and has an error if and only if reading fails.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from eval.checking.records import parse_json
from eval.checking.results import check_results, is_results
from eval.checking.smells import (
    ERROR,
    NOTE,
    WARNING,
    Boxes,
    Finding,
    box_smells,
    missing_files,
    name_smells,
    score_smells,
    unused_classes,
)
from eval.checking.truth import check_truth
from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.errors import EvaluationError
from eval.formats.archives import unpacked_results
from eval.formats.coco_json import read_coco
from eval.formats.faults import Fault
from eval.formats.folders.xml_boxes import oddities
from eval.formats.json_files import ABSENT
from eval.formats.recognised import existing_place, reader_of
from eval.formats.results.tables import LEFT_OUT
from eval.formats.text_files import system_faults
from eval.formats.truth.coco_folder import coco_file, read_coco_folder
from eval.reading import check_options, read_dataset, read_detections, results_reader_of
from eval.wording import amount

__all__ = ["Finding", "check"]
ORDER = (ERROR, WARNING, NOTE)
UNLISTED = ("unknown image", "unknown class", "unknown image_id", "unknown category_id")
# What the corners of boxes mean in each layout
PIXELS = {
    "xywh": "boxes are continuous from 0",
    "xyxy": "boxes are continuous from 0",
    "inclusive0": "boxes are pixels from 0, the last one included",
    "inclusive1": "boxes are pixels from 1, the last one included",
}


@system_faults
def check(
    path: str | os.PathLike[str],
    data: str | os.PathLike[str] | Dataset | None = None,
    split: str | None = None,
    *,
    corners: str | None = None,
    boxes: str | None = None,
    names: str | os.PathLike[str] | None = None,
    skip_unlisted: bool = False,
) -> list[Finding]:
    """Find everything wrong or suspicious in a data set, or in results if `data` is given.

    Parameters
    ----------
    path
        Ground truth or results in any supported format.
    data
        The ground truth of the results. Results in JSON can be checked without it.
    split
        The split of a data set that has several (see its reader for the default).
    corners, boxes
        How VOC XML counts (see read_voc); what numbers in text files mean (see read_plain_text).
    names, skip_unlisted
        See read_detections. What is left out is a note and no error.

    Returns
    -------
    list
        Errors, which make reading fail, then warnings, then notes, each in file order.

    Raises
    ------
    EvaluationError
        The ground truth of results is missing or cannot be read, or a split is named for a format
        without splits.
    """
    findings: list[Finding] = []
    place = Path(path)
    given = {"split": split, "corners": corners, "boxes": boxes}
    options = {name: value for name, value in given.items() if value is not None}
    reading = _Reading(names, skip_unlisted)
    truth = path if data is None else data
    if split and not isinstance(truth, Dataset) and _reader(Path(truth)) is read_coco:
        raise EvaluationError(f"{os.fspath(truth)}: COCO JSON has no splits; leave the split out")
    if options and not isinstance(truth, Dataset):
        check_options(truth, _reader(Path(truth)), options)
    if data is None or isinstance(data, Dataset):
        dataset = data
    else:
        dataset = read_dataset(data, skip_unlisted=skip_unlisted, **options)
    try:
        if dataset is not None:
            _check_results(path, dataset, reading, findings)
        elif _reader(place) is read_coco:
            _check_json(place, reading, findings)
        elif _reader(place) is read_coco_folder:
            _check_json(coco_file(place, split), reading, findings)
        else:
            _check_dataset(place, options, findings)
            reading.leave_out(findings)
    except _NeedsDataError as error:
        raise EvaluationError(str(error)) from None
    except EvaluationError as error:
        findings.append(_refusal(error))
    return sorted(findings, key=lambda finding: ORDER.index(finding.severity))


class _Reading(NamedTuple):
    """How results are read: see read_detections."""

    names: str | os.PathLike[str] | None
    skip_unlisted: bool

    def leave_out(self, findings: list[Finding]) -> None:
        """Make notes of errors that the reader passes over."""
        for row, finding in enumerate(findings if self.skip_unlisted else ()):
            if finding.severity == ERROR and finding.kind.endswith(UNLISTED):
                kind = f"{finding.kind}, left out"
                findings[row] = finding._replace(severity=NOTE, kind=kind)


class _NeedsDataError(EvaluationError):
    """Results without ground truth."""


def _check_json(path: Path, reading: _Reading, findings: list[Finding]) -> None:
    document = parse_json(path, path.name, findings)
    if document is ABSENT:
        return
    if is_results(document):
        check_results(document, path.name, None, findings)
        return
    check_truth(document, path, findings)
    reading.leave_out(findings)
    _add_refusal(lambda: read_coco(path, skip_unlisted=reading.skip_unlisted), findings)


def _check_results(
    path: str | os.PathLike[str], dataset: Dataset, reading: _Reading, findings: list[Finding]
) -> None:
    images = (image.file_name for image in dataset.images)
    with unpacked_results(existing_place(path), images) as place:
        _check_results_at(place, dataset, reading, findings)


def _check_results_at(
    path: Path, dataset: Dataset, reading: _Reading, findings: list[Finding]
) -> None:
    def read() -> DetectionTable:
        return read_detections(path, dataset, **reading._asdict())

    reader, source = results_reader_of(path, dataset), path.name
    if reader is None:
        document = parse_json(path, source, findings)
        if document is not ABSENT:
            check_results(document, source, dataset, findings, **reading._asdict())
            reading.leave_out(findings)
            _add_refusal(read, findings)
        return
    options = {} if reading.names is None else {"names": reading.names}
    check_options(path, reader, options)
    table: DetectionTable = reader(path, dataset, on_fault=_collector(findings), **options)
    reading.leave_out(findings)
    if reading.skip_unlisted:
        _add_refusal(read, findings)
    for note in table.notes:
        unknown = note.startswith(LEFT_OUT)
        severity, kind = (WARNING, "unknown class") if unknown else (NOTE, "how it was read")
        findings.append(Finding(severity, kind, source, "", note))
    sizes = np.array([(i.width or np.nan, i.height or np.nan) for i in dataset.images], float)
    boxes = Boxes(
        xyxy=table.boxes_xyxy,
        images=table.images,
        labels=table.labels,
        limits=sizes.reshape(-1, 2)[table.images],
        where=table.where or (lambda row: f"{source}: detection {row + 1}"),
        field="box",
        sides=table.layout == "xywh",
        scores=table.scores,
    )
    findings += box_smells(boxes, source)
    findings += score_smells(boxes, source)
    if not len(table):
        message = "no detections: every object will count as missed"
        findings.append(Finding(WARNING, "empty list", source, "", message))
    images = amount(len(np.unique(table.images)), "image")
    content = f"{amount(len(table), 'detection')} on {images}"
    findings.append(Finding(NOTE, "content", source, "", content))


def _check_dataset(path: Path, options: dict[str, str], findings: list[Finding]) -> None:
    """Check a folder or a data.yaml, whose reader reports every fault that it refuses."""
    dataset: Dataset = reader_of(path)(path, on_fault=_collector(findings), **options)
    truths, images = dataset.all_truths, dataset.truth_images
    notes = oddities(dataset.images, truths, images)
    findings += [
        Finding(NOTE, "how it was read", dataset.source, "", note)
        for note in dataset.notes
        if note not in notes
    ]
    names = [image.file_name for image in dataset.images]
    sizes = np.array([(i.width or np.nan, i.height or np.nan) for i in dataset.images], float)

    def object_at(row: int) -> str:
        image = int(images[row])
        return f"{dataset.source}: {names[image]}: object {row - dataset.starts[image] + 1}"

    def image_at(row: int) -> str:
        return f"{dataset.source}: {names[row]}"

    boxes = Boxes(
        xyxy=truths.boxes_xyxy,
        images=images,
        labels=truths.labels,
        limits=sizes.reshape(-1, 2)[images],
        where=object_at,
        field="box",
        sides=truths.layout == "xywh",
    )
    findings += box_smells(boxes, dataset.source)
    findings += name_smells(names, image_at, "file_name")
    for row in np.flatnonzero(np.isnan(sizes.reshape(-1, 2)).any(axis=1)).tolist():
        message = "its size is unknown, so that boxes outside of it are not reported"
        findings.append(Finding(WARNING, "image without size", image_at(row), "size", message))
    own = [dataset.pictures] if dataset.pictures else []
    folders = [*own, path / "JPEGImages", path / "images"]
    findings += missing_files(names, folders, image_at)
    used = set(truths.labels.tolist())
    findings += unused_classes(
        dataset.class_names, used, lambda label: f"{dataset.source}: class {label + 1}", "object"
    )
    content = (
        f"{amount(len(dataset), 'image')}, {amount(len(dataset.class_names), 'class', 'classes')}, "
        f"{amount(len(truths), 'object')}; {PIXELS[truths.layout]}"
    )
    findings.append(Finding(NOTE, "content", dataset.source, "", content))


def _reader(path: Path) -> Callable[..., Dataset]:
    """The reader of ground truth; results in other formats than JSON need their ground truth."""
    try:
        return reader_of(path)
    except EvaluationError as error:
        refused = error
    results = False
    with contextlib.suppress(EvaluationError):
        results = results_reader_of(path) is not None
    if results:
        raise _NeedsDataError(f"{path}: these are results; name their ground truth with --data")
    raise refused


def _collector(findings: list[Finding]) -> Any:
    def collect(fault: Fault) -> None:
        findings.append(Finding(ERROR, fault.kind, fault.where, fault.field, fault.message))

    return collect


def _add_refusal(read: Any, findings: list[Finding]) -> None:
    """Add the error of the reader, which may refuse what no other test finds."""
    if any(finding.severity == ERROR for finding in findings):
        return
    try:
        read()
    except EvaluationError as error:
        findings.append(_refusal(error))


def _refusal(error: EvaluationError) -> Finding:
    where, _, message = str(error).partition(": ")
    return Finding(ERROR, "cannot be read", where, "", message)
