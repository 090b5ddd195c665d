"""Ground truth in YOLO's layout: pictures, a text file of normalised boxes for each, names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from eval.datasets import Dataset, ImageRecord, Truths, group_by_image
from eval.errors import EvaluationError
from eval.formats.faults import Fault, Report, refuse
from eval.formats.number_lines import number_table
from eval.formats.text_files import decoded, read_bytes
from eval.formats.yolo_folders import find_folders, home_of, read_yaml

FIELDS = ("class", "cx", "cy", "w", "h")
PICTURES = frozenset((".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif"))
NAMES = ("data.yaml", "data.yml", "dataset.yaml", "classes.txt", "obj.names", "labels/classes.txt")
SWAPPED = (5, 6, 7, 8)  # EXIF orientations that lay the picture on its side
ORIENTATION = 0x0112
SLACK = 0.01  # of a side: fractions rounded by their writer may leave 0..1 by a little


def read_yolo(
    path: str | os.PathLike[str],
    split: str | None = None,
    *,
    names: str | os.PathLike[str] | None = None,
    report: Report = refuse,
) -> Dataset:
    """Read a folder with images/ and labels/, or SPLIT/images and SPLIT/labels, or both in one.

    Where there is a data.yaml, its `path`, `train`, `val` and `test` come first, if they name
    folders that are there: `path` from the file's own folder, the others from `path`.
    Lines are `class cx cy w h`, in fractions of the picture, whose size is read from its header.
    A picture without a text file has no objects. Boxes become [x, y, width, height] in pixels;
    an image's id is its file's stem, a class's id its number, counted from 0.

    Parameters
    ----------
    path
        The folder, or its data.yaml.
    split
        Default: test, val, valid or train, the first that is there; not train where data.yaml
        names another for which nothing is there.
    names
        data.yaml, or a text file with a class a line. Default: data.yaml, classes.txt, obj.names;
        without any, classes are called by their numbers.

    Raises
    ------
    EvaluationError
        Naming file, line and field: a text file without its picture, a picture that cannot be
        read, a malformed line, a class without name, a box that is not in fractions. Or a part is
        not there, or is a list of folders or a text file.
    """
    home, notes = home_of(path), []
    root = home.folder
    pictures, labels, chosen = find_folders(home, split)
    if chosen and not split:
        notes.append(f"images of the split {chosen}; name another with --split (split= in Python)")
    name_file = (
        Path(names) if names else next((root / n for n in NAMES if (root / n).is_file()), None)
    )
    if Path(path) != root:
        name_file = Path(path)
    class_names = () if name_file is None else read_names(name_file)

    images = _images(pictures, report)
    _check_pairs(labels, images, name_file, report)
    tables, truth_images, highest = [np.empty((0, 5))], [], -1
    for row, image in enumerate(images):
        file = labels / f"{image.id}.txt"
        if not file.is_file():
            continue
        table, lines, _ = number_table(read_bytes(file), FIELDS, file.name, report)
        good = checked_rows(table, lines, file.name, report, len(class_names) or None)
        tables.append(in_pixels(table[good], image))
        truth_images += [row] * int(good.sum())
        highest = max(highest, int(table[good, 0].max(initial=-1)))
    if name_file is None:
        class_names = tuple(str(number) for number in range(highest + 1))
        notes.append(f"no {', '.join(NAMES[:4])} or obj.names: classes are called by their numbers")

    rows = np.concatenate(tables)
    truths = Truths(
        boxes=rows[:, 1:],
        labels=rows[:, 0].astype(np.int64),
        areas=rows[:, 3] * rows[:, 4],
        difficult=np.zeros(len(rows), bool),
        crowd=np.zeros(len(rows), bool),
    )
    return group_by_image(
        images,
        class_names,
        range(len(class_names)),
        truths,
        np.array(truth_images, dtype=np.int64),
        source=home.base.resolve().name,
        notes=tuple(notes),
        pictures=pictures,
    )


def checked_rows(
    table: np.ndarray, lines: np.ndarray, source: str, report: Report, classes: int | None
) -> np.ndarray:
    """(N,) bool: rows with a class number (below `classes`, if given) and a box in fractions."""
    numbers, boxes = table[:, 0], table[:, 1:5]
    wrong_class = (numbers < 0) | (numbers != np.floor(numbers))
    if classes is not None:
        wrong_class |= numbers >= classes
    lowest = np.array([-SLACK, -SLACK, 0, 0])
    wrong_box = np.asarray(((boxes > 1 + SLACK) | (boxes < lowest)).any(axis=1))
    for row in np.flatnonzero(wrong_class | wrong_box):
        where = f"{source}: line {lines[row]}"
        if wrong_class[row]:
            last = "" if classes is None else f" to {classes - 1}"
            message = f"class is {numbers[row]:g}; expected a whole number from 0{last}"
            report(Fault(where, "class", message, "no such class number"))
        if wrong_box[row]:
            shown = " ".join(f"{value:g}" for value in boxes[row])
            message = f"box is {shown}; expected cx cy w h in fractions of the picture, 0 to 1"
            report(Fault(where, "box", message, "box not in fractions"))
    good: np.ndarray = ~(wrong_class | wrong_box)
    return good


def in_pixels(rows: np.ndarray, image: ImageRecord) -> np.ndarray:
    """(N, 5) class, x, y, width, height from class, cx, cy, w, h in fractions."""
    sides = rows[:, 3:5] * (image.width, image.height)
    corners = rows[:, 1:3] * (image.width, image.height) - sides / 2
    return np.concatenate([rows[:, :1], corners, sides], axis=1)


def _images(folder: Path, report: Report) -> list[ImageRecord]:
    images: dict[str, ImageRecord] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in PICTURES:
            continue
        if path.stem in images:
            message = f"the same stem as {images[path.stem].file_name}; rename one of them"
            report(Fault(path.name, "image", message, "two pictures of one name"))
            continue
        size = _size(path, report)
        images[path.stem] = ImageRecord(path.stem, path.name, size[1], size[0])
    if not images:
        message = f"no picture in it ({' '.join(sorted(PICTURES))}); check the path"
        report(Fault(f"{folder.parent.name}/{folder.name}", "image", message, "no pictures"))
    return list(images.values())


def _size(path: Path, report: Report) -> tuple[int, int]:
    """(width, height) as shown: headers only, nothing is decoded."""
    try:
        from PIL import Image
    except ImportError:
        raise EvaluationError(
            f"{path.name}: its size is needed, which Pillow reads; pip install pillow"
        ) from None
    try:
        with Image.open(path) as picture:
            width, height = picture.size
            turned = picture.getexif().get(ORIENTATION) in SWAPPED
            return (height, width) if turned else (width, height)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        message = f"no picture that can be read ({error!s:.60}); needed for its size"
        report(Fault(path.name, "image", message, "unreadable picture"))
        return 0, 0


def _check_pairs(
    labels: Path, images: list[ImageRecord], name_file: Path | None, report: Report
) -> None:
    stems = {image.id for image in images}
    others = {"classes", "train", "val", "test", "valid"} | (
        {name_file.stem} if name_file else set()
    )
    for path in sorted(labels.glob("*.txt")):
        if path.stem not in stems | others:
            message = f"no picture {path.stem}.jpg or .png; its size is needed, add it"
            report(Fault(path.name, "image", message, "text file without its picture"))


def read_names(path: Path) -> tuple[str, ...]:
    """Class names from data.yaml (a list, or an object by number) or from a text file."""
    if path.suffix not in (".yaml", ".yml"):
        lines = decoded(read_bytes(path), path.name).splitlines()
        return _unique([line.strip() for line in lines if line.strip()], path)
    names: Any = read_yaml(path).get("names")
    if isinstance(names, dict) and set(names) == set(range(len(names))):
        names = [names[number] for number in range(len(names))]
    if not isinstance(names, list) or not names:
        raise EvaluationError(
            f"{path.name}: 'names' is {names!r:.60}; expected a list of class names, "
            "or an object of them by number from 0"
        )
    return _unique([str(name) for name in names], path)


def _unique(names: list[str], path: Path) -> tuple[str, ...]:
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise EvaluationError(f"{path.name}: class {twice[0]!r} comes twice; each may come once")
    return tuple(names)
