"""The pictures of a data set that is converted: they are measured and copied."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from detector.console import track
from detector.converting.parts import Part
from detector.errors import DetectorError
from detector.files.names import printable
from detector.pictures.dataset_folder import check_image_folder, find_image_folder
from eval.formats.yolo import picture_size
from eval.wording import amount


def folder_of(part: Part, images: Path | None) -> Path:
    """The folder that holds the pictures of a part: `images`, or one beside the data set.

    Raises
    ------
    DetectorError
        There is none, or it lacks pictures of the part.
    """
    if images is not None:
        folder = check_image_folder(images, part.dataset)
    else:
        folder = find_image_folder(part.source, part.dataset)
    names = [image.file_name for image in part.dataset.images]
    missing = [name for name in names if not _place(folder, name).is_file()]
    if missing:
        raise DetectorError(
            f"{printable(folder)}: lacks {amount(len(missing), 'picture')} of "
            f"{printable(part.source)} (first: {printable(missing[0])}); add them, or give "
            "--no-images to convert the boxes alone"
        )
    return folder


def with_sizes(part: Part, folder: Path) -> tuple[Part, tuple[str, ...]]:
    """The part with sizes from its pictures where the data set states none, and notes.

    A note counts the pictures whose size differs from the stated one.
    """
    images, other = list(part.dataset.images), list[str]()
    for row, image in enumerate(images):
        width, height = picture_size(_place(folder, image.file_name), lambda _: None)
        if min(image.width, image.height) <= 0:
            images[row] = image._replace(width=width, height=height)
        elif width and (width, height) != (image.width, image.height):
            other.append(image.file_name)
    notes: tuple[str, ...] = ()
    if other:
        notes = (
            f"{amount(len(other), 'picture has', 'pictures have')} another size than "
            f"{printable(part.source.name)} states, so that boxes may not fit (first: "
            f"{printable(other[0])})",
        )
    return part._replace(dataset=replace(part.dataset, images=tuple(images))), notes


def copy_pictures(
    part: Part, folder: Path, target: Path, place_of: Callable[[str, str], str]
) -> None:
    """Copy the pictures of a part; place_of(file name, part's name) is relative to `target`.

    Raises
    ------
    DetectorError
        Two different pictures would have the same place.
    """
    images = part.dataset.images
    sources: dict[Path, str] = {}
    for image in track(images, f"pictures of {part.name}", len(images)):
        place = target / place_of(image.file_name, part.name)
        if sources.setdefault(place, image.file_name) != image.file_name:
            raise DetectorError(
                f"{printable(image.file_name)} and {printable(sources[place])} would both become "
                f"{printable(place.name)}; rename one of them"
            )
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_place(folder, image.file_name), place)


def _place(folder: Path, file_name: str) -> Path:
    """The file of a picture; Windows writes backslashes into data sets."""
    return folder / file_name.replace("\\", "/")
