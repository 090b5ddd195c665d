"""Picture files, written whole; a photograph is never overwritten."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detector.errors import DetectorError
from detector.files.names import printable

if TYPE_CHECKING:
    import numpy as np

DRAWN = b"drawn by detect"  # comment in a JPEG file, which distinguishes drawings from photographs
PICTURE_FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    **dict.fromkeys((".jpg", ".jpeg"), ("JPEG", {"quality": 92, "comment": DRAWN})),
    ".png": ("PNG", {}),
    ".webp": ("WEBP", {"quality": 90}),
    ".bmp": ("BMP", {}),
    **dict.fromkeys((".tif", ".tiff"), ("TIFF", {"compression": "tiff_lzw"})),
}


def save_picture(image: np.ndarray, path: str | os.PathLike[str]) -> None:
    """Write (H, W, 3) uint8 RGB; the file appears whole or not at all.

    Raises
    ------
    DetectorError
        The suffix is no supported format, or the file cannot be written.
    """
    from PIL import Image

    from proposals.whole_files import replacing

    target = Path(path)
    if target.suffix.lower() not in PICTURE_FORMATS:
        raise DetectorError(
            f"{printable(target)}: suffix {target.suffix!r} is no supported picture format; "
            f"use one of {', '.join(PICTURE_FORMATS)}"
        )
    format_name, options = PICTURE_FORMATS[target.suffix.lower()]
    try:
        with replacing(target) as temporary:
            Image.fromarray(image).save(temporary, format=format_name, **options)
    except OSError as error:
        reason = error.strerror or error
        remedy = "name an existing folder that is writable"
        if error.errno == errno.ENAMETOOLONG:
            remedy = "give the photograph a shorter name"
        raise DetectorError(
            f"{printable(target)}: cannot be written ({reason}); {remedy}"
        ) from error


def refuse_to_draw_over(target: Path) -> None:
    """Raise DetectorError if `target` exists and `detect` did not draw it.

    Such a file is probably somebody's photograph.
    """
    if not os.path.exists(target):  # Path.exists would raise for a name that is too long
        return
    if target.is_file():
        with target.open("rb") as file:
            if DRAWN in file.read(256):  # the comment precedes the pixels
                return
    raise DetectorError(
        f"{printable(target)}: was not drawn by `detect` and would be overwritten; move it away or "
        "give another --output"
    )
