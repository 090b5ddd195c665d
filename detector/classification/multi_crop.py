"""The crops by which a picture is classified: 1, 10, or the 144 of the paper's section 7.

picture -> short side resized to a scale -> squares of that side -> windows of 224, mirrored
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detector.errors import DetectorError

Pixels = NDArray[np.uint8]

SCALES = (256, 288, 320, 352)  # short sides of the picture, for windows of 224
WINDOW = 224
CROPS = (1, 10, 144)
STRIP = 8  # long over short side; resizing a longer picture could need any amount of memory


def multi_crop(image: Pixels, crops: int = 1, side: int = WINDOW) -> Tensor:
    """The windows of a picture that a network classifies.

    - 1: the centre of the central square at scale 256;
    - 10: the four corners and the centre of that square, and their mirrors (Krizhevsky et al.
      2012);
    - 144: 4 scales x 3 squares (left, centre, right; in a tall picture top, centre, bottom) x
      6 windows (four corners, centre, the whole square resized) x 2 mirrors (section 7).

    The windows of a square are neighbours, each followed by its mirror. The three squares of a
    square picture are the same one.

    Parameters
    ----------
    image
        (H, W, 3) uint8.
    side
        Side of the windows in pixels; the scales are in proportion to it (256 at 224).

    Returns
    -------
    Tensor
        (crops, 3, side, side) uint8, for `preprocess`.

    Raises
    ------
    DetectorError
        Another number of crops.
    """
    if crops not in CROPS:
        raise DetectorError(f"{crops} crops: use 1, 10 or 144")
    scales = [round(scale * side / WINDOW) for scale in SCALES]
    if crops == 144:
        chosen: list[Pixels] = []
        for scale in scales:
            for square in squares(image, scale):
                chosen += with_mirrors([*windows(square, side), resize(square, side, side)])
    else:
        _, central, _ = squares(image, scales[0])
        chosen = list(with_mirrors(windows(central, side)))
        if crops == 1:
            chosen = chosen[-2:-1]  # the centre, which only its mirror follows
    return torch.from_numpy(np.stack(chosen)).permute(0, 3, 1, 2)


def squares(image: Pixels, scale: int) -> list[Pixels]:
    """Left, central and right square of a picture whose short side is resized to `scale`.

    In a tall picture they are top, centre and bottom. Those of a long strip are cut before it is
    resized, which moves them by up to half a pixel.
    """
    height, width = image.shape[:2]
    short = min(height, width)
    if max(height, width) > STRIP * short:
        return [resize(square, scale, scale) for square in _cut_squares(image)]
    sides = (round(side * scale / short) for side in (height, width))
    return _cut_squares(resize(image, *sides))


def windows(square: Pixels, side: int) -> list[Pixels]:
    """Top left, top right, bottom left, bottom right and central window of a square."""
    spare = square.shape[0] - side
    corners = [(0, 0), (0, spare), (spare, 0), (spare, spare)]
    places = [*corners, (spare // 2, spare // 2)]
    return [square[top : top + side, left : left + side] for top, left in places]


def with_mirrors(crops: Iterable[Pixels]) -> Iterator[Pixels]:
    """Each crop, then its mirror image."""
    for crop in crops:
        yield crop
        yield crop[:, ::-1]


def resize(image: Pixels, height: int, width: int) -> Pixels:
    """Resize an image, by averages if it shrinks, by interpolation if it grows."""
    method = cv2.INTER_AREA if height < image.shape[0] else cv2.INTER_LINEAR
    contiguous = np.ascontiguousarray(image)
    resized: Pixels = cv2.resize(contiguous, (width, height), interpolation=method)
    return resized


def _cut_squares(image: Pixels) -> list[Pixels]:
    height, width = image.shape[:2]
    spare = abs(width - height)
    starts = (0, spare // 2, spare)
    if width >= height:
        return [image[:, start : start + height] for start in starts]
    return [image[start : start + width] for start in starts]
