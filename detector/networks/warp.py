"""R-CNN's input: each box warped to 224x224 with context around it, in one sampling call.

The geometry is R-CNN's (arXiv 1311.2524, appendix A): a box is enlarged by 224 / (224 - 2 * 16)
about its centre and its two sides are scaled independently, so that the box itself fills pixels 16
to 207 of the crop and 16 pixels of context surround it (`padding`, R-CNN's p; a network may have
learned with another value). Pixels outside the photograph have the mean colour, which is 0 once the
mean is subtracted.

Photographs are laid into one tall picture, the atlas, with its halvings below. Every crop is a
rectangle of the atlas, so one `grid_sample` makes the crops of any number of boxes of any number of
photographs. A box that must shrink twofold or more, in the geometric mean of its sides, is read
from a halving, whose pixels are means; so pixels are skipped only along the long side of very long
boxes. (R-CNN's first code resized with MATLAB's antialiasing; its Caffe layer did not.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from detector.networks.googlenet import MEAN_BGR

CROP_SIZE = 224
PADDING = 16  # pixels of the crop on each side of the box
INSIDE = CROP_SIZE - 2 * PADDING
HALVINGS = 5  # enough for boxes of 64 * 192 pixels
_COARSEST = 2**HALVINGS


def shrink_for_warp(
    image: NDArray[np.uint8], long_side: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Bound the longer side of an (H, W, 3) photograph; a smaller one stays as it is.

    Returns the picture and the factors (x, y, x, y) that take boxes into it. Crops are made in
    float32, in which a camera's twelve megapixels would take three hundred megabytes.
    """
    height, width = image.shape[:2]
    new_height, new_width = bounded_size(height, width, long_side)
    if (new_height, new_width) != (height, width):
        image = cv2.resize(image, (new_width, new_height), interpolation=cv2.INTER_AREA)
    factors = np.array([new_width / width, new_height / height] * 2, np.float32)
    return image, factors


