"""Picture files, written whole; a photograph is never overwritten."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detector.errors import DetectorError
from detector.files.names import printable

if TYPE_CHECKING:
    import numpy as np

# The EXIF tag "Software" of every picture that is written here, which distinguishes drawings from
# photographs. BMP files have no tags, so the same words follow the pixels, which readers ignore.
SOFTWARE, DRAWN = 305, "drawn by detect"
# Pillow writes the tag near the start of JPEG and PNG files and near the end of WebP and TIFF ones.
NEAR_EDGE = 256  # bytes
PICTURE_FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    **dict.fromkeys((".jpg", ".jpeg"), ("JPEG", {"quality": 92})),
    ".png": ("PNG", {}),
    ".webp": ("WEBP", {"quality": 90}),
    ".bmp": ("BMP", {}),
    **dict.fromkeys((".tif", ".tiff"), ("TIFF", {"compression": "tiff_lzw"})),
}
LONGEST_SIDES = {"JPEG": 65500, "WEBP": 16383}  # pixels


def save_picture(image: np.ndarray, path: str | os.PathLike[str]) -> None:
    """Write (H, W, 3) uint8 RGB; the file appears whole or not at all.

    Raises
    ------
    DetectorError
        The suffix is no supported format or holds no picture so long, the file cannot be written,
        or it exists and was not written by this function.
    """
    from PIL import Image

    from proposals.whole_files import replacing

    target = Path(path)
    if target.suffix.lower() not in PICTURE_FORMATS:
        raise DetectorError(
            f"{printable(target)}: suffix {target.suffix!r} is no supported picture format; "
            f"use one of {', '.join(PICTURE_FORMATS)}"
        )
    refuse_to_draw_over(target)
    format_name, options = PICTURE_FORMATS[target.suffix.lower()]
    longest = LONGEST_SIDES.get(format_name)
    if longest is not None and max(image.shape[:2]) > longest:
        raise DetectorError(
            f"{printable(target)}: {image.shape[1]} x {image.shape[0]} pixels, but {format_name} "
            f"holds at most {longest} a side; reduce the picture (--max-side {longest}) or save it "
            "as .png"
        )
    exif = Image.Exif()
    exif[SOFTWARE] = DRAWN
    try:
        with replacing(target) as temporary:
            Image.fromarray(image).save(temporary, format=format_name, exif=exif, **options)
            if format_name == "BMP":
                with open(temporary, "ab") as file:
                    file.write(DRAWN.encode())
    except OSError as error:
        reason = error.strerror or error
        remedy = "name an existing folder that is writable"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            remedy = "free some space on its disk, or name a place on another one"
        elif error.errno == errno.ENAMETOOLONG:
            remedy = "give the photograph a shorter name"
        raise DetectorError(
            f"{printable(target)}: cannot be written ({reason}); {remedy}"
        ) from error


def was_drawn(path: Path) -> bool:
    """Whether `save_picture` wrote a file; False if it cannot be read."""
    if not os.path.isfile(path):  # opening a pipe would wait for its other end
        return False
    mark = DRAWN.encode()
    try:
        with path.open("rb") as file:
            if mark in file.read(NEAR_EDGE):
                return True
            file.seek(-min(NEAR_EDGE, file.seek(0, os.SEEK_END)), os.SEEK_END)
            return mark in file.read()
    except OSError:
        return False


def refuse_to_draw_over(target: Path) -> None:
    """Raise DetectorError if `target` exists and `detect` did not draw it.

    Such a file is probably somebody's photograph.
    """
    # os.path.exists, because Path.exists raises for a name that is too long
    if os.path.exists(target) and not was_drawn(target):
        raise DetectorError(
            f"{printable(target)}: was not drawn by `detect` and would be overwritten; move it "
            "away or choose another place"
        )


def refuse_to_lose_pictures(drawings: Iterable[Path], pictures: Iterable[Path]) -> None:
    """Raise DetectorError if a drawing would overwrite a photograph or one of `pictures`."""
    sources = {os.path.realpath(path) for path in pictures}
    for drawing in drawings:
        if os.path.realpath(drawing) in sources:
            raise DetectorError(
                f"{printable(drawing)}: lies in the output folder and would be overwritten; "
                "give another --output"
            )
        refuse_to_draw_over(drawing)
