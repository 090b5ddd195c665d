"""Results as YOLO programs save them: one text file per image, boxes in fractions."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.errors import EvaluationError
from eval.formats.faults import Fault, FaultHandler, refuse
from eval.formats.folders.yolo_lines import checked_rows
from eval.formats.folders.yolo_names import read_names
from eval.formats.number_lines import number_of, number_table
from eval.formats.results.class_names import labels_of_words
from eval.formats.results.image_names import FILE_NAMES, find_images, rows_by_name
from eval.formats.results.line_layouts import YOLO, corners, found_objects, layout_of
from eval.formats.results.tables import ResultRows, make_table
from eval.formats.results.yolo_columns import CORNERS, keypoint_columns, polygon_columns
from eval.formats.text_files import decoded, read_bytes
from eval.wording import amount

FIELDS = ("cx", "cy", "w", "h", "confidence")
NAMES = ("classes.txt", "labels/classes.txt", "data.yaml")


def read_yolo_results(
    path: str | os.PathLike[str],
    dataset: Dataset,
    *,
    names: str | os.PathLike[str] | None = None,
    on_fault: FaultHandler = refuse,
) -> DetectionTable:
    """Read a folder (or its subfolder labels) of files IMAGE.txt: `class cx cy w h confidence`.

    The class is a name, or a number: the position in `names`, or else in the classes of the ground
    truth, from 0. Boxes are fractions of the image, whose size is in the ground truth. Lines with
    the confidence second, or with pixels (`class confidence left top right bottom` and the like),
    are recognised by the objects that they find; a note says so. A polygon becomes the box around
    it; keypoints and the numbers of tracks, which ultralytics writes last, are passed over.
    IMAGE is the file name of the image without its suffix, or an id that is text; numbers are not
    read as ids.

    Parameters
    ----------
    names
        data.yaml, or a text file with one class per line. Default: classes.txt or data.yaml in the
        folder, or classes.txt above it if it is called labels.

    Raises
    ------
    EvaluationError
        The message names file and line: a file without an image, an image of unknown size, a wrong
        number of columns, a word that is no number, or a box that is not in fractions. Also if no
        class is known.
    """
    root = Path(path)
    folder = root / "labels" if (root / "labels").is_dir() else root
    name_file = Path(names) if names else _first_file(root)
    files = _text_files(folder, name_file, dataset)
    if not files:
        raise EvaluationError(f"{os.fspath(path)}: contains no text file; expected one per image")
    rows, notes = rows_by_name(
        dataset, files.values(), root.name, FILE_NAMES, "YOLO names files after images"
    )
    lines = _lines(files, dataset, rows, on_fault)
    if len(lines.lengths) == 1 and max(lines.lengths) > CORNERS + 1:
        posed = _lines(files, dataset, rows, lambda fault: None, keypoint_columns)
        lines = posed if _found(posed, dataset) > _found(lines, dataset) else lines
    if lines.keypoints:
        notes = (f"{amount(lines.keypoints, 'line')} read as a box and its keypoints", *notes)
    numbers, image_rows, words, wheres = lines[:4]
    layout = layout_of(numbers, image_rows, dataset)
    if layout is YOLO and _are_tracks(numbers[:, -1]):
        raise EvaluationError(
            f"{root.name}: the last number of each line is whole, as that of a track, and no "
            "confidence from 0 to 1; save confidences too (ultralytics: save_conf=True), or divide "
            "percentages by 100"
        )
    values = np.array([number_of(word) for word in words], float)
    good = np.ones(len(words), bool)
    if layout is YOLO:
        good = _checked(numbers, values, wheres, on_fault)
    else:
        unit = "pixels" if layout.pixels else "fractions"
        note = f"lines were read as `class {layout.columns}` in {unit}, which finds more objects"
        notes = (note, *notes)
    kept = np.flatnonzero(good)
    sides = np.array([(i.width, i.height) for i in dataset.images], float).reshape(-1, 2)
    boxes = corners(numbers[kept], sides[image_rows[kept]], layout)
    boxes[:, 2:] -= boxes[:, :2]
    kept_words = [words[row] for row in kept]
    label_of, class_notes = labels_of_words(kept_words, name_file, dataset.class_names)
    listed_names = read_names(name_file)[0] if name_file else ()
    table_rows = ResultRows(
        images=image_rows[kept],
        labels=np.array([label_of[word] for word in kept_words], np.int64),
        boxes=boxes,
        scores=numbers[kept, layout.score],
        layout="xywh",
        source=root.name,
        where=lambda row: "{}: line {}".format(*wheres[kept[row]]),
        class_of=lambda row: _name(words[kept[row]], listed_names),
    )
    return make_table(dataset, table_rows, (*class_notes, *notes))


def _are_tracks(scores: np.ndarray) -> bool:
    """Whether all (N,) scores are whole numbers, of which one is above 1."""
    return bool(len(scores) and (scores % 1 == 0).all() and scores.max() > 1)


def _first_file(root: Path) -> Path | None:
    names = ("classes.txt", "../classes.txt") if root.name == "labels" else NAMES
    return next((root / name for name in names if (root / name).is_file()), None)


def _text_files(folder: Path, name_file: Path | None, dataset: Dataset) -> dict[Path, str]:
    """The files of a folder and its subfolders, and the name of the image of each."""
    ids = {image.id for image in dataset.images}
    files = {}
    for file in sorted(folder.rglob("*.txt")):
        place = file.relative_to(folder).with_suffix("").as_posix()
        other = file == name_file or (file.stem == "classes" and file.stem not in ids)
        if not file.name.startswith(".") and not other:
            files[file] = place if place in ids else file.stem
    return files


class _Lines(NamedTuple):
    """N lines: five numbers, image indices, words of the classes, and places.

    `lengths` are the numbers of words in lines of more columns, and `keypoints` is the number of
    lines that were read as a box and keypoints.
    """

    numbers: np.ndarray
    images: np.ndarray
    words: list[str]
    wheres: list[tuple[str, int]]
    lengths: set[int]
    keypoints: int


def _lines(
    files: dict[Path, str],
    dataset: Dataset,
    rows: dict[str, int],
    on_fault: FaultHandler,
    columns: Callable[[list[bytes]], list[float] | None] = polygon_columns,
) -> _Lines:
    """The lines of all files; `columns` makes those of more columns into five numbers."""
    tables, images, words = [np.empty((0, 5))], [np.empty(0, np.int64)], []
    wheres: list[tuple[str, int]] = []
    lengths: set[int] = set()
    keypoints = 0

    def reshape(parts: list[bytes]) -> list[float] | None:
        nonlocal keypoints
        lengths.add(len(parts))
        values = columns(parts)
        keypoints += values is not None and values == keypoint_columns(parts)
        return values

    for file, name in files.items():
        table, lines, classes = number_table(
            read_bytes(file), FIELDS, file.name, on_fault, word="class", reshape=reshape
        )
        (row,) = find_images([name], rows, [1], file.name, on_fault, records=len(table))
        if row >= 0 and 0 in (dataset.images[row].width, dataset.images[row].height):
            message = "the ground truth lacks the size of this image; add it there"
            on_fault(Fault(file.name, "image", message, "image of unknown size"))
            row = -1
        if row >= 0:
            tables.append(table)
            images.append(np.full(len(table), row))
            words += decoded(b"\n".join(classes), file.name).split("\n") if classes else []
            wheres += [(file.name, int(line)) for line in lines]
    numbers, image_rows = np.concatenate(tables), np.concatenate(images)
    return _Lines(numbers, image_rows, words, wheres, lengths, keypoints)


def _found(lines: _Lines, dataset: Dataset) -> int:
    """How many of the boxes, read in YOLO's layout, find an object."""
    return found_objects(lines.numbers, lines.images, dataset, YOLO)


def _checked(
    numbers: np.ndarray, values: np.ndarray, wheres: list[tuple[str, int]], on_fault: FaultHandler
) -> np.ndarray:
    """(N,) bool: lines whose class is a name or a whole number, with a box in fractions."""
    table = np.column_stack([np.where(np.isnan(values), 0, values), numbers])
    good = np.ones(len(table), bool)
    starts = [row for row in range(len(wheres)) if not row or wheres[row][0] != wheres[row - 1][0]]
    for first, end in itertools.pairwise([*starts, len(wheres)]):
        lines = np.array([line for _, line in wheres[first:end]])
        good[first:end] = checked_rows(table[first:end], lines, wheres[first][0], on_fault, None)
    return good


def _name(word: str, names: Sequence[str]) -> str:
    """The class that a word means, for a note: a number's name if it has one."""
    number = number_of(word)
    return names[int(number)] if 0 <= number < len(names) else word
