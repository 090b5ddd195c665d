"""What the pipeline asks of the networks: arrays in, arrays out, whatever the device.

A photograph is seen once (`see`); every question about its regions is answered from that. All is
`no_grad`, not `inference_mode`, in which autocast would cast the weights anew in every pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import compress
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detector.networks.ensemble import Member, distinct_trunks, early_of, trunk_of, voters
from detector.networks.precision import mixed_precision
from detector.networks.pyramid import Pyramid, scaled_pictures
from detector.networks.regions import DELTA_SCALE, RegionClassifier
from detector.networks.warp import Atlas, make_atlas, shrink_for_warp, warp_regions
from detector.recipes import NetworkOptions
from proposals.boxes import flip_boxes

Floats = NDArray[np.float32]
CROPS_PER_PASS = 8  # on a CPU
GPU_PASS = 256  # regions at least: fewer do not fill it


class View(NamedTuple):
    """A photograph as it is or mirrored, at the scales of one pyramid."""

    pyramids: dict[int, Pyramid]  # by id of the trunk, the proposer's first
    cells: dict[int, Pyramid | None]  # 5b's maps by id of the network, where it sees context
    mirrored: bool


class Features(NamedTuple):
    """A photograph as the networks see it, once for proposals and classification alike."""

    views: list[View]  # the first as the recipe's short side has it, not mirrored
    size: tuple[int, int]  # the photograph's height and width
    atlas: Atlas | None  # what crops are cut from, where a member reads them
    atlas_factors: Floats  # (4,) from the photograph's pixels to the atlas's
    device: torch.device

    @property
    def map(self) -> Tensor:
        """The proposer's map of the first view, at the recipe's short side."""
        return self.pyramid.maps[0]

    @property
    def pyramid(self) -> Pyramid:
        """The proposer's of the first view."""
        return next(iter(self.views[0].pyramids.values()))

    def boxes(self, boxes_xyxy: Floats, mirrored: bool = False) -> Tensor:
        """Boxes (N, 4) of the photograph, or of its mirror image, on the device."""
        seen = flip_boxes(boxes_xyxy, self.size[1]) if mirrored else boxes_xyxy
        return torch.from_numpy(seen).to(self.device)

    def crops(self, boxes_xyxy: Floats, mirrored: bool, padding: int) -> Tensor:
        """Boxes (N, 4) of the photograph, warped to (N, 3, 224, 224)."""
        assert self.atlas is not None  # `see` made one for every member that reads crops
        boxes = torch.from_numpy(boxes_xyxy * self.atlas_factors).to(self.device)
        turned = torch.full((len(boxes),), mirrored, device=self.device)
        return warp_regions(self.atlas, boxes, mirrored=turned, padding=padding)


@torch.no_grad()
def see(
    members: Sequence[Member],
    image: NDArray[np.uint8],
    options: NetworkOptions,
    device: torch.device,
) -> Features:
    """One pass of every trunk over every view of an (H, W, 3) RGB photograph; source of crops."""
    views = []
    for scale in (1.0, *options.more_scales):
        sides = round(scale * options.short_side), round(scale * options.long_side)
        scaled = replace(options, short_side=sides[0], long_side=sides[1])
        pictures, sizes = scaled_pictures(image, scaled)
        tensors = [torch.from_numpy(picture).to(device).permute(2, 0, 1) for picture in pictures]
        factors = torch.from_numpy(sizes).to(device)
        for mirrored in (False, True)[: 1 + options.mirror]:
            seen = [tensor.flip(2) if mirrored else tensor for tensor in tensors]
            with mixed_precision(device):
                pyramids = {
                    id(trunk_of(model)): Pyramid(model.maps(seen), factors)
                    for model in distinct_trunks(members)
                }
                asked = ("shared", "proposer") if options.cascade else ("shared",)
                cells = {
                    id(model): model.cells(pyramids[id(trunk_of(model))])
                    for model, mode in members
                    if mode in asked
                }
            views.append(View(pyramids, cells, mirrored))
    atlas, atlas_factors = None, np.ones(4, np.float32)
    paddings = [member.model.crop_padding for member in members if member.mode == "warp"]
    if paddings:
        bounded, atlas_factors = shrink_for_warp(image, options.long_side)
        picture = torch.from_numpy(bounded).to(device).permute(2, 0, 1)
        atlas = make_atlas([picture], max(paddings))
    return Features(views, (image.shape[0], image.shape[1]), atlas, atlas_factors, device)


@torch.no_grad()
def objectness(model: RegionClassifier, features: Features, boxes_xyxy: Floats) -> Floats:
    """Probability (N,) that a box holds an object of any class; cheap."""
    with mixed_precision(features.device):
        logits = model.objectness(features.pyramid, features.boxes(boxes_xyxy))
    return logits.float().sigmoid().cpu().numpy()


@torch.no_grad()
def score(
    members: Sequence[Member],
    features: Features,
    boxes_xyxy: Floats,
    batch: int,
    average: str = "arithmetic",
) -> tuple[Floats, Floats]:
    """Probabilities (N, classes + 1) and box deltas (N, classes, 4), `batch` boxes a pass or more.

    Both are the mean of the members that have a vote, deltas of those that learned any, over all
    views; how `average_members`.
    """
    judges = voters(members)
    movers = [member.model.moves_boxes for member in judges]
    classes = judges[0].model.classes
    probabilities = np.zeros((len(boxes_xyxy), classes + 1), np.float32)
    deltas = np.zeros((len(boxes_xyxy), classes, 4), np.float32)
    for rows, answers in _in_passes(judges, features, boxes_xyxy, batch):
        mean = average_members([answer.probabilities for answer in answers], average)
        probabilities[rows] = mean.cpu().numpy()
        if moves := [answer.deltas for answer in compress(answers, movers)]:
            deltas[rows] = torch.stack(moves).mean(0).cpu().numpy() * DELTA_SCALE
    return probabilities, deltas


