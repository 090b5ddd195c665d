"""The pictures of a data set: their folder, and the sizes that the data set states.

The module imports no heavy package.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, TypeAlias

from detector.errors import DetectorError
from detector.files.names import printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from eval import Dataset, ImageRecord

Size: TypeAlias = tuple[int, int]  # height, width

IMAGE_FOLDERS = ("", "images", "JPEGImages")  # beside the JSON, tried in this order


def find_image_folder(data: Path, dataset: Dataset) -> Path:
    """The folder that holds a data set's first picture.

    The layout's own folder is tried first, then the usual ones beside a JSON file, and for
    annotations/instances_val2017.json also val2017 and images/val2017 above; a data set that is a
    folder is searched as a whole.

    Raises
    ------
    DetectorError
        The data set lists no images, or its first picture is in none of these folders, or in
        several.
    """
    first = _first_picture(dataset, data)
    root = data if data.is_dir() else data.parent
    usual = [root / name for name in IMAGE_FOLDERS]
    if root.name == "annotations":
        split = data.stem.rpartition("_")[2]
        usual += [root.parent / split, root.parent / "images" / split]
    for folder in (*([dataset.pictures] if dataset.pictures else ()), *usual):
        if os.path.isfile(folder / first):  # also where the name is too long for the system
            return folder
    if data.is_dir() or data.suffix in (".yaml", ".yml"):
        parents = (Path(parent) for parent, _, _ in os.walk(root))
        found = [parent for parent in parents if os.path.isfile(parent / first)]
        if len(found) > 1:
            raise DetectorError(
                f"{data}: its picture {first} is in {found[0]} and in {found[1]}; "
                "give --images FOLDER"
            )
        if found:
            return found[0]
    where = "in" if data.is_dir() else "beside"
    raise DetectorError(f"{data}: its picture {first} is not {where} it; give --images FOLDER")


def check_image_folder(folder: Path, dataset: Dataset) -> Path:
    """The same folder, if it holds a data set's first picture.

    Raises
    ------
    DetectorError
        The data set lists no images, the folder is missing, or the first picture is not in it.
    """
    _check_folder(folder)
    first = _first_picture(dataset, dataset.source)
    if not os.path.isfile(folder / first):
        raise DetectorError(
            f"--images {printable(folder)}: does not hold the first picture, {printable(first)}; "
            "give the folder that the data set's file names start from"
        )
    return folder


def pictures_missing(folder: Path, dataset: Dataset) -> bool:
    """Whether a folder holds none of a data set's pictures, not even without their subfolders.

    Raises
    ------
    DetectorError
        There is no such folder.
    """
    _check_folder(folder)
    names = (image.file_name.replace("\\", "/") for image in dataset.images)
    return not any(
        os.path.isfile(folder / name) or os.path.isfile(folder / PurePosixPath(name).name)
        for name in names
    )


def stated_size(record: ImageRecord) -> Size | None:
    """The size that a data set states for a picture; None if it states none."""
    return (record.height, record.width) if min(record.height, record.width) > 0 else None


def size_warning(path: Path, actual: Size, expected: Size | None) -> str:
    """Warning for a picture whose size differs from the data set's; "" if it agrees."""
    if expected is None or actual == expected:
        return ""
    return f"{_size_fault(path, actual, expected)}; its boxes may not fit"


def read_photograph(path: Path, size: Size) -> NDArray[np.uint8]:
    """Read a picture as RGB (H, W, 3); `size` is the one that its data set states.

    Raises
    ------
    DetectorError
        The picture cannot be read, or its size is another, so that its boxes would be wrong.
    """
    from detector.pictures.reading import read_image

    image = read_image(path)
    actual = (image.shape[0], image.shape[1])
    if actual != size:
        raise DetectorError(
            f"{_size_fault(path, actual, size)}; correct the data set (width and height count "
            "after EXIF rotation)"
        )
    return image


def _size_fault(path: Path, actual: Size, expected: Size) -> str:
    return (
        f"{printable(path)}: is {actual[1]} x {actual[0]} pixels, its data set states "
        f"{expected[1]} x {expected[0]}"
    )


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise DetectorError(f"--images {printable(folder)}: no such folder; check the path")


def check_in_pixels(dataset: Dataset) -> None:
    """Raise DetectorError if boxes are in fractions of pictures whose sizes are unknown."""
    if dataset.in_fractions:
        raise DetectorError(
            f"{dataset.source}: boxes are in fractions, and the sizes of the pictures are unknown; "
            "put all pictures beside it, or in images/ there"
        )


def _first_picture(dataset: Dataset, data: Path | str) -> str:
    check_in_pixels(dataset)
    if not len(dataset):
        raise DetectorError(f"{data}: lists no images; give a data set with photographs")
    return dataset.images[0].file_name
