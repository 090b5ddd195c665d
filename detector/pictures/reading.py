"""Any picture -> one RGB uint8 array, whole or reduced."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from detector.errors import DetectorError
from detector.pictures.decoding import decode, shrink
from detector.pictures.opening import opened
from detector.pictures.pixels import array_to_rgb
from detector.pictures.tensors import array_of_tensor, is_tensor

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from proposals import Proposals

ImageSource: TypeAlias = (
    "str | os.PathLike[str] | bytes | bytearray | IO[bytes] | Image.Image | np.ndarray | Tensor"
)
Size: TypeAlias = tuple[int, int]  # height, width

LARGE = 100_000_000  # pixels; no step of detection gains from more


@dataclass(frozen=True)
class ScaledPicture:
    """A picture as the detector sees it; a Detector takes one in place of a path.

    Attributes
    ----------
    pixels
        (h, w, 3) uint8 RGB, C-contiguous; all pixels of the photograph, or fewer.
    size
        (height, width) of the photograph itself, upright.
    """

    pixels: NDArray[np.uint8]
    size: Size

    def to_photograph(self, boxes_xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes (N, 4) in `pixels` -> in the photograph, which they do not leave."""
        if self.pixels.shape[:2] == self.size:
            return boxes_xyxy
        width_height = np.tile(self.size[::-1], 2)
        return np.minimum(boxes_xyxy * self._factors(), width_height).astype(np.float32)

    def proposals_in_photograph(self, proposals: Proposals) -> Proposals:
        """Proposals for `pixels`, in the photograph."""
        return replace(proposals, boxes_xyxy=self.to_photograph(proposals.boxes_xyxy))

    def to_pixels(self, boxes_xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes (N, 4) in the photograph -> in `pixels`."""
        if self.pixels.shape[:2] == self.size:
            return boxes_xyxy
        return (boxes_xyxy / self._factors()).astype(np.float32)

    def _factors(self) -> NDArray[np.float64]:
        """(4,): the photograph's pixels per pixel here, x, y, x, y."""
        height, width = self.pixels.shape[:2]
        return np.tile([self.size[1] / width, self.size[0] / height], 2)


def read_image(source: ImageSource, *, max_pixels: int | None = None) -> np.ndarray:
    """Read all pixels of one picture as RGB, upright; transparent pixels become white.

    Parameters
    ----------
    source
        A path; an image file that is open for reading bytes, or its bytes; a PIL image; an array
        (H, W), (H, W, 1), (H, W, 3) RGB or (H, W, 4) RGBA of bool or real numbers; or a torch
        tensor, see `array_of_tensor`. Of a file with several frames, the first is read. The same
        picture gives the same pixels in each of these forms.
    max_pixels
        Largest height * width; checked in the header, before anything is decoded. None is the
        environment variable DETECT_MAX_PIXELS, or 500 million. Arrays are not limited.

    Returns
    -------
    ndarray
        (H, W, 3) uint8, C-contiguous, writable. If `source` is such an array already, memory is
        shared. Wider numbers are brought to 0..255: integers that reach half of 65535 are divided
        by 257, floats 0..1 that reach 0.5 are multiplied by 255, values that fit into 0..255 are
        rounded. Any other range, such as 12 bits in a file of 16, is stretched from its smallest to
        its largest value, with a DetectorWarning.

    Raises
    ------
    DetectorError
        A missing, unreadable, truncated or too large picture, or an array of another shape.
    """
    if is_tensor(source):
        source = array_of_tensor(source)
    if isinstance(source, np.ndarray):
        pixels = array_to_rgb(source, "array")
    else:
        with opened(source, max_pixels) as (image, name):
            pixels, _ = decode(image, name)
    return np.require(pixels, requirements=["C", "W"])


def read_scaled(
    source: ImageSource | ScaledPicture, *, max_side: int | None = None
) -> ScaledPicture:
    """Read a picture like `read_image`, but a large one at reduced size.

    The sides of a picture of more than 100 megapixels are halved until at most 100 remain. JPEG
    files are reduced by their decoder and never held whole.

    Parameters
    ----------
    source
        See `read_image`; a ScaledPicture is returned itself.
    max_side
        Longest side that is needed, in pixels: a larger picture is reduced to it. None keeps all
        that is not too large.

    Raises
    ------
    DetectorError
        See `read_image`; `max_side` is below 1.
    """
    if max_side is not None and max_side < 1:
        raise DetectorError(f"max_side is {max_side!r}; use 1 or more, a whole number of pixels")
    if isinstance(source, ScaledPicture):
        return source
    if is_tensor(source):
        source = array_of_tensor(source)
    if isinstance(source, np.ndarray):
        pixels = array_to_rgb(source, "array")
        size = (pixels.shape[0], pixels.shape[1])
        pixels = shrink(pixels, _factor(size, max_side))
    else:
        with opened(source, None) as (image, name):
            factor = _factor(image.size, max_side)
            pixels, size = decode(image, name, factor, in_place=image is not source)
    if max_side is not None and max_side < max(pixels.shape[:2]):
        pixels = _fitted(pixels, size, max_side)
    return ScaledPicture(np.require(pixels, requirements=["C", "W"]), size)


def _factor(size: Size, max_side: int | None) -> int:
    """The whole number that both sides may be divided by."""
    factor = 1 if max_side is None else max(1, max(size) // max_side)
    while size[0] * size[1] > LARGE * factor**2:
        factor *= 2
    return factor


def _fitted(pixels: NDArray[np.uint8], size: Size, max_side: int) -> NDArray[np.uint8]:
    """Pixels whose long side is `max_side`, in the proportions of `size`."""
    import cv2

    height, width = (max(1, round(side * max_side / max(size))) for side in size)
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