@torch.no_grad()
def score_each(
    members: Sequence[Member], features: Features, boxes_xyxy: Floats, batch: int
) -> list[tuple[Floats, Floats]]:
    """What `score` is the mean of: the own probabilities and deltas of each that has a vote."""
    judges = voters(members)
    shape = len(boxes_xyxy), judges[0].model.classes
    found = [
        (np.zeros((shape[0], shape[1] + 1), np.float32), np.zeros((*shape, 4), np.float32))
        for _ in judges
    ]
    for rows, answers in _in_passes(judges, features, boxes_xyxy, batch):
        for (probabilities, deltas), answer in zip(found, answers, strict=True):
            probabilities[rows] = answer.probabilities.cpu().numpy()
            deltas[rows] = answer.deltas.cpu().numpy() * DELTA_SCALE
    return found


def average_members(
    probabilities: Sequence[Tensor], average: str, votes: Sequence[int] = ()
) -> Tensor:
    """Mean (N, classes + 1) of the members' class probabilities, rows summing to 1.

    "arithmetic" as in the paper; in the "geometric" mean (the softmax of the mean logarithm, a
    product of experts) a class counts for little that one of the members rules out. `votes`: how
    many members each of `probabilities` is the mean of; () is one each.
    """
    stacked = torch.stack(list(probabilities))
    if len(stacked) == 1:
        return stacked[0]
    share = stacked.new_tensor(votes or [1] * len(stacked))[:, None, None]
    share = share / share.sum()
    if average == "arithmetic":
        return (share * stacked).sum(0)
    return (share * stacked.clamp(min=1e-12).log()).sum(0).softmax(1)


class _Answer(NamedTuple):
    """Of one member: (N, classes + 1) and (N, classes, 4), means over the views."""

    probabilities: Tensor
    deltas: Tensor


def _in_passes(
    judges: Sequence[Member], features: Features, boxes_xyxy: Floats, batch: int
) -> Iterator[tuple[slice, list[_Answer]]]:
    """Rows of the boxes that go through the networks together, and each member's answers."""
    if features.device.type != "cpu":
        batch = max(batch, GPU_PASS)
    with mixed_precision(features.device):
        for first in range(0, len(boxes_xyxy), batch):
            rows = slice(first, first + batch)
            yield rows, _answers(judges, features, boxes_xyxy[rows])


def _answers(judges: Sequence[Member], features: Features, boxes_xyxy: Floats) -> list[_Answer]:
    """What each member says, the mean of what it says of the views it reads."""
    on_maps = [judge.model for judge in judges if judge.mode == "shared"]
    on_crops = [judge.model for judge in judges if judge.mode == "warp"]
    sides = sorted({view.mirrored for view in features.views})
    # Of each network in turn, its answers of all views
    of_maps = zip(
        *(_of_maps(on_maps, features, view, boxes_xyxy) for view in features.views), strict=True
    )
    of_crops = zip(
        *(_of_crops(on_crops, features, side, boxes_xyxy) for side in sides), strict=True
    )
    said = [next(of_crops if judge.mode == "warp" else of_maps) for judge in judges]
    return [
        _Answer(
            torch.stack([view.probabilities for view in views]).mean(0),
            torch.stack([view.deltas for view in views]).mean(0),
        )
        for views in said
    ]


def _of_maps(
    models: Sequence[RegionClassifier], features: Features, view: View, boxes_xyxy: Floats
) -> list[_Answer]:
    """What networks say of regions of their maps, which are cut out once for those of a trunk."""
    boxes, found = features.boxes(boxes_xyxy, view.mirrored), []
    regions: dict[int, Tensor] = {}
    for model in models:
        trunk = id(trunk_of(model))
        if trunk not in regions:
            regions[trunk] = model.regions(view.pyramids[trunk], boxes)
        around = model.around(view.cells[id(model)], boxes)
        found.append(_answer(model.answer(regions[trunk], around), view.mirrored))
    return found


def _of_crops(
    models: Sequence[RegionClassifier], features: Features, mirrored: bool, boxes_xyxy: Floats
) -> list[_Answer]:
    """What networks say of crops: cut once for those of a padding, seen once by common layers."""
    found, crops = [], dict[int, Tensor]()  # by padding
    early: dict[tuple[int, int], Tensor] = {}  # by padding and first layers
    for model in models:
        padding = model.crop_padding
        key = padding, id(early_of(model))
        if padding not in crops:
            crops[padding] = features.crops(boxes_xyxy, mirrored, padding)
        if key not in early:
            early[key] = _early(model, crops[padding])
        found.append(_answer(model.answer(model.network.late(early[key])), mirrored))
    return found


def _early(model: RegionClassifier, crops: Tensor) -> Tensor:
    """Crops through the first layers, few a pass where a processor's cache should hold their maps.

    Those of the other layers are small enough.
    """
    if crops.device.type != "cpu":
        return model.network.early(crops)
    return torch.cat([model.network.early(piece) for piece in crops.split(CROPS_PER_PASS)])


def _answer(answer: tuple[Tensor, Tensor], mirrored: bool) -> _Answer:
    """Of one view; in a mirrored one a box to be moved to the right moves to the left here."""
    logits, deltas = answer[0].float(), answer[1].float()
    if mirrored:
        deltas = deltas * deltas.new_tensor([-1, 1, 1, 1])
    return _Answer(logits.softmax(1), deltas)
