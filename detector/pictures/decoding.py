"""An open PIL image -> upright RGB pixels, whole or reduced while they are decoded."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from detector.errors import DetectorError
from detector.pictures.opening import damaged, without_pillow_limit
from detector.pictures.pixels import array_to_rgb, eight_bit

if TYPE_CHECKING:
    from PIL import Image
    from PIL.ImageFile import ImageFile

Pixels = NDArray[np.uint8]

# EXIF orientation (tag 274) -> the turn that makes the stored pixels upright.
EXIF_TURNS: dict[int, Callable[[Pixels], Pixels]] = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: np.rot90(pixels, 1),
}
EXIF_ORIENTATION = 274
SIDEWAYS = (5, 6, 7, 8)  # orientations in which width and height change places
BAND = 8_000_000  # pixels that are converted at a time, which limits the memory


def decode(
    image: Image.Image, name: str, factor: int = 1, *, in_place: bool = False
) -> tuple[Pixels, tuple[int, int]]:
    """Decode an opened image, reduced by a whole number if it is too large.

    A JPEG file is reduced by its decoder. Other pictures are decoded whole, then converted and
    reduced band by band.

    Parameters
    ----------
    factor
        Both sides are divided by it and rounded up.
    in_place
        The decoder may reduce `image` itself, because no other code uses it.

    Returns
    -------
    Upright pixels (h, w, 3), and the upright (height, width) of the whole picture.

    Raises
    ------
    DetectorError
        A damaged picture, one that does not fit into memory, or colours that cannot become RGB.
    """
    width, height = whole = image.size
    try:
        if in_place and factor > 1:
            image.draft(None, (max(1, width // factor), max(1, height // factor)))
        drafted = image.size
        many_bits = _file_of_many_bits(image)
        with without_pillow_limit:
            image.load()  # complains about a damaged file, which OpenCV would not
        left = max(1, factor // round(max(whole) / max(drafted)))
        pixels = _pixels_of_many_bits(many_bits, name, left)
        if pixels is None:
            pixels = _pixels(image, name, left)
    except DetectorError:
        raise
    except MemoryError:
        raise DetectorError(
            f"{name}: {width} x {height} pixels do not fit into memory; shrink the picture"
        ) from None
    except Exception as error:  # decoders raise OSError, SyntaxError, struct.error, zlib.error...
        raise damaged(name, error) from error
    # Pillow makes a TIFF file upright while it decodes, and reports the new size afterwards.
    width, height = whole if drafted != whole else image.size
    orientation = _orientation(image)
    turn = EXIF_TURNS.get(orientation)
    size = (width, height) if orientation in SIDEWAYS else (height, width)
    return turn(pixels) if turn else pixels, size


def shrink(pixels: Pixels, factor: int) -> Pixels:
    """(H, W) or (H, W, 3) with both sides divided by `factor` and rounded up."""
    if factor == 1:
        return pixels
    import cv2

    height, width = (-(-side // factor) for side in pixels.shape[:2])
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _pixels(image: Image.Image, name: str, factor: int) -> Pixels:
    """Stored pixels of a loaded image as (H, W, 3) uint8, reduced but not yet upright."""
    if image.mode == "F" or image.mode.startswith("I"):  # the range needs the whole picture
        return array_to_rgb(shrink(eight_bit(np.asarray(image), name), factor), name)
    width, height = image.size
    if factor == 1 and width * height <= BAND:
        return _rgb(image, name)
    pixels = np.empty((-(-height // factor), -(-width // factor), 3), np.uint8)
    rows = max(1, BAND // (factor * width))
    for start in range(0, len(pixels), rows):
        edges = (0, start * factor, width, min((start + rows) * factor, height))
        pixels[start : start + rows] = shrink(_rgb(image.crop(edges), name), factor)
    return pixels


def _rgb(image: Image.Image, name: str) -> Pixels:
    """A loaded image of 8 bits per channel, or part of one, as (H, W, 3) uint8."""
    mode = image.mode
    if mode == "RGB" and "transparency" not in image.info:
        return np.array(image)
    if mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
        straight = image.convert("LA") if mode == "La" else image
        return array_to_rgb(np.asarray(straight.convert("RGBA")), name)
    try:
        return np.array(image.convert("RGB"))
    except ValueError as error:
        raise DetectorError(
            f"{name}: colour mode {mode} cannot be turned into RGB; save it as RGB"
        ) from error


def _file_of_many_bits(image: Image.Image) -> bytes | None:
    """The file of a PNG or TIFF picture with 16 bits per colour, before it is decoded.

    Pillow keeps only the high byte of such colours, so that 12 bits in 16 would come out black.
    """
    tile = getattr(image, "tile", None)
    if image.mode not in ("RGB", "RGBA", "LA") or not tile or image.tell():
        return None
    layout = tile[0].args
    layout = layout if isinstance(layout, str) else str((layout or ("",))[0])
    file = cast("ImageFile", image).fp
    if ";16" not in layout or file is None:
        return None
    place = file.tell()
    file.seek(0)
    content = file.read()
    file.seek(place)
    return content


def _pixels_of_many_bits(content: bytes | None, name: str, factor: int) -> Pixels | None:
    if content is None:
        return None
    import cv2

    stored = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if stored is None:
        return None
    order = [2, 1, 0, 3][: stored.shape[2]] if stored.ndim == 3 else ...
    return shrink(array_to_rgb(stored[..., order], name), factor)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(EXIF_ORIENTATION, 1))
    except Exception:  # damaged metadata must not reject intact pixels
        return 1
