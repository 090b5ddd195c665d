"""What the pipeline asks of the networks: arrays in, arrays out, whatever the device.

A photograph is seen once (`see`); every question about its regions is answered from that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from configs import NetworkOptions
from detector.ensemble import Member, distinct_trunks, trunk_of
from detector.regions import DELTA_SCALE, RegionClassifier, mixed_precision, resize_for_network
from detector.warp import Atlas, make_atlas, shrink_for_warp, warp_regions

Floats = NDArray[np.float32]


class Features(NamedTuple):
    """A photograph as the networks see it, once for proposals and classification alike."""

    maps: dict[int, Tensor]  # by id of the trunk: (1, 832, ~h/16, ~w/16), the proposer's first
    factors: Floats  # (4,) x, y, x, y: from the photograph's pixels to the resized one's
    size: tuple[int, int]  # the photograph's height and width
    atlas: Atlas | None  # what crops are cut from, where a member reads them
    atlas_factors: Floats  # (4,) from the photograph's pixels to the atlas's
    device: torch.device

    @property
    def map(self) -> Tensor:
        """The proposer's map."""
        return next(iter(self.maps.values()))

    def scaled(self, boxes_xyxy: Floats) -> Tensor:
        """Boxes (N, 4) of the photograph in pixels of the resized one, beside the maps."""
        return torch.from_numpy(boxes_xyxy * self.factors).to(self.device)

    def crops(self, boxes_xyxy: Floats) -> Tensor:
        """Boxes (N, 4) of the photograph, warped to (N, 3, 224, 224)."""
        assert self.atlas is not None  # `see` made one for every member that reads crops
        boxes = torch.from_numpy(boxes_xyxy * self.atlas_factors).to(self.device)
        return warp_regions(self.atlas, boxes)


@torch.inference_mode()
def see(
    members: Sequence[Member],
    image: NDArray[np.uint8],
    options: NetworkOptions,
    device: torch.device,
) -> Features:
    """One pass of every trunk over an (H, W, 3) RGB photograph, and the source of crops."""
    resized, factors = resize_for_network(image, options)
    tensor = torch.from_numpy(resized).to(device).permute(2, 0, 1)
    with mixed_precision(device):
        maps = {id(trunk_of(m)): m.features(tensor) for m in distinct_trunks(members)}
    atlas, atlas_factors = None, factors
    if any(member.mode == "warp" for member in members):
        bounded, atlas_factors = shrink_for_warp(image, options.long_side)
        atlas = make_atlas([torch.from_numpy(bounded).to(device).permute(2, 0, 1)])
    return Features(maps, factors, image.shape[:2], atlas, atlas_factors, device)


@torch.inference_mode()
def objectness(model: RegionClassifier, features: Features, boxes_xyxy: Floats) -> Floats:
    """Probability (N,) that a box holds an object of any class; cheap."""
    with mixed_precision(features.device):
        logits = model.objectness(features.map, features.scaled(boxes_xyxy))
    return logits.float().sigmoid().cpu().numpy()


@torch.inference_mode()
def score(
    members: Sequence[Member], features: Features, boxes_xyxy: Floats, batch: int
) -> tuple[Floats, Floats]:
    """Probabilities (N, classes + 1) and box deltas (N, classes, 4), `batch` boxes a pass.

    Both are the mean of the members that have a vote.
    """
    voters = [member for member in members if member.mode != "proposer"]
    classes = voters[0].model.classes
    probabilities = np.zeros((len(boxes_xyxy), classes + 1), np.float32)
    deltas = np.zeros((len(boxes_xyxy), classes, 4), np.float32)
    for first in range(0, len(boxes_xyxy), batch):
        rows = slice(first, first + batch)
        with mixed_precision(features.device):
            answers = list(_answers(voters, features, boxes_xyxy[rows]))
        mean = torch.stack([logits.float().softmax(1) for logits, _ in answers]).mean(0)
        probabilities[rows] = mean.cpu().numpy()
        mean = torch.stack([delta.float() for _, delta in answers]).mean(0)
        deltas[rows] = mean.cpu().numpy() * DELTA_SCALE
    return probabilities, deltas


def _answers(
    voters: Sequence[Member], features: Features, boxes_xyxy: Floats
) -> Iterator[tuple[Tensor, Tensor]]:
    """Logits and deltas of each member; regions and crops are cut out once."""
    regions: dict[int, Tensor] = {}
    crops: Tensor | None = None
    for model, mode in voters:
        if mode == "warp":
            crops = features.crops(boxes_xyxy) if crops is None else crops
            yield model.classify_crops(crops)
            continue
        trunk = id(trunk_of(model))
        if trunk not in regions:
            regions[trunk] = model.regions(features.maps[trunk], features.scaled(boxes_xyxy))
        yield model.answer(regions[trunk])
