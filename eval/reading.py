"""Read ground truth and detections; the format is recognised by the files at a path."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from eval.datasets import Dataset
from eval.detections import DetectionTable, checked_table
from eval.errors import EvaluationError
from eval.formats.archives import unpacked_results
from eval.formats.coco_json import coco_dataset
from eval.formats.columnar.batch_parts import are_batch_parts, read_batch_parts
from eval.formats.foreign import refuse_foreign_text
from eval.formats.recognised import existing_place, first_files, reader_of
from eval.formats.results.coco import from_array, from_document, read_coco_results
from eval.formats.results.csv import read_csv_results
from eval.formats.results.ilsvrc import read_ilsvrc_submission
from eval.formats.results.named_lines import are_named_lines, read_named_lines
from eval.formats.results.voc import class_files, comp4_files, read_comp4
from eval.formats.results.yolo import read_yolo_results
from eval.formats.text_files import first_line, is_image, system_faults
from eval.formats.unlisted import Unlisted
from eval.records import Record
from eval.wording import amount

LEAVE_NAMES = "names state the class numbers of JSON, tables and YOLO results: leave them out"
DetectionSource: TypeAlias = (
    "str | os.PathLike[str] | Record | Sequence[Record] | np.ndarray | DetectionTable"
)


@system_faults
def read_dataset(path: str | os.PathLike[str] | Record, **options: Any) -> Dataset:
    """Read ground truth in any format (see reader_of), or from memory.

    Parameters
    ----------
    path
        A COCO JSON file, a YOLO data.yaml, the folder of a data set, or another file of
        eval.formats.recognised.READERS; or a dictionary with the content of a COCO JSON file.
    options
        Arguments of the format's reader, for instance `split`. With `skip_unlisted`, objects on
        images or of classes that are not listed are left out in every format, and a note gives
        their number; the default is an error, except for COCO's unlisted categories, which are
        always left out.

    Raises
    ------
    EvaluationError
        The message names file, record and field.
    """
    skip_unlisted = bool(options.pop("skip_unlisted", False))
    if isinstance(path, dict):
        if options:
            raise EvaluationError(
                f"a dictionary has no option {next(iter(options))!r}; leave it out"
            )
        return coco_dataset(path, "the dictionary", skip_unlisted=skip_unlisted)
    reader = reader_of(path)
    check_options(path, reader, options)
    if not skip_unlisted:
        return reader(path, **options)
    if "skip_unlisted" in inspect.signature(reader).parameters:
        return reader(path, skip_unlisted=True, **options)
    unlisted = Unlisted("object")
    dataset = reader(path, on_fault=unlisted, **options)
    return replace(dataset, notes=(*dataset.notes, *unlisted.notes()))


@system_faults
def check_options(
    path: str | os.PathLike[str], reader: Callable[..., Any], options: Collection[str]
) -> None:
    """Raise EvaluationError if the reader of the file at a path lacks one of the options."""
    for name in options:
        if name not in inspect.signature(reader).parameters:
            raise EvaluationError(
                f"{os.fspath(path)}: the format has no option {name!r}; leave it out"
            )


def read_detections(
    detections: DetectionSource,
    dataset: Dataset,
    *,
    names: str | os.PathLike[str] | None = None,
    skip_unlisted: bool = False,
) -> DetectionTable:
    """Read detections and assign each one to an image and a class of the data set.

    Parameters
    ----------
    detections
        COCO results: a list of objects with image_id, category_id, bbox `[x, y, width, height]`
        and score, or an object with such a list under "annotations" (a detections.json). Or the
        path of a JSON file with either, or of results in another format (see results_reader_of),
        also in a zip that holds one JSON file or table, or text files.
        Or an array (N, 7) with image_id, x, y, width, height, score and category_id in each row.
        A DetectionTable is checked and returned.
    dataset
        The ground truth. If the results have lists "images" and "categories" of their own, their
        ids are translated by file name and by class name; otherwise results use the ids of the
        ground truth.
    names
        data.yaml, or a text file with one class per line: what the class numbers of the results
        mean, from 0. Default: in JSON and tables, they are ids of the ground truth; in YOLO
        results, lines of classes.txt or data.yaml beside the results, or else the classes of the
        ground truth in their order.
    skip_unlisted
        Leave out detections on images that the ground truth does not list, as for a part of a data
        set; a note gives their number. Default: an error.

    Returns
    -------
    Detections in file order. Those of categories that are not in the ground truth are left out;
    the notes give their number and that of boxes with a negative side.

    Raises
    ------
    EvaluationError
        The message names file, record and field: a missing or malformed field, a score or box that
        is not finite, or an unknown image. Also if no category is known, or if the arrays of a
        table do not fit each other or the data set.
    """
    if not isinstance(dataset, Dataset):
        raise EvaluationError(
            f"ground truth: expected a data set from read_dataset; got {type(dataset).__name__}"
        )
    if isinstance(detections, DetectionTable):
        if names is not None:
            raise EvaluationError(
                f"{detections.source}: labels are not read by names; {LEAVE_NAMES}"
            )
        return checked_table(detections, dataset)
    options: dict[str, Any] = {"names": names, "skip_unlisted": skip_unlisted}
    if isinstance(detections, np.ndarray):
        return from_array(detections, dataset, "detections", **options)
    _refuse_paths(detections)
    if not isinstance(detections, (str, os.PathLike)):
        return from_document(detections, dataset, "detections", **options)
    images = (image.file_name for image in dataset.images)
    with unpacked_results(existing_place(detections), images) as place:
        return _read_place(place, dataset, names, skip_unlisted)


def _refuse_paths(detections: Any) -> None:
    """Raise EvaluationError for a list of paths."""
    if not isinstance(detections, (list, tuple)) or not detections:
        return
    if all(isinstance(one, (str, os.PathLike)) for one in detections):
        raise EvaluationError(
            f"detections: a list of {amount(len(detections), 'path')}; give one: join JSON lists "
            "into one, or put text files into one folder"
        )


def _read_place(
    place: Path, dataset: Dataset, names: str | os.PathLike[str] | None, skip_unlisted: bool
) -> DetectionTable:
    """Read the results at a path, as read_detections."""
    options: dict[str, Any] = {"names": names, "skip_unlisted": skip_unlisted}
    reader = results_reader_of(place, dataset)
    if reader is None:
        return read_coco_results(place, dataset, **options)
    if names is None:
        options = {}
    elif "names" in inspect.signature(reader).parameters:
        options = {"names": names}
    else:
        raise EvaluationError(
            f"{place}: the format names its classes or uses the ids of the ground "
            f"truth; {LEAVE_NAMES}"
        )
    if not skip_unlisted:
        return reader(place, dataset, **options)
    unlisted = Unlisted("detection")
    table = reader(place, dataset, on_fault=unlisted, **options)
    notes = unlisted.notes()
    if notes and not len(table):
        raise EvaluationError(f"{table.source}: no detection is left: {'; '.join(notes)}")
    return replace(table, notes=(*table.notes, *notes))


def results_reader_of(
    path: str | os.PathLike[str], dataset: Dataset | None = None
) -> Callable[..., DetectionTable] | None:
    """The reader for the results at a path, called as reader(path, dataset); None for JSON.

    The ground truth tells files named after classes from files named after images.

    Raises
    ------
    EvaluationError
        No format is recognised; the message lists the expected files.
    """
    place = existing_place(path)
    if class_files(path, dataset) if dataset else comp4_files(path):
        return read_comp4
    if place.is_dir():
        if are_batch_parts(place):
            return read_batch_parts
        texts = [*first_files(place, "*.txt", "labels/*.txt", "*/*.txt")]
        if texts:
            refuse_foreign_text(texts[0], first_line(texts[0]))
            return read_yolo_results
        if (place / "detections.json").is_file():
            raise EvaluationError(f"{place}: a folder; name the file detections.json in it")
        raise EvaluationError(
            f"{place}: the folder has no results: neither comp4_det_SPLIT_CLASS.txt (VOC) nor "
            "IMAGE.txt (YOLO); check the path"
        )
    if place.suffix.lower() == ".json":
        return None
    begin = first_line(place)
    table = place.suffix.lower() in (".csv", ".tsv")
    if is_image(begin):
        raise EvaluationError(f"{place}: this is an image, not results; check the path")
    if begin.startswith((b"{", b"[")) or not (begin or table):
        return None
    if not table:
        refuse_foreign_text(place, begin)
    if are_named_lines(begin):
        return read_named_lines
    if table or b"," in begin or b";" in begin:
        return read_csv_results
    return read_ilsvrc_submission
