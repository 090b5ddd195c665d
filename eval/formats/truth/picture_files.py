"""Where the pictures of a data set lie, and the sizes that their headers state."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from eval.formats.faults import FaultHandler
from eval.formats.folders.voc_files import image_files
from eval.formats.folders.yolo_folders import IMAGES
from eval.formats.yolo import picture_size

# Below the folder of the labels or beside it, as CVAT, Datumaro, FiftyOne, KITTI and others write
FOLDERS = ("", "images", "JPEGImages", "data", "images/default", "image_2", "imgs", "img")
BESIDE = ("..", "../images", "../image_2", "../images-optional", "../data", "../JPEGImages")


def located(first: Path, root: Path, names: Sequence[str]) -> tuple[Path | None, list[str]]:
    """The folder of the pictures, and their names in it; None and the names if they are not there.

    The first picture decides. Names may have folders in front that do not exist here.
    """
    folders = [first / place for place in FOLDERS] + [root / place for place in (*FOLDERS, *BESIDE)]
    ways: tuple[Callable[[str], str], ...] = (lambda name: name, last_name)
    for way in ways:
        inside = [way(name) for name in names]
        if len(set(inside)) < len(set(names)) or any(map(is_absolute, inside)):
            continue
        for folder in folders if inside else ():
            if inside[0] and os.path.isfile(folder / inside[0]):
                return Path(os.path.normpath(folder)), inside
    return _absolute(names)


def named_after(root: Path, stems: Sequence[str]) -> list[str]:
    """The file name of the picture of each stem; with .jpg where no picture is found."""
    for place in (*FOLDERS, *BESIDE) if stems else ():
        folder = root / place
        if any(os.path.isfile(folder / f"{stems[0]}{suffix}") for suffix in IMAGES):
            files = image_files(folder)
            return [files.get(stem, f"{stem}.jpg") for stem in stems]
    return [f"{stem}.jpg" for stem in stems]


def is_picture_name(name: str) -> bool:
    """Whether a file name has the suffix of a picture."""
    return PurePosixPath(name.lower()).suffix in IMAGES


def _absolute(names: Sequence[str]) -> tuple[Path | None, list[str]]:
    """The same for absolute paths, which may exist; otherwise names without a root."""
    if names and all(map(is_absolute, names)):
        if os.path.isfile(names[0]):
            above = os.path.commonpath([os.path.dirname(name) for name in names])
            inside = [os.path.relpath(name, above).replace(os.sep, "/") for name in names]
            return Path(above), inside
        bare = [last_name(name) for name in names]
        if len(set(bare)) == len(set(names)):
            return None, bare
    return None, [_relative(name) for name in names]


def _relative(name: str) -> str:
    return name.partition(":")[2].lstrip("/") if ":" in name[:3] else name.lstrip("/")


def is_absolute(name: str) -> bool:
    """Whether a path is absolute on this system or on Windows."""
    return PurePosixPath(name).is_absolute() or bool(PureWindowsPath(name).drive)


def last_name(path: str) -> str:
    """The file name at the end of a path."""
    return path.rpartition("/")[2]


def with_sizes(
    sides: Sequence[tuple[int, int]],
    names: Sequence[str],
    folder: Path | None,
    on_fault: FaultHandler,
) -> list[tuple[int, int]]:
    """(width, height) of each picture, from its file where the labels do not state it."""
    found = []
    for stated, name in zip(sides, names, strict=True):
        path = folder / name if folder is not None and 0 in stated else None
        found.append(picture_size(path, on_fault) if path and os.path.isfile(path) else stated)
    return found
