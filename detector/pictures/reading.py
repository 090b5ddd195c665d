"""Any picture -> one RGB uint8 array."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias

import numpy as np

from detector.errors import DetectorError
from detector.files.names import nearest_name, printable
from detector.pictures.pixels import array_to_rgb, from_float, sixteen_bit

if TYPE_CHECKING:
    from PIL import Image

ImageSource: TypeAlias = "str | os.PathLike[str] | bytes | bytearray | Image.Image | np.ndarray"

# EXIF orientation (tag 274) -> the turn that makes the stored pixels upright.
EXIF_TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: np.rot90(pixels, 1),
}
EXIF_ORIENTATION = 274

_pillow_limit = threading.Lock()


def read_image(source: ImageSource, *, max_pixels: int = 100_000_000) -> np.ndarray:
    """Read one picture as RGB, upright; transparent pixels become white.

    Parameters
    ----------
    source
        A path; the bytes of an image file; a PIL image; or an array: uint8, uint16 or bool of
        shape (H, W), (H, W, 1), (H, W, 3) RGB or (H, W, 4) RGBA. Of a file with several frames,
        the first is read. The same picture gives the same pixels in each of these forms.
    max_pixels
        Largest height * width; checked in the header, before anything is decoded.

    Returns
    -------
    ndarray
        (H, W, 3) uint8, C-contiguous, writable; 16-bit values are divided by 257 and rounded.
        If `source` is such an array already, memory is shared.

    Raises
    ------
    DetectorError
        A missing, unreadable, truncated or too large picture, or an array whose shape or range of
        values is ambiguous.
    """
    if isinstance(source, np.ndarray):
        pixels = array_to_rgb(source, "array")
    elif isinstance(source, (bytes, bytearray, memoryview)):
        content = bytes(source)
        pixels = _decode(io.BytesIO(content), f"<{len(content)} bytes>", max_pixels)
    elif isinstance(source, (str, os.PathLike)):
        pixels = _read_file(Path(source), max_pixels)
    elif hasattr(source, "getbands") and hasattr(source, "load"):
        pixels = _pil_to_rgb(source, _pil_name(source), max_pixels)
    else:
        raise DetectorError(
            f"cannot read a picture from {type(source).__module__}.{type(source).__name__}; "
            "give a path, the bytes of an image file, a PIL image or a NumPy array (H, W, 3)"
        )
    return np.require(pixels, requirements=["C", "W"])


def _read_file(path: Path, max_pixels: int) -> np.ndarray:
    name = printable(path)
    try:
        with open(path, "rb") as file:
            # Decoders seek, which a pipe cannot do.
            whole = file if file.seekable() else io.BytesIO(file.read())
            return _decode(whole, name, max_pixels)
    except FileNotFoundError:
        raise DetectorError(f"{name}: no such file; {nearest_name(path)}") from None
    except DetectorError:
        raise
    except (OSError, ValueError) as error:
        if path.is_dir():
            raise DetectorError(f"{name}: a folder, not a picture; name the files in it") from None
        reason = getattr(error, "strerror", None) or error
        raise DetectorError(f"{name}: cannot be opened ({reason}); check the path") from error


def _decode(file: IO[bytes], name: str, max_pixels: int) -> np.ndarray:
    from PIL import Image, UnidentifiedImageError

    start = file.read(16)
    file.seek(0)
    if not start:
        raise DetectorError(f"{name}: the file is empty; copy or download it again")
    try:
        # Pillow's own limit is global and would raise first, without naming the picture's size.
        with _pillow_limit:
            pillow_limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            try:
                image = Image.open(file)
            finally:
                Image.MAX_IMAGE_PIXELS = pillow_limit
    except UnidentifiedImageError:
        raise DetectorError(
            f"{name}: not a picture that can be read (it begins with {start!r}); "
            "save it as JPEG or PNG"
        ) from None
    except Exception as error:  # a decoder may raise anything for a damaged header
        raise _damaged(name, error) from error
    with image:
        return _pil_to_rgb(image, name, max_pixels)


def _pil_to_rgb(image: Image.Image, name: str, max_pixels: int) -> np.ndarray:
    width, height = image.size
    if width * height == 0:
        raise DetectorError(f"{name}: the picture is empty ({width} x {height} pixels)")
    if width * height > max_pixels:
        raise DetectorError(
            f"{name}: {width} x {height} pixels are more than the limit of {max_pixels:,}; "
            "shrink the picture, or in Python call read_image(picture, max_pixels=...)"
        )
    if image.format in ("EPS", "WMF"):
        # Pillow would run another program to draw these.
        raise DetectorError(f"{name}: {image.format} is a drawing; save it as JPEG or PNG")
    try:
        image.load()
        pixels = _pil_pixels(image, name)
    except DetectorError:
        raise
    except Exception as error:  # decoders raise OSError, SyntaxError, struct.error, zlib.error...
        raise _damaged(name, error) from error
    turn = EXIF_TURNS.get(_exif_orientation(image))
    return turn(pixels) if turn else pixels


def _pil_pixels(image: Image.Image, name: str) -> np.ndarray:
    """Stored pixels of a loaded image as (H, W, 3) uint8, not yet upright."""
    mode = image.mode
    if mode == "RGB" and "transparency" not in image.info:
        return np.array(image)
    if mode.startswith("I"):
        return array_to_rgb(sixteen_bit(np.asarray(image), name), name)
    if mode == "F":
        return array_to_rgb(from_float(np.asarray(image), name), name)
    if mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
        straight = image.convert("LA") if mode == "La" else image
        return array_to_rgb(np.asarray(straight.convert("RGBA")), name)
    try:
        return np.array(image.convert("RGB"))
    except ValueError as error:
        raise DetectorError(
            f"{name}: colour mode {mode} cannot be turned into RGB; save it as RGB"
        ) from error


def _exif_orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(EXIF_ORIENTATION, 1))
    except Exception:  # damaged metadata must not reject intact pixels
        return 1


def _damaged(name: str, error: Exception) -> DetectorError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return DetectorError(f"{name}: damaged or cut short ({reason}); copy or download it again")


def _pil_name(image: Any) -> str:
    return printable(getattr(image, "filename", "") or "PIL image")
