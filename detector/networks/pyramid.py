"""A photograph at several scales; each region is read at the scale that suits it.

GoogLeNet learned from objects that fill 224x224 pixels. A region is read at the scale where its
area is nearest to that (SPP-net, arXiv 1406.4729, section 4.1), so that an object that fills the
photograph and one that fills a corner of it look alike to the network. Small scales cost little.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detector.networks.googlenet import TRUNK_STRIDE
from detector.networks.operators.roi_align import roi_align_levels
from detector.recipes import NetworkOptions

NATIVE_SIDE = 224.0  # pixels of GoogLeNet's input


class Pyramid(NamedTuple):
    """The trunk's maps of one photograph.

    maps: (1, C, ~height / stride, ~width / stride) each, the recipe's short side first. factors:
    (scales, 4) float32, x, y, x, y: from the photograph's pixels to those of each scale. stride:
    pixels of a scale per cell.
    """

    maps: list[Tensor]
    factors: Tensor
    stride: int = TRUNK_STRIDE

    def through(self, layer: Callable[[Tensor], Tensor]) -> Pyramid:
        """The same pyramid after one more layer."""
        return self._replace(maps=together(layer, self.maps))

    @property
    def extent(self) -> Tensor:
        """Width and height (2,) of the photograph in its pixels, in whole cells of the maps."""
        height, width = self.maps[0].shape[2:]
        return self.factors.new_tensor([width, height]) * self.stride / self.factors[0, :2]

    def level_of(self, boxes_xyxy: Tensor) -> Tensor:
        """Which scale each box (N, 4) of the photograph is read at: (N,) int64."""
        width_height = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]).clamp(min=1e-3)
        area = (width_height[:, None] * self.factors[:, :2]).prod(2)  # (N, scales)
        return (area / NATIVE_SIDE**2).log().abs().argmin(1)

    def cut(self, boxes_xyxy: Tensor, size: int, samples: int = 1) -> Tensor:
        """Boxes (N, 4) in the photograph's pixels -> (N, C, size, size), by RoIAlign.

        `samples` points per cell and axis are averaged.
        """
        level = self.level_of(boxes_xyxy)
        boxes = boxes_xyxy * self.factors[level]
        return roi_align_levels(self.maps, level, boxes, size, 1 / self.stride, samples)


def together(layer: Callable[[Tensor], Tensor], inputs: Sequence[Tensor]) -> list[Tensor]:
    """`layer` of each input (1, C, H, W); inputs of one shape go through it as one batch.

    Most of a small map's time goes into calling the layers, so two maps take little longer than
    one.
    """
    alike = defaultdict(list)
    for place, x in enumerate(inputs):
        alike[x.shape].append(place)
    outputs: dict[int, Tensor] = {}
    for places in alike.values():
        batch = torch.cat([inputs[place] for place in places]) if places[1:] else inputs[places[0]]
        outputs.update(zip(places, layer(batch).split(1), strict=True))
    return [outputs[place] for place in range(len(inputs))]


def scaled_pictures(
    image: NDArray[np.uint8],
    options: NetworkOptions,
    short_side: int = 0,
    interpolation: int | None = None,
) -> tuple[list[NDArray[np.uint8]], NDArray[np.float32]]:
    """An RGB photograph (H, W, 3) at every scale of the recipe.

    Parameters
    ----------
    short_side
        Pixels, instead of the recipe's; the further scales keep their ratio to it.
    interpolation
        OpenCV's; None takes area where the picture shrinks, else linear.

    Returns
    -------
    The pictures, and factors (scales, 4) that take boxes of the photograph into them.
    """
    short = short_side or options.short_side
    found = [
        resize_for_network(
            image, round(scale * short), round(scale * options.long_side), interpolation
        )
        for scale in (1.0, *options.pyramid)
    ]
    return [picture for picture, _ in found], np.stack([factors for _, factors in found])


def resize_for_network(
    image: NDArray[np.uint8],
    short_side: int,
    long_side: int,
    interpolation: int | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Scale an (H, W, 3) photograph to a short side, unless its long side would grow too long.

    `interpolation` is OpenCV's; None takes area where the picture shrinks, else linear.

    Returns the picture and the factors (x, y, x, y) that take boxes into it. Both sides are at
    least one trunk cell long, so that a 1x500 strip has a map.
    """
    height, width = image.shape[:2]
    scale = min(short_side / min(height, width), long_side / max(height, width))
    new_width, new_height = (max(TRUNK_STRIDE, round(side * scale)) for side in (width, height))
    if interpolation is None:
        interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    resized = cv2.resize(image, (new_width, new_height), interpolation=interpolation)
    factors = np.array([new_width / width, new_height / height] * 2, np.float32)
    return cast("NDArray[np.uint8]", resized), factors
