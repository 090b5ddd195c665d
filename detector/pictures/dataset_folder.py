"""Where the pictures of a data set lie. Imports nothing heavy."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from detector.errors import DetectorError
from detector.pictures.finding import printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from eval import Dataset

IMAGE_FOLDERS = ("", "images", "JPEGImages")  # beside the JSON, tried in this order


def check_image_folder(folder: Path, dataset: Dataset) -> Path:
    """The folder, if it holds a data set's first picture: a wrong one is told at once.

    Raises
    ------
    DetectorError
        No images in the data set, no such folder, or the first picture is not in it.
    """
    _check_folder(folder)
    first = _first_picture(dataset, dataset.source)
    if not (folder / first).is_file():
        raise DetectorError(
            f"--images {printable(folder)}: its first picture {printable(first)} is not there; "
            "give the folder that the data set's file names start from"
        )
    return folder


def pictures_missing(folder: Path, dataset: Dataset) -> bool:
    """Whether no picture of a data set is in the folder, with or without the folders of its name.

    Raises
    ------
    DetectorError
        No such folder.
    """
    _check_folder(folder)
    names = (image.file_name.replace("\\", "/") for image in dataset.images)
    return not any(
        (folder / name).is_file() or (folder / PurePosixPath(name).name).is_file() for name in names
    )


def find_image_folder(data: Path, dataset: Dataset) -> Path:
    """The folder that holds a data set's first picture.

    That which the layout names; else it is looked for beside a JSON file, and anywhere in the
    folder of a data set that is one.

    Raises
    ------
    DetectorError
        No images in the data set, or the first is in none of the usual folders, or in several.
    """
    first = _first_picture(dataset, data)
    root = data if data.is_dir() else data.parent
    usual = [root / name for name in IMAGE_FOLDERS]
    for folder in (*([dataset.pictures] if dataset.pictures else ()), *usual):
        if (folder / first).is_file():
            return folder
    if data.is_dir() or data.suffix in (".yaml", ".yml"):
        parents = (Path(parent) for parent, _, _ in os.walk(root))
        found = [parent for parent in parents if (parent / first).is_file()]
        if len(found) > 1:
            raise DetectorError(
                f"{data}: its picture {first} is in {found[0]} and in {found[1]}; "
                "give --images FOLDER"
            )
        if found:
            return found[0]
    where = "in" if data.is_dir() else "beside"
    raise DetectorError(f"{data}: its picture {first} is not {where} it; give --images FOLDER")


def read_photograph(path: Path, sides: tuple[int, int]) -> NDArray[np.uint8]:
    """A picture, RGB (H, W, 3), whose data set says that it has these sides: height, width.

    Raises
    ------
    DetectorError
        It cannot be read, or has others: its boxes would be wrong.
    """
    from detector.pictures.reading import read_image

    image = read_image(path)
    if image.shape[:2] != sides:
        height, width = image.shape[:2]
        raise DetectorError(
            f"{printable(path)}: is {width} x {height} pixels, its data set says {sides[1]} x "
            f"{sides[0]}; enter its true width and height (as it is turned when shown)"
        )
    return image


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise DetectorError(f"--images {printable(folder)}: no such folder; check the path")


def _first_picture(dataset: Dataset, data: Path | str) -> str:
    if not len(dataset):
        raise DetectorError(f"{data}: lists no images; give a data set with photographs")
    return dataset.images[0].file_name
