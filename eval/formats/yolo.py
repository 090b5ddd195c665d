"""Ground truth in YOLO's layout: images, a text file of normalised boxes for each, class names."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import numpy as np

from eval.datasets import Dataset, ImageRecord, Truths, group_by_image
from eval.errors import EvaluationError
from eval.formats.faults import Fault, FaultHandler, refuse
from eval.formats.folders.yolo_files import Labelled, files_below, image_ids, listed_files
from eval.formats.folders.yolo_folders import Home, find_places, home_of
from eval.formats.folders.yolo_lines import about_corners, checked_rows, in_pixels, read_objects
from eval.formats.folders.yolo_names import MOST_CLASSES, read_names
from eval.formats.text_files import read_bytes
from eval.wording import amount

NAMES = (
    "data.yaml",
    "data.yml",
    "dataset.yaml",
    "classes.txt",
    "obj.names",
    "labels/classes.txt",
    "train/_darknet.labels",
    "test/_darknet.labels",
    "valid/_darknet.labels",
)
SWAPPED = (5, 6, 7, 8)  # EXIF orientations that exchange width and height
ORIENTATION = 0x0112


def read_yolo(
    path: str | os.PathLike[str],
    split: str | None = None,
    *,
    names: str | os.PathLike[str] | None = None,
    on_fault: FaultHandler = refuse,
) -> Dataset:
    """Read a folder with images/ and labels/, SPLIT/images and SPLIT/labels, or both in one folder.

    Images may lie in subfolders. If there is a data.yaml, or the obj.data of darknet and CVAT, the
    places that it names take precedence: folders, text files that list images, or lists of either.
    In data.yaml, `path` is relative to the file, and the splits are relative to `path`. Lines are
    `class cx cy w h` in fractions of the image, whose size is read from the header of the image
    file; a polygon (`class x1 y1 x2 y2 x3 y3 ...`) is read as the box around it, and the second of
    two equal lines is left out. An image without a text file has no objects. Boxes become
    [x, y, width, height] in pixels. The id of an image is the stem of its file name (its path
    without suffix, if two have one stem), the id of a class its number, from 0.

    Parameters
    ----------
    path
        The folder, or its data.yaml.
    split
        A split of data.yaml or of the folder. Default: the first of test, val, valid and train that
        exists, but not train if data.yaml names another split that does not exist.
    names
        data.yaml, or a text file with one class per line. Default: data.yaml, classes.txt or
        obj.names; without any of them, numbers serve as class names.

    Raises
    ------
    EvaluationError
        The message names file, line and field: a text file without its image, an image that
        cannot be read, a malformed line, a class without a name, or a box that is not in
        fractions. Also if a split does not exist.
    """
    home, notes = home_of(path), []
    places, chosen = find_places(home, split)
    if chosen and not split:
        notes.append(f"images of the split {chosen}; name another with --split (split= in Python)")
    name_file = _name_file(home, names)
    class_names: tuple[str, ...] = ()
    if name_file is not None:
        class_names, remarks = read_names(name_file)
        notes += remarks
    files: list[Labelled] = []
    for place in places:
        if place.is_dir():
            files += files_below(place, name_file, on_fault)
        else:
            files += listed_files(place, (home.base, home.folder), on_fault)
    above = places[0] if places[0].is_dir() and len(places) == 1 else _common(files, home.base)
    images, files = _images(files, above, on_fault)
    keypoints = _keypoints(home)
    tables, fractions, truth_images, highest = [np.empty((0, 5))], [np.empty((0, 5))], [], -1
    polygons = repeated = 0
    for row, (image, file) in enumerate(zip(images, files, strict=True)):
        if not file.text.is_file():
            continue
        source = file.text.name
        table, lines, around = read_objects(read_bytes(file.text), source, on_fault, keypoints)
        good = checked_rows(table, lines, source, on_fault, len(class_names) or MOST_CLASSES)
        first = np.unique(table[good], axis=0, return_index=True)[1]
        rows = table[good][np.sort(first)]
        polygons += around
        repeated += int(good.sum()) - len(rows)
        fractions.append(rows)
        tables.append(in_pixels(rows, image))
        truth_images += [row] * len(rows)
        highest = max(highest, int(rows[:, 0].max(initial=-1)))
    if name_file is None:
        class_names = tuple(str(number) for number in range(highest + 1))
        notes.append(f"no {', '.join(NAMES[:4])} or obj.names: numbers serve as class names")
    if polygons:
        notes.append(f"{amount(polygons, 'polygon')}: the box around each one counts")
    if repeated:
        lines_left_out = amount(repeated, "line that repeats", "lines that repeat")
        notes.append(f"left out {lines_left_out} another line of its file")
    notes += about_corners(np.concatenate(fractions)[:, 1:])

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
        pictures=above,
    )


def _name_file(home: Home, names: str | os.PathLike[str] | None) -> Path | None:
    """The file that names the classes: `names`, the data.yaml at the path, or a usual one."""
    if names:
        return Path(names)
    if home.file is not None and home.file.suffix.lower() in (".yaml", ".yml"):
        return home.file
    usual = (home.folder / name for name in NAMES)
    return next((path for path in usual if path.is_file()), None)


def _keypoints(home: Home) -> int:
    """How many numbers follow each box where data.yaml declares keypoints."""
    shape = home.content.get("kpt_shape")
    if isinstance(shape, list) and len(shape) == 2 and all(type(side) is int for side in shape):
        return int(shape[0] * shape[1])
    return 0


def _common(files: list[Labelled], base: Path) -> Path:
    """The deepest folder that contains all images."""
    folders = {str(file.image.parent.absolute()) for file in files}
    return Path(os.path.commonpath(folders)) if folders else base


def _images(
    files: list[Labelled], above: Path, on_fault: FaultHandler
) -> tuple[list[ImageRecord], list[Labelled]]:
    """Each image with its size and its files; two images with one text file are a fault."""
    owners: dict[Path, str] = {}
    chosen = []
    for file in files:
        owner = owners.setdefault(file.text, file.image.name)
        if owner == file.image.name:
            chosen.append(file)
            continue
        message = f"same name as {owner} but for the suffix; rename one of them"
        on_fault(Fault(file.image.name, "image", message, "two images of one name"))
    places = [
        PurePosixPath(os.path.relpath(file.image, above).replace(os.sep, "/")) for file in chosen
    ]
    images = []
    for file, place, identity in zip(chosen, places, image_ids(places), strict=True):
        width, height = picture_size(file.image, on_fault)
        images.append(ImageRecord(identity, str(place), height, width))
    return images, chosen


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