def bounded_size(height: int, width: int, long_side: int) -> tuple[int, int]:
    """Height and width of `shrink_for_warp`'s picture."""
    scale = min(1.0, long_side / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


class Atlas(NamedTuple):
    """Photographs one above the other, and their halvings below."""

    pixels: Tensor  # (3, rows, columns) float32 BGR, the mean subtracted
    places: Tensor  # (photographs, 3) float32: top row, height, width of each
    rows: int  # of the photographs; the first halving begins below them
    halvings: int  # no box of a photograph needs more


def make_atlas(images: Sequence[Tensor], padding: int = PADDING) -> Atlas:
    """Lay photographs out for `warp_regions`.

    Parameters
    ----------
    images
        (3, H, W) RGB uint8 each, of any sizes, all on one device; at least one.
    padding
        The largest padding of the crops to come.
    """
    places, rows = [], 0
    for image in images:
        places.append((rows, *image.shape[1:]))
        rows += -(-image.shape[1] // _COARSEST) * _COARSEST  # halvings begin on whole rows
    columns = max(-(-image.shape[2] // _COARSEST) * _COARSEST for image in images)
    longest = max(max(image.shape[1:]) for image in images)
    halvings = min(HALVINGS, max(0, int(math.log2(longest / _inside(padding)))))
    device = images[0].device
    size = 3, _first_row(rows, halvings + 1), columns
    pixels = torch.zeros(size, dtype=torch.float32, device=device)
    for image, (top, height, width) in zip(images, places, strict=True):
        pixels[:, top : top + height, :width] = image.flip(0)
    layer = pixels[:, :rows]
    layer -= pixels.new_tensor(MEAN_BGR)[:, None, None]
    for halving in range(1, halvings + 1):
        layer = F.avg_pool2d(layer, 2)
        top = _first_row(rows, halving)
        pixels[:, top : top + layer.shape[1], : layer.shape[2]] = layer
    table = torch.tensor(places, dtype=torch.float32, device=device)
    return Atlas(pixels, table, rows, halvings)


def _first_row(rows: int, halving: int) -> int:
    """Row of the atlas where that halving begins: rows + rows / 2 + rows / 4 + ..."""
    return 2 * rows - 2 * rows // 2**halving


def warp_regions(
    atlas: Atlas,
    boxes_xyxy: Tensor,
    photograph: Tensor | None = None,
    mirrored: Tensor | None = None,
    *,
    colours: Tensor | None = None,
    padding: int = PADDING,
    interpolation: str = "bilinear",
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Warp boxes of the atlas's photographs to the network's input.

    Parameters
    ----------
    atlas
        From `make_atlas`, once per photograph.
    boxes_xyxy
        (N, 4) float32 in pixels of their photograph; they may reach outside it.
    photograph
        (N,) int64, the row of `atlas.places` that each box belongs to; None: row 0 for all.
    mirrored
        (N,) bool, crops to be flipped left to right together with their context; None: no crop.
    colours
        (N, 3, 4) float32, a map of each crop's (red, green, blue, 1) 0..255 to new colours, as
        `photometric.random_matrix` draws them; None: unchanged.
    padding
        Pixels of the crop around the box, on each side.
    interpolation
        The mode of `grid_sample`: "bilinear", "bicubic" or "nearest".
    dtype
        Data type of the crops.

    Returns
    -------
    (N, 3, 224, 224) BGR, the mean subtracted, in channels_last; 0 outside the photograph.
    """
    count = len(boxes_xyxy)
    if not count:
        empty = atlas.pixels.new_zeros(0, 3, CROP_SIZE, CROP_SIZE, dtype=dtype)
        return empty.contiguous(memory_format=torch.channels_last)
    place = atlas.places[:1].expand(count, 3) if photograph is None else atlas.places[photograph]
    top, height, width = place.unbind(1)
    # Centres of the crop's pixels, as shares of the box: 0 is its left edge, 1 its right one
    pixel = torch.arange(CROP_SIZE, dtype=boxes_xyxy.dtype, device=boxes_xyxy.device)
    share = (pixel + 0.5 - padding) / _inside(padding)
    across = share.expand(count, CROP_SIZE)
    if mirrored is not None:
        across = torch.where(mirrored[:, None], 1 - across, across)
    x1, y1, x2, y2 = boxes_xyxy[:, :, None].unbind(1)
    x = x1 + (x2 - x1) * across
    y = y1 + (y2 - y1) * share
    inside_x = (x >= 0) & (x < width[:, None])
    inside_y = (y >= 0) & (y < height[:, None])

    halving = _halving(boxes_xyxy, height, width, padding).clamp(max=atlas.halvings)
    scale = torch.exp2(-halving)
    margin = 1 if interpolation == "bicubic" else 0  # it reads one cell further
    x = _to_cells(x, width, scale, margin)
    y = _to_cells(y, height, scale, margin)
    y += (2 * atlas.rows * (1 - scale) + top * scale)[:, None]  # `_first_row` + place
    rows, columns = atlas.pixels.shape[1:]
    x = (2 * x + 1) / columns - 1
    y = (2 * y + 1) / rows - 1
    shape = (count, CROP_SIZE, CROP_SIZE)
    grid = torch.stack([x[:, None, :].expand(shape), y[:, :, None].expand(shape)], -1)
    source = atlas.pixels.expand(count, *atlas.pixels.shape)
    crops = F.grid_sample(source, grid, interpolation, "border", align_corners=False)
    if colours is not None:
        crops = _change_colours(crops, colours)
    crops *= (inside_y[:, None, :, None] & inside_x[:, None, None, :]).to(crops.dtype)
    return crops.to(dtype, memory_format=torch.channels_last)


def _inside(padding: int) -> int:
    """Side of the box in the crop."""
    return CROP_SIZE - 2 * padding


def _change_colours(crops: Tensor, colours: Tensor) -> Tensor:
    """Map RGB 0..255, though the crops are BGR without the mean; values stay in 0..255."""
    mean = crops.new_tensor(MEAN_BGR)[:, None]
    turned = colours.flip(1)  # rows, then columns: red, green, blue -> blue, green, red
    matrix, shift = turned[:, :, :3].flip(2), turned[:, :, 3:]
    changed = torch.baddbmm(shift + matrix @ mean - mean, matrix, crops.flatten(2))
    return torch.minimum(torch.maximum(changed, -mean), 255 - mean).view_as(crops)


def _halving(boxes_xyxy: Tensor, height: Tensor, width: Tensor, padding: int) -> Tensor:
    """How often the photograph is halved before each box is read from it (N,), 0 or more."""
    sides = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]).clamp(min=1)
    shrinking = sides.prod(1).sqrt() / _inside(padding)
    shrinking = torch.minimum(shrinking, torch.minimum(height, width))
    return shrinking.log2().floor().clamp(min=0)


def _to_cells(position: Tensor, limit: Tensor, scale: Tensor, margin: int) -> Tensor:
    """Positions (N, S) in pixels of the photograph -> in cells of its halving, 0 a cell's centre.

    A position stops `margin` cells before the last cell that lies wholly in the photograph, because
    the cells behind it in the atlas belong to another picture.
    """
    last = ((limit * scale).floor() - 1 - margin).clamp(min=0)
    cells = position * scale[:, None] - 0.5
    return torch.minimum(cells.clamp(min=margin), last[:, None])
