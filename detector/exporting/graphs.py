"""A detector's networks as graphs that run without torch, each with fixed inputs and outputs.

    photograph: the picture at each scale of the recipe -> a map of each, MultiBox's boxes
    objectness: boxes, maps -> probability that each box holds an object
    regions: boxes, maps -> class probabilities and box deltas
    crops: 224x224 crops -> class probabilities and box deltas

They compute in float32 what `detector.networks` computes. With `portable`, the operators that the
formats lack are replaced: RoIAlign is one operator then, and MultiBox's pooling two products of
matrices.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torchvision.ops import roi_align

from detector.networks.googlenet import preprocess
from detector.networks.pyramid import Pyramid
from detector.networks.regions import DELTA_SCALE, RegionClassifier
from proposals.multibox import MultiBox


class Photograph(nn.Module):
    """Pictures (H, W, 3) RGB uint8 of one photograph, one for each scale of the recipe.

    Returns their maps (1, 832, H / 16, W / 16), rounded up. With MultiBox, its K boxes (K, 4) xyxy
    follow, in shares of the photograph's sides, and their confidences (K,).
    """

    def __init__(
        self, model: RegionClassifier, multibox: MultiBox | None, *, portable: bool
    ) -> None:
        super().__init__()
        self.model, self.multibox = model, multibox
        if multibox is not None and portable:
            self.multibox = PortableMultiBox.from_state(multibox.state_dict())

    def forward(self, *pictures: Tensor) -> tuple[Tensor, ...]:
        maps = [self.model.features(picture.permute(2, 0, 1)) for picture in pictures]
        if self.multibox is None:
            return tuple(maps)
        outputs, logits = self.multibox(maps[0])
        return (*maps, self.multibox.decode(outputs)[0], logits[0].sigmoid())


class ObjectnessOf(nn.Module):
    """Boxes (N, 4) xyxy, factors (scales, 4) and maps of `Photograph` -> probabilities (N,).

    The boxes lie in the photograph, in its pixels; the factors take them into each of the pictures.
    """

    def __init__(self, model: RegionClassifier, *, portable: bool) -> None:
        super().__init__()
        self.objectness = model.objectness
        self.pyramid = PortablePyramid if portable else Pyramid

    def forward(self, boxes_xyxy: Tensor, factors: Tensor, *maps: Tensor) -> Tensor:
        logits = self.objectness(self.pyramid(list(maps), factors), boxes_xyxy)
        return cast(Tensor, logits.sigmoid())


class Regions(nn.Module):
    """The inputs of `ObjectnessOf` -> probabilities (N, classes + 1) and R-CNN's deltas (N, 4)."""

    def __init__(self, model: RegionClassifier, *, portable: bool) -> None:
        super().__init__()
        self.model = model
        self.pyramid = PortablePyramid if portable else Pyramid

    def forward(self, boxes_xyxy: Tensor, factors: Tensor, *maps: Tensor) -> tuple[Tensor, Tensor]:
        outputs = self.model(self.pyramid(list(maps), factors), boxes_xyxy)
        return probabilities_and_deltas(*outputs)


class Crops(nn.Module):
    """Crops (N, 224, 224, 3) RGB uint8 -> probabilities (N, classes + 1), R-CNN's deltas (N, 4)."""

    def __init__(self, model: RegionClassifier) -> None:
        super().__init__()
        self.model = model

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.model.network.trunk(preprocess(crops.permute(0, 3, 1, 2)))
        return probabilities_and_deltas(*self.model.predict(maps))


def probabilities_and_deltas(logits: Tensor, deltas: Tensor) -> tuple[Tensor, Tensor]:
    """A network's outputs -> probabilities (N, classes + 1), background first, deltas (N, 4)."""
    return logits.softmax(1), deltas[:, 0] * torch.from_numpy(DELTA_SCALE)


class PortablePyramid(Pyramid):
    """A pyramid whose regions are cut by torchvision's RoIAlign, an operator of all formats."""

    @property
    def extent(self) -> Tensor:
        height, width = (torch.as_tensor(side) for side in self.maps[0].shape[2:])
        return torch.stack([width, height]) * self.stride / self.factors[0, :2]

    def cut(self, boxes_xyxy: Tensor, size: int, samples: int = 1) -> Tensor:
        level = self.level_of(boxes_xyxy)
        rois = torch.cat([level[:, None].float(), boxes_xyxy * self.factors[level]], 1)
        maps = _of_one_size(self.maps)
        return cast(Tensor, roi_align(maps, rois, size, 1 / self.stride, samples, aligned=True))


def _of_one_size(maps: list[Tensor]) -> Tensor:
    """Maps (1, C, H, W) of several sizes -> (maps, C, H, W): the last cells are repeated.

    This changes no region of RoIAlign, whose samples beyond the last cells have their values.
    """
    sides = [[torch.as_tensor(side) for side in one.shape[2:]] for one in maps]
    height, width = (torch.stack(lengths).max() for lengths in zip(*sides, strict=True))
    rows, columns = (torch.arange(cast(int, length)) for length in (height, width))
    return torch.cat(
        [
            one[:, :, rows.clamp(max=last_row - 1)][..., columns.clamp(max=last_column - 1)]
            for one, (last_row, last_column) in zip(maps, sides, strict=True)
        ]
    )


class PortableMultiBox(MultiBox):
    """MultiBox whose pooling of maps of any size is two products of matrices."""

    def squash(self, feature_map: Tensor) -> Tensor:
        rows, columns = (
            averages(torch.as_tensor(side), self.grids[0]) for side in feature_map.shape[2:]
        )
        return rows @ feature_map @ columns.T


def averages(length: Tensor, bins: int) -> Tensor:
    """(bins, length): adaptive average pooling along one axis of `length` cells, as a matrix."""
    number = torch.arange(bins)[:, None]
    first, last = number * length // bins, ((number + 1) * length + bins - 1) // bins
    cell = torch.arange(cast(int, length))[None]
    inside = ((cell >= first) & (cell < last)).float()
    return inside / (last - first)
