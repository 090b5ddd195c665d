"""Ground truth as a table, separated by commas, semicolons or tabs: one object in each line."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from eval.datasets import Dataset
from eval.errors import EvaluationError
from eval.formats.csv_columns import (
    CENTRES,
    CLASS_ID,
    CLASS_NAME,
    IMAGE,
    SCORE,
    SIDES,
    STRING,
    WHOLE,
    Columns,
    are_sides_of_pictures,
    chosen_columns,
    numbers_in,
    plain,
    refuse_sides_of_pictures,
    table_rows,
    whole,
)
from eval.formats.faults import FaultHandler, refuse
from eval.formats.number_lines import number_of
from eval.formats.text_files import decoded, read_bytes
from eval.formats.truth.gathering import Gathering
from eval.formats.truth.picture_files import is_picture_name
from eval.wording import amount

# Sides of the picture; the first pair counts that is there and does not belong to the box
PICTURE_SIDES = (
    ("image_width", "image_height"),
    ("img_width", "img_height"),
    ("im_width", "im_height"),
    ("width", "height"),
)
FLAGS = {"difficult": ("difficult",), "crowd": ("iscrowd", "is_crowd")}
RETINANET = ("image", "x1", "y1", "x2", "y2", "class")  # its files do not name the columns
TRUE = ("1", "1.0", "true", "yes")
EMPTY = ("", "nan", "none", "null")
CLASS_FILE = "classes.csv"  # of RetinaNet: name, number


class Table(NamedTuple):
    """The lines of a file, and the columns that are read."""

    source: str
    header: tuple[str, ...]
    columns: Columns
    rows: Iterator[tuple[int, list[str]]]

    @property
    def flags(self) -> dict[str, int]:
        """The position of the column for each flag that there is."""
        places = {f: [n for n in names if n in self.header] for f, names in FLAGS.items()}
        return {flag: self.header.index(names[0]) for flag, names in places.items() if names}

    @property
    def sides(self) -> list[int]:
        """The positions of the columns with width and height of the picture; [] without them."""
        for pair in PICTURE_SIDES:
            if set(pair) <= set(self.header) - set(self.columns.box):
                return [self.header.index(name) for name in pair]
        return []


def read_table(path: str | os.PathLike[str], *, on_fault: FaultHandler = refuse) -> Dataset:
    """Read a table whose first line names the columns, or RetinaNet's `path,x1,y1,x2,y2,class`.

    The table needs an image, a class and a box under the names of read_csv_results, and may have
    the sides of the picture (width, height beside corners, as TensorFlow and Roboflow write them),
    difficult and iscrowd. A line with an empty box is a picture without objects. Boxes are
    continuous from 0, in pixels or in fractions of the picture. The id of a picture is the stem of
    its file name, or the number in a column image_id. Classes are those of classes.csv beside
    RetinaNet's file, or else the names in alphabetical order. Their ids are 1, 2, and so on, or the
    whole numbers in a column category_id or class_id.

    Raises
    ------
    EvaluationError
        The message names file and line: a missing column, a wrong number of columns, or a cell that
        is no number.
    """
    place = Path(path)
    table = _table(decoded(read_bytes(place), place.name), place.name, on_fault)
    found = Gathering(on_fault)
    ids, empty = _gather(table, found)
    found.numbered = table.columns.image in ("image_id", "imageid")
    found.relative = found.looks_relative()
    listed_names = _class_file(place.parent / CLASS_FILE) if table.header == RETINANET else []
    names, numbers = (listed_names, None) if listed_names else _numbered(ids)
    columns, unit = table.columns, "fractions of the picture" if found.relative else "pixels from 0"
    notes = [
        f"read as: image from {columns.image!r}, class from {columns.category!r}, box "
        f"{columns.meaning} from {', '.join(columns.box)} ({unit}, continuous)"
    ]
    if empty:
        notes.append(f"{amount(empty, 'line')} without a box: pictures without objects")
    dataset = found.dataset(place, class_names=names, category_ids=numbers, notes=notes)
    sizes = np.array([(i.width, i.height) for i in dataset.images], float).reshape(-1, 2)
    boxes = dataset.all_truths.boxes_xywh
    if columns.meaning == SIDES and are_sides_of_pictures(boxes, sizes[dataset.truth_images]):
        refuse_sides_of_pictures(columns.box, table.source)
    return dataset


def _gather(table: Table, found: Gathering) -> tuple[dict[str, set[str]], int]:
    """Add pictures and objects; the ids of each class, and the number of lines without a box."""
    places = {name: position for position, name in enumerate(table.header)}
    image, category = places[table.columns.image], places[table.columns.category]
    number = next((places[name] for name in CLASS_ID if name in places), -1)
    box, sides, flags = [places[name] for name in table.columns.box], table.sides, table.flags
    pictures: dict[str, int] = {}
    ids: dict[str, set[str]] = {}
    empty = 0
    for line, cells in table.rows:
        name = cells[image].strip()
        if name not in pictures:
            width, height = (number_of(cells[i]) for i in sides) if sides else (0.0, 0.0)
            pictures[name] = found.picture(whole(name), width, height)
        words = [cells[i].strip() for i in box]
        if all(word.lower() in EMPTY for word in words):
            empty += 1
            continue
        kind = whole(cells[category])
        if number >= 0:
            ids.setdefault(kind, set()).add(whole(cells[number]))
        found.add(
            f"{table.source}: line {line}", kind, _corners(words, table.columns.meaning),
            picture=pictures[name],
            **{flag: cells[i].strip().lower() in TRUE for flag, i in flags.items()},
        )  # fmt: skip
    return ids, empty


def _corners(words: list[str], meaning: str) -> list[float]:
    """[xmin, ymin, xmax, ymax] from the texts of a box; NaN for what is no number."""
    parts = numbers_in(words[0], 4) if len(words) == 1 else words
    a, b, c, d = (number_of(part) for part in parts)
    if meaning == SIDES:
        return [a, b, a + c, b + d]
    return [a - c / 2, b - d / 2, a + c / 2, b + d / 2] if meaning == CENTRES else [a, b, c, d]


def _numbered(ids: dict[str, set[str]]) -> tuple[list[str], list[int] | None]:
    """The classes and their ids, if each class has one whole number; otherwise ([], None)."""
    pairs = {name: next(iter(values)) for name, values in ids.items() if len(values) == 1}
    one_to_one = len(pairs) == len(ids) == len(set(pairs.values()))
    if not ids or not one_to_one or not all(WHOLE.fullmatch(value) for value in pairs.values()):
        return [], None
    names = sorted(pairs, key=lambda name: int(pairs[name]))
    return names, [int(pairs[name]) for name in names]


def _class_file(path: Path) -> list[str]:
    """The names in RetinaNet's list of classes, in the order of their numbers; [] without one."""
    if not path.is_file():
        return []
    lines = decoded(read_bytes(path), path.name).splitlines()
    pairs = [line.rpartition(",") for line in lines if line.strip()]
    if not all(name.strip() and not math.isnan(number_of(number)) for name, _, number in pairs):
        raise EvaluationError(f"{path.name}: expected NAME,NUMBER on each line; correct it")
    return [name.strip() for name, _, number in sorted(pairs, key=lambda p: number_of(p[2]))]


