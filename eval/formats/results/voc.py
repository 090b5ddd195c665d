"""Results in the format of PASCAL VOC: one file per class, comp4_det_SPLIT_CLASS.txt."""

from __future__ import annotations

import glob
import os
import re
from itertools import chain
from pathlib import Path

import numpy as np

from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.errors import EvaluationError
from eval.formats.faults import FaultHandler, refuse
from eval.formats.number_lines import number_table
from eval.formats.results.class_names import labels_by_name
from eval.formats.results.image_names import find_images, rows_by_name
from eval.formats.results.tables import ResultRows, make_table
from eval.formats.text_files import decoded, read_bytes
from eval.wording import amount, listed

FILE_NAME = re.compile(r"comp\d+_det_.+\.txt(\.gz)?")
FIELDS = ("score", "xmin", "ymin", "xmax", "ymax")
REMEDY = "write file names with their suffix"


def comp4_files(path: str | os.PathLike[str]) -> list[Path]:
    """The files of results in a folder, matching a glob pattern or at a path, sorted by name."""
    text = os.fspath(path)
    names = glob.glob(text) if glob.has_magic(text) and not Path(text).exists() else [text]
    paths = Path(text).iterdir() if Path(text).is_dir() else map(Path, names)
    return sorted(one for one in paths if FILE_NAME.fullmatch(one.name))


def class_files(path: str | os.PathLike[str], dataset: Dataset) -> list[Path]:
    """The files comp4_det_SPLIT_CLASS.txt, or else CLASS.txt, as darknet writes, if all are such.

    CLASS.txt may have anything in front, ending with `_`. Empty if files are named after images.
    """
    files = comp4_files(path)
    if files or not Path(path).is_dir():
        return files
    files = sorted(one for one in Path(path).glob("*.txt") if not one.name.startswith("."))
    stems = {Path(image.file_name).stem for image in dataset.images}
    classes = all(_class_of(one, dataset)[1] >= 0 and one.stem not in stems for one in files)
    return files if classes else []


def read_comp4(
    path: str | os.PathLike[str], dataset: Dataset, *, on_fault: FaultHandler = refuse
) -> DetectionTable:
    """Read lines `image score xmin ymin xmax ymax` from a folder, a glob pattern or one file.

    In a folder, the files may also be called CLASS.txt (see class_files).

    Boxes are whole pixels counted from 1 (layout "inclusive1"). The class is the end of the file
    name. All images are named in the same way: by id, by file name, or by file name without suffix.

    Raises
    ------
    EvaluationError
        The message names file and line: an unknown image, a wrong number of columns, or a word
        that is no number. Also if names may be ids or file names, if there are two files of one
        class, or if no class is known.
    """
    files = class_files(path, dataset)
    if not files:
        raise EvaluationError(
            f"{os.fspath(path)}: no file comp4_det_SPLIT_CLASS.txt; check the path"
        )
    tables, words, labels, lines = [], [], [], []
    file_of: list[np.ndarray] = []
    classes = [_class_of(file, dataset) for file in files]
    called = [dataset.class_names[label] if label >= 0 else name for name, label in classes]
    _check_classes(files, called, Path(path).name)
    for file, (_, label) in zip(files, classes, strict=True):
        content = read_bytes(file)
        table, numbers, names = number_table(
            content, FIELDS, file.name, on_fault, word="image", blanks=True
        )
        tables.append(table)
        words.append(decoded(b"\n".join(names), file.name).split("\n") if names else [])
        labels.append(np.full(len(table), label))
        lines.append(numbers)
        file_of.append(np.full(len(table), len(file_of)))
    rows, notes = rows_by_name(dataset, chain(*words), Path(path).name, reason=REMEDY)
    images = [
        find_images(some, rows, numbers, file.name, on_fault)
        for file, some, numbers in zip(files, words, lines, strict=True)
    ]
    line, file_row = np.concatenate(lines), np.concatenate(file_of)
    scores, boxes = np.split(np.concatenate(tables), [1], axis=1)
    missing = [name for name in dataset.class_names if name not in called]
    notes += labels_by_name([name for name, label in classes if label >= 0], dataset.class_names)[1]
    if missing:
        notes = (
            f"no file for {amount(len(missing), 'class', 'classes')}: {listed(missing)}",
            *notes,
        )
    table_rows = ResultRows(
        images=np.concatenate(images),
        labels=np.concatenate(labels),
        boxes=boxes,
        scores=scores[:, 0],
        layout="inclusive1",
        source=Path(path).name,
        where=lambda row: f"{files[file_row[row]].name}: line {line[row]}",
        class_of=lambda row: classes[file_row[row]][0],
    )
    return make_table(dataset, table_rows, notes)


def _check_classes(files: list[Path], names: list[str], source: str) -> None:
    """Two files of one class come from different detectors or splits, or are copies."""
    of_class: dict[str, Path] = {}
    for file, name in zip(files, names, strict=True):
        if of_class.setdefault(name, file) is not file:
            raise EvaluationError(
                f"{source}: two files of the class {name!r:.60}, {of_class[name].name} and "
                f"{file.name}; remove one, or select the files of one result, as in 'comp4_*'"
            )


def _class_of(file: Path, dataset: Dataset) -> tuple[str, int]:
    """The class as a file name has it, and its label, -1 if unknown. The longest name wins."""
    stem = file.name.removesuffix(".gz").removesuffix(".txt")
    for form in (str, _spaced):  # as written, or else without regard to case and signs
        fitting = [
            name for name in dataset.class_names if f"_{form(stem)}".endswith(f"_{form(name)}")
        ]
        if fitting:
            name = max(fitting, key=len)
            several = sum(form(other) == form(name) for other in fitting) > 1
            written = stem[len(stem) - len(name) :]
            return written, -1 if several else dataset.class_names.index(name)
    return stem.split("_", 3)[-1], -1


def _spaced(name: str) -> str:
    """The name without regard to case, and with one sign between its words."""
    return re.sub(r"[\s_-]", "_", name.casefold())
