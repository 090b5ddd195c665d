"""The files of Open Images at a path, recognised by their first lines rather than their names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from eval.errors import EvaluationError
from eval.formats.text_files import first_line

BOXES, LABELS, NAMES, IMAGES = "boxes", "image labels", "class names", "images"
PLACES = ("", "labels", "metadata", "annotations")  # the last ones as FiftyOne writes them
SPLITS = ("test", "validation", "train")  # the default is the first that exists
CORNERS = {"xmin", "xmax", "ymin", "ymax"}
PICTURES = ("", "images", "data", "pictures")


class Files(NamedTuple):
    """The files of one split; None where there is none.

    Attributes
    ----------
    boxes
        Table of boxes, such as validation-annotations-bbox.csv.
    labels
        Image labels that people verified, such as
        validation-annotations-human-imagelabels-boxable.csv.
    names
        Class names, such as class-descriptions-boxable.csv.
    hierarchy
        Such as bbox_labels_600_hierarchy.json.
    images
        List of all images, such as validation-images-with-rotation.csv.
    split
        The split that was chosen among several; "" if there was no choice.
    """

    boxes: Path
    labels: Path | None
    names: Path | None
    hierarchy: Path | None
    images: Path | None
    split: str


def is_box_table(path: Path) -> bool:
    """Whether a file is a table of boxes that are ground truth of Open Images."""
    return _is_table(path) and _kind(path) == BOXES


def has_box_table(folder: Path) -> bool:
    """Whether a folder holds such a table."""
    return any(is_box_table(path) for path in _tables(folder))


def splits_in(folder: Path) -> set[str]:
    """The splits of a folder: test, val or train."""
    found = {_split_of(table) for table in _tables(folder) if _kind(table) == BOXES} - {""}
    return {"val" if split == "validation" else split for split in found}


def find_files(path: Path, split: str | None) -> Files:
    """The table of boxes at a path, a file or a folder, and the other files beside it.

    Raises
    ------
    EvaluationError
        There is no table of boxes, or none of the split.
    """
    folder = path if path.is_dir() else path.parent
    if folder.name in PLACES[1:] and not path.is_dir():
        folder = folder.parent
    kinds: dict[str, list[Path]] = {}
    for table in _tables(folder):
        kinds.setdefault(_kind(table), []).append(table)
    boxes, chosen = path, ""
    if path.is_dir():
        boxes, chosen = _boxes_of(path, kinds.get(BOXES, []), split)
    elif split and split not in boxes.name:
        raise EvaluationError(
            f"{path.name}: --split {split}: this file has no splits; leave it out, or name the "
            "folder"
        )
    own = _split_of(boxes)
    labels = [file for file in kinds.get(LABELS, ()) if "machine" not in file.name]
    trees = [tree for place in PLACES for tree in sorted((folder / place).glob("*hierarchy*.json"))]
    return Files(
        boxes=boxes,
        labels=_closest([file for file in labels if _split_of(file) in ("", own)], boxes),
        names=_closest(kinds.get(NAMES, []), boxes),
        hierarchy=_closest(trees, boxes),
        images=_closest(
            [file for file in kinds.get(IMAGES, ()) if _split_of(file) in ("", own)], boxes
        ),
        split=chosen,
    )


def picture_folder(files: Files, image_ids: Sequence[str]) -> tuple[Path, dict[str, str]] | None:
    """The folder beside the tables that holds pictures, and the file name of each image there."""
    folder = files.boxes.parent
    above = folder.parent if folder.name in PLACES[1:] else folder
    names = [*PICTURES, *([split] if (split := _split_of(files.boxes)) else [])]
    for place in (above / name for name in names):
        if found := pictures_in(place, image_ids):
            return place, found
    return None


def pictures_in(folder: Path, image_ids: Sequence[str]) -> dict[str, str]:
    """The file name of each image that has a picture in a folder."""
    if not folder.is_dir():
        return {}
    wanted = set(image_ids)
    suffixes = (".jpg", ".jpeg", ".png", ".JPG")
    names = (path.name for path in folder.iterdir() if path.suffix in suffixes)
    return {stem: name for name in names if (stem := name.rpartition(".")[0]) in wanted}


def _boxes_of(folder: Path, tables: list[Path], split: str | None) -> tuple[Path, str]:
    by_split: dict[str, list[Path]] = {}
    for table in tables:
        by_split.setdefault(_split_of(table), []).append(table)
    if not tables:
        raise EvaluationError(f"{folder}: no table of boxes of Open Images; check the path")
    if split:
        wanted = next((own for own in by_split if own and own.startswith(split)), None)
        if wanted is None:
            known = ", ".join(own or "without a name" for own in by_split)
            raise EvaluationError(f"{folder}: no split {split!r}; its splits are {known}")
        return by_split[wanted][0], ""
    first = next(own for own in (*SPLITS, "") if own in by_split)
    return by_split[first][0], first if len(by_split) > 1 else ""


def _closest(files: Iterable[Path], boxes: Path) -> Path | None:
    """The file that belongs to the boxes: of the challenge, expanded, or for boxable classes."""

    def difference(file: Path) -> tuple[bool, bool, bool]:
        same = (("challenge" in file.name) == ("challenge" in boxes.name),)
        expanded = ("expanded" in file.name) == ("expanded" in boxes.name)
        return (not same[0], not expanded, "boxable" not in file.name)

    return min(files, key=difference, default=None)


def _split_of(file: Path) -> str:
    found = re.search(r"(?<![a-z])(test|val|train)", file.name.lower())
    return next((name for name in SPLITS if found and name.startswith(found[1])), "")


def _tables(folder: Path) -> list[Path]:
    files = (file for place in PLACES for file in sorted((folder / place).glob("*.csv*")))
    return [file for file in files if _is_table(file)]


def _is_table(path: Path) -> bool:
    return path.name.lower().endswith((".csv", ".csv.gz")) and path.is_file()


def _kind(path: Path) -> str:
    """What a table holds, by its first line; "" if it is none of Open Images."""
    line = first_line(path).decode("utf-8", "replace").strip()
    columns = {name.strip().lower() for name in line.split(",")}
    if {"imageid", "labelname", *CORNERS} <= columns:
        # Tables of results have neither of these columns.
        return BOXES if {"isgroupof", "source"} & columns else ""
    if {"imageid", "labelname", "confidence"} <= columns:
        return LABELS
    if "imageid" in columns and {"subset", "originalurl"} & columns:
        return IMAGES
    if columns == {"labelname", "displayname"} or re.match(r"/[a-z]/[^,]+,", line):
        return NAMES
    return ""