def is_table(path: Path, line: bytes) -> bool:
    """Whether a file with this first line is a table, by its suffix or its columns."""
    names = _names(line)
    named = any(name in names for name in IMAGE) and any(name in names for name in CLASS_NAME)
    by_suffix = path.suffix.lower() in (".csv", ".tsv")
    return by_suffix or named or is_without_names(line.decode(errors="replace"))


def is_results(line: bytes) -> bool:
    """Whether the first line of a table names a column of scores."""
    return any(name in SCORE or name == STRING for name in _names(line))


def _names(line: bytes) -> list[str]:
    words = line.decode(errors="replace").replace('"', "")
    return [plain(name) for name in re.split("[,;\t]", words)]


def is_without_names(line: str) -> bool:
    """Whether a line is one of RetinaNet: a picture, four numbers or nothing, and a class."""
    cells = [cell.strip() for cell in line.split(",")]
    return (
        len(cells) == 6
        and is_picture_name(cells[0])
        and (not any(cells[1:]) or not any(math.isnan(number_of(cell)) for cell in cells[1:5]))
    )


def _table(text: str, source: str, on_fault: FaultHandler) -> Table:
    bare = is_without_names(text.partition("\n")[0])
    written, rows = table_rows(text, source, on_fault, RETINANET if bare else ())
    header = tuple(map(plain, written))
    columns = chosen_columns(header, written, source, scored=False)
    return Table(source, header, columns, rows)
