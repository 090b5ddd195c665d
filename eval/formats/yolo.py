"""Ground truth in YOLO's layout: images, a text file of normalised boxes for each, class names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from eval.datasets import Dataset, ImageRecord, Truths, group_by_image
from eval.errors import EvaluationError
from eval.formats.faults import Fault, FaultHandler, refuse
from eval.formats.number_lines import number_table
from eval.formats.text_files import decoded, read_bytes
from eval.formats.yolo_folders import find_folders, home_of, read_yaml

FIELDS = ("class", "cx", "cy", "w", "h")
IMAGES = frozenset((".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif"))
NAMES = ("data.yaml", "data.yml", "dataset.yaml", "classes.txt", "obj.names", "labels/classes.txt")
SWAPPED = (5, 6, 7, 8)  # EXIF orientations that exchange width and height
ORIENTATION = 0x0112
SLACK = 0.01  # rounded fractions may lie outside 0..1 by this much


def read_yolo(
    path: str | os.PathLike[str],
    split: str | None = None,
    *,
    names: str | os.PathLike[str] | None = None,
    on_fault: FaultHandler = refuse,
) -> Dataset:
    """Read a folder with images/ and labels/, SPLIT/images and SPLIT/labels, or both in one folder.

    If there is a data.yaml, folders that it names take precedence: `path` is relative to the file,
    `train`, `val` and `test` are relative to `path`. Lines are `class cx cy w h` in fractions of
    the image, whose size is read from the header of the image file. An image without a text file
    has no objects. Boxes become [x, y, width, height] in pixels. The id of an image is the stem of
    its file name, the id of a class its number, from 0.

    Parameters
    ----------
    path
        The folder, or its data.yaml.
    split
        Default: the first of test, val, valid and train that exists, but not train if data.yaml
        names another split that does not exist.
    names
        data.yaml, or a text file with one class per line. Default: data.yaml, classes.txt or
        obj.names; without any of them, numbers serve as class names.

    Raises
    ------
    EvaluationError
        The message names file, line and field: a text file without its image, an image that
        cannot be read, a malformed line, a class without a name, or a box that is not in
        fractions. Also if a split does not exist, or is a list of folders or a text file.
    """
    home, notes = home_of(path), []
    root = home.folder
    image_folder, labels, chosen = find_folders(home, split)
    if chosen and not split:
        notes.append(f"images of the split {chosen}; name another with --split (split= in Python)")
    name_file = (
        Path(names) if names else next((root / n for n in NAMES if (root / n).is_file()), None)
    )
    if Path(path) != root:
        name_file = Path(path)
    class_names = () if name_file is None else read_names(name_file)

    images = _images(image_folder, on_fault)
    _check_pairs(labels, images, name_file, on_fault)
    tables, truth_images, highest = [np.empty((0, 5))], [], -1
    for row, image in enumerate(images):
        file = labels / f"{image.id}.txt"
        if not file.is_file():
            continue
        table, lines, _ = number_table(read_bytes(file), FIELDS, file.name, on_fault)
        good = checked_rows(table, lines, file.name, on_fault, len(class_names) or None)
        tables.append(in_pixels(table[good], image))
        truth_images += [row] * int(good.sum())
        highest = max(highest, int(table[good, 0].max(initial=-1)))
    if name_file is None:
        class_names = tuple(str(number) for number in range(highest + 1))
        notes.append(f"no {', '.join(NAMES[:4])} or obj.names: numbers serve as class names")

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
        pictures=image_folder,
    )


def checked_rows(
    table: np.ndarray, lines: np.ndarray, source: str, on_fault: FaultHandler, classes: int | None
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
            on_fault(Fault(where, "class", message, "no such class number"))
        if wrong_box[row]:
            shown = " ".join(f"{value:g}" for value in boxes[row])
            message = f"box is {shown}; expected cx cy w h in fractions of the image, 0 to 1"
            on_fault(Fault(where, "box", message, "box not in fractions"))
    good: np.ndarray = ~(wrong_class | wrong_box)
    return good


def in_pixels(rows: np.ndarray, image: ImageRecord) -> np.ndarray:
    """(N, 5) class, x, y, width, height in pixels from class, cx, cy, w, h in fractions."""
    sides = rows[:, 3:5] * (image.width, image.height)
    corners = rows[:, 1:3] * (image.width, image.height) - sides / 2
    return np.concatenate([rows[:, :1], corners, sides], axis=1)


def _images(folder: Path, on_fault: FaultHandler) -> list[ImageRecord]:
    images: dict[str, ImageRecord] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in IMAGES:
            continue
        if path.stem in images:
            message = (
                f"same name as {images[path.stem].file_name} but for the suffix; rename one of them"
            )
            on_fault(Fault(path.name, "image", message, "two images of one name"))
            continue
        size = picture_size(path, on_fault)
        images[path.stem] = ImageRecord(path.stem, path.name, size[1], size[0])
    if not images:
        message = f"contains no image ({' '.join(sorted(IMAGES))}); check the path"
        on_fault(Fault(f"{folder.parent.name}/{folder.name}", "image", message, "no images"))
    return list(images.values())


def picture_size(path: Path, on_fault: FaultHandler) -> tuple[int, int]:
    """(width, height) of the upright image, from its header."""
    try:
        from PIL import Image
    except ImportError:
        raise EvaluationError(
            f"{path.name}: reading the image size needs Pillow; pip install pillow"
        ) from None
    try:
        with Image.open(path) as image_file:
            width, height = image_file.size
            turned = image_file.getexif().get(ORIENTATION) in SWAPPED
            return (height, width) if turned else (width, height)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        message = f"the image cannot be read ({error!s:.60}); its size is needed: replace the file"
        on_fault(Fault(path.name, "image", message, "unreadable image"))
        return 0, 0


def _check_pairs(
    labels: Path, images: list[ImageRecord], name_file: Path | None, on_fault: FaultHandler
) -> None:
    stems = {image.id for image in images}
    others = {"classes", "train", "val", "test", "valid"} | (
        {name_file.stem} if name_file else set()
    )
    for path in sorted(labels.glob("*.txt")):
        if path.stem not in stems | others:
            message = f"no image {path.stem}.jpg or .png; its size is needed: add the image"
            on_fault(Fault(path.name, "image", message, "text file without its image"))


def read_names(path: Path) -> tuple[str, ...]:
    """Class names from data.yaml (a list, or a mapping from numbers) or from a text file."""
    if path.suffix not in (".yaml", ".yml"):
        lines = decoded(read_bytes(path), path.name).splitlines()
        return _unique([line.strip() for line in lines if line.strip()], path)
    names: Any = read_yaml(path).get("names")
    if isinstance(names, dict) and set(names) == set(range(len(names))):
        names = [names[number] for number in range(len(names))]
    if not isinstance(names, list) or not names:
        raise EvaluationError(
            f"{path.name}: 'names' is {names!r:.60}; expected a list of class names, "
            "or a mapping from the numbers 0, 1, ... to names"
        )
    return _unique([str(name) for name in names], path)


def _unique(names: list[str], path: Path) -> tuple[str, ...]:
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise EvaluationError(
            f"{path.name}: class {twice[0]!r} is repeated; class names must be unique"
        )
    return tuple(names)
