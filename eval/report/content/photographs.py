"""Reduced copies of the photographs, inside the page while there is room, then beside it."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from eval.datasets import ImageRecord
from eval.processors import processors
from eval.report.whole_files import write_file

# A page of this size can still be sent by mail and is opened at once.
EMBEDDED_BYTES = 12_000_000
# The folder beside index.html with the photographs that have no room in it.
FOLDER = "index_pictures"
_LONGEST_SIDE = 640
_QUALITY = 78


class Photograph(NamedTuple):
    """A reduced photograph as a JPEG file, its sides in pixels, and those of the original."""

    jpeg: bytes
    width: int
    height: int
    full_width: float
    full_height: float


class PictureStore:
    """Gives each photograph an address that the page can refer to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER
        self._room = EMBEDDED_BYTES
        self._written: set[str] = set()

    def address(self, photograph: Photograph, number: int) -> str:
        """A data URI; once the page is full, the relative address of a file that is written."""
        size = len(photograph.jpeg)
        if not self._written and size <= self._room:
            self._room -= size
            return "data:image/jpeg;base64," + base64.b64encode(photograph.jpeg).decode("ascii")
        name = f"{number:05}.jpg"
        self._folder.mkdir(parents=True, exist_ok=True)
        write_file(self._folder / name, photograph.jpeg)
        self._written.add(name)
        return f"{FOLDER}/{name}"

    def remove_others(self) -> None:
        """Remove the files that an earlier report has left in the folder."""
        for path in self._folder.glob("[0-9][0-9][0-9][0-9][0-9].jpg"):
            if path.name not in self._written:
                path.unlink()
        if self._folder.is_dir() and not any(self._folder.iterdir()):
            self._folder.rmdir()


def read_photographs(folder: Path, records: Sequence[ImageRecord]) -> Iterator[Photograph | None]:
    """The photographs in order, read by several threads; see `read_photograph`."""
    workers = processors()
    with ThreadPoolExecutor(workers) as pool:
        # Photographs are read in portions, so that only a few are in memory at a time.
        for start in range(0, len(records), 8 * workers):
            portion = records[start : start + 8 * workers]
            yield from pool.map(lambda record: read_photograph(folder, record), portion)


def read_photograph(folder: Path, record: ImageRecord) -> Photograph | None:
    """The reduced photograph in the orientation of its boxes; None if no file can be read.

    Parameters
    ----------
    folder
        The photograph may lie in it with or without the folders of its name.
    """
    from PIL import Image, ImageOps

    for path in _places(folder, record):
        try:
            with Image.open(path) as image:
                full_width = image.width
                image.draft("RGB", (2 * _LONGEST_SIDE, 2 * _LONGEST_SIDE))
                stored = image.convert("RGB")
                upright = ImageOps.exif_transpose(image).convert("RGB")
        except (OSError, ValueError, Image.DecompressionBombError):
            continue
        # Some data sets annotate the pixels as stored, regardless of the EXIF orientation.
        turned = (upright.width > upright.height) != (record.width > record.height)
        chosen = stored if turned else upright
        scale = full_width / stored.width
        full = (chosen.width * scale, chosen.height * scale)
        chosen.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
        return Photograph(_jpeg(chosen), *chosen.size, *full)
    return None


def has_file(folder: Path, record: ImageRecord) -> bool:
    """Whether there is a file of the record's name."""
    return any(os.path.isfile(path) for path in _places(folder, record))


def _places(folder: Path, record: ImageRecord) -> tuple[Path, Path]:
    name = record.file_name
    return folder / name, folder / PurePosixPath(name.replace("\\", "/")).name


def _jpeg(image: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=_QUALITY, optimize=True)
    return file.getvalue()
