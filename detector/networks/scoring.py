"""From a photograph to predictions: one pass of every trunk, then predictions for regions.

    see: photograph -> `Features`
    predict, predict_objectness: features, boxes -> `Prediction`, probability of an object

All functions use `no_grad`, since under `inference_mode` autocast would cast the weights again in
every pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import compress
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detector.networks.ensemble import Member
from detector.networks.googlenet import HEAD_CHANNELS
from detector.networks.precision import mixed_precision
from detector.networks.pyramid import Pyramid, scaled_pictures
from detector.networks.regions import DELTA_SCALE, RegionClassifier
from detector.networks.warp import Atlas, make_atlas, shrink_for_warp, warp_regions
from detector.recipes import NetworkOptions
from proposals.boxes import flip_boxes

Floats = NDArray[np.float32]
REGIONS_PER_PASS = 32  # on a CPU, so that its cache holds a pass
CROPS_PER_PASS = 8  # on a CPU, through the first layers, whose maps are large
GPU_PASS = 256  # fewer regions do not fill a GPU

Item = TypeVar("Item")
Result = TypeVar("Result")


class View(NamedTuple):
    """One member's maps of a photograph, either unmirrored or mirrored."""

    mirrored: bool
    pyramid: Pyramid | None  # the trunk's maps; None where the member reads crops
    cells: Pyramid | None  # 5b's maps of the whole photograph, where the member sees context


class Reader(NamedTuple):
    """A member with its views of one photograph."""

    member: Member
    views: tuple[View, ...]  # the unmirrored one first


class Features(NamedTuple):
    """The networks' maps of a photograph, which proposals and classification share."""

    readers: tuple[Reader, ...]  # one for each member; the first is the proposer too
    size: tuple[int, int]  # the photograph's height and width
    atlas: Atlas | None  # source of crops, if any member reads them
    atlas_factors: Floats  # (4,) from the photograph's pixels to the atlas's
    device: torch.device

    @property
    def pyramid(self) -> Pyramid:
        """The proposer's maps of the unmirrored photograph, the recipe's short side first."""
        pyramid = self.readers[0].views[0].pyramid
        assert pyramid is not None  # a proposer reads maps
        return pyramid

    @property
    def voters(self) -> list[Reader]:
        """The members that classify."""
        return [reader for reader in self.readers if reader.member.mode != "proposer"]

    def boxes(self, boxes_xyxy: Floats, mirrored: bool = False) -> Tensor:
        """Boxes (N, 4) of the photograph, or of its mirror image, on the device."""
        boxes = flip_boxes(boxes_xyxy, self.size[1]) if mirrored else boxes_xyxy
        return torch.from_numpy(boxes).to(self.device)

    def crops(self, boxes_xyxy: Floats, mirrored: bool, padding: int) -> Tensor:
        """Boxes (N, 4) of the photograph, warped to (N, 3, 224, 224)."""
        assert self.atlas is not None  # `see` makes one for every member that reads crops
        boxes = torch.from_numpy(boxes_xyxy * self.atlas_factors).to(self.device)
        turned = torch.full((len(boxes),), mirrored, device=self.device)
        return warp_regions(self.atlas, boxes, mirrored=turned, padding=padding)


class Prediction(NamedTuple):
    """Class probabilities (N, classes + 1), background first, and box deltas (N, classes, 4)."""

    probabilities: Floats
    deltas: Floats


@torch.no_grad()
def see(
    members: Sequence[Member],
    image: NDArray[np.uint8],
    options: NetworkOptions,
    device: torch.device,
) -> Features:
    """Pass an (H, W, 3) RGB photograph through every trunk once, and prepare it for crops."""
    pictures, sizes = scaled_pictures(image, options)
    tensors = [torch.from_numpy(picture).to(device).permute(2, 0, 1) for picture in pictures]
    factors = torch.from_numpy(sizes).to(device)
    views = []
    for mirrored in (False, True)[: 1 + options.mirror]:
        scales = [tensor.flip(2) if mirrored else tensor for tensor in tensors]
        with mixed_precision(device):
            views.append(_views(members, scales, factors, mirrored, bool(options.cascade)))
    atlas, atlas_factors = None, np.ones(4, np.float32)
    paddings = [member.model.crop_padding for member in members if member.reads_crops]
    if paddings:
        bounded, atlas_factors = shrink_for_warp(image, options.long_side)
        picture = torch.from_numpy(bounded).to(device).permute(2, 0, 1)
        atlas = make_atlas([picture], max(paddings))
    readers = tuple(map(Reader, members, zip(*views, strict=True)))
    return Features(readers, (image.shape[0], image.shape[1]), atlas, atlas_factors, device)


def _views(
    members: Sequence[Member],
    scales: Sequence[Tensor],
    factors: Tensor,
    mirrored: bool,
    has_cascade: bool,
) -> list[View]:
    """Each member's view; one pass serves all members that share a trunk."""

    def pyramid_of(member: Member) -> Pyramid | None:
        return None if member.reads_crops else Pyramid(member.model.maps(scales), factors)

    def read_one_map(one: Member, other: Member) -> bool:
        return one.trunk is other.trunk and one.reads_crops == other.reads_crops

    pyramids = computed_once(members, read_one_map, pyramid_of)
    views = []
    for member, pyramid in zip(members, pyramids, strict=True):
        # A proposer predicts classes only as the first stage of a cascade
        predicts = member.mode == "shared" or (member.mode == "proposer" and has_cascade)
        cells = member.model.cells(pyramid) if predicts and pyramid is not None else None
        views.append(View(mirrored, pyramid, cells))
    return views


@torch.no_grad()
def predict_objectness(features: Features, boxes_xyxy: Floats) -> Floats:
    """Probability (N,) that a box holds an object of any class, by the first member; cheap."""
    model = features.readers[0].member.model
    with mixed_precision(features.device):
        logits = model.objectness(features.pyramid, features.boxes(boxes_xyxy))
    return logits.float().sigmoid().cpu().numpy()


@torch.no_grad()
def predict(
    readers: Sequence[Reader], features: Features, boxes_xyxy: Floats, average: str = "arithmetic"
) -> Prediction:
    """Predict classes and deltas of boxes (N, 4): the mean of all readers and views.

    Deltas are the mean of the members that learned box regression; for probabilities see
    `average_members`.
    """
    movers = [reader.member.model.moves_boxes for reader in readers]
    means = _empty_prediction(readers, len(boxes_xyxy))
    for rows, predictions in _in_passes(readers, features, boxes_xyxy):
        mean = average_members([probabilities for probabilities, _ in predictions], average)
        means.probabilities[rows] = mean.cpu().numpy()
        if moves := [deltas for _, deltas in compress(predictions, movers)]:
            means.deltas[rows] = torch.stack(moves).mean(0).cpu().numpy() * DELTA_SCALE
    return means


@torch.no_grad()
def predict_each(
    readers: Sequence[Reader], features: Features, boxes_xyxy: Floats
) -> list[Prediction]:
    """The prediction of each reader, of which `predict` is the mean."""
    separate = [_empty_prediction(readers, len(boxes_xyxy)) for _ in readers]
    for rows, predictions in _in_passes(readers, features, boxes_xyxy):
        for own, (probabilities, deltas) in zip(separate, predictions, strict=True):
            own.probabilities[rows] = probabilities.cpu().numpy()
            own.deltas[rows] = deltas.cpu().numpy() * DELTA_SCALE
    return separate


@torch.no_grad()
def region_features(features: Features, boxes_xyxy: Floats) -> Floats:
    """(N, 1024): the averages over 5b of boxes (N, 4), by the first member that classifies."""
    member, view = features.voters[0].member, features.voters[0].views[0]
    found = np.zeros((len(boxes_xyxy), HEAD_CHANNELS), np.float32)
    size = REGIONS_PER_PASS if features.device.type == "cpu" else GPU_PASS
    with mixed_precision(features.device):
        for first in range(0, len(boxes_xyxy), size):
            rows = slice(first, first + size)
            (maps,) = _region_maps([member], [view], features, boxes_xyxy[rows])
            cells = member.model.passes.region_cells(maps)
            found[rows] = cells.mean((2, 3)).float().cpu().numpy()
    return found


def average_members(
    probabilities: Sequence[Tensor], average: str, votes: Sequence[int] = ()
) -> Tensor:
    """Mean (N, classes + 1) of the members' class probabilities, rows summing to 1.

    "arithmetic" is the paper's mean. In the "geometric" mean (the softmax of the mean logarithm, a
    product of experts) a class that one member rules out counts for little. `votes` are the
    numbers of members that each of `probabilities` already averages; () means one each.
    """
    stacked = torch.stack(list(probabilities))
    if len(stacked) == 1:
        return stacked[0]
    share = stacked.new_tensor(votes or [1] * len(stacked))[:, None, None]
    share = share / share.sum()
    if average == "arithmetic":
        return (share * stacked).sum(0)
    return (share * stacked.clamp(min=1e-12).log()).sum(0).softmax(1)


def computed_once(
    items: Sequence[Item],
    are_alike: Callable[[Item, Item], bool],
    compute: Callable[[Item], Result],
) -> Iterator[Result]:
    """`compute` of every item, in order; items that are alike share one result."""
    results: list[Result] = []
    for number, item in enumerate(items):
        alike = (k for k, other in enumerate(items[:number]) if are_alike(other, item))
        twin = next(alike, None)
        results.append(compute(item) if twin is None else results[twin])
        yield results[-1]


def _empty_prediction(readers: Sequence[Reader], count: int) -> Prediction:
    """A prediction of zeros, to be filled in."""
    classes = readers[0].member.model.classes
    probabilities = np.zeros((count, classes + 1), np.float32)
    return Prediction(probabilities, np.zeros((count, classes, 4), np.float32))


def _in_passes(
    readers: Sequence[Reader], features: Features, boxes_xyxy: Floats
) -> Iterator[tuple[slice, list[tuple[Tensor, Tensor]]]]:
    """Each pass's rows, and each reader's probabilities and deltas for them, means of its views."""
    size = REGIONS_PER_PASS if features.device.type == "cpu" else GPU_PASS
    members = [reader.member for reader in readers]
    views = list(zip(*(reader.views for reader in readers), strict=True))
    with mixed_precision(features.device):
        for first in range(0, len(boxes_xyxy), size):
            rows = slice(first, first + size)
            by_view = [_predict_view(members, view, features, boxes_xyxy[rows]) for view in views]
            yield rows, [_mean_of_views(own) for own in zip(*by_view, strict=True)]


def _mean_of_views(predictions: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    probabilities, deltas = zip(*predictions, strict=True)
    return torch.stack(probabilities).mean(0), torch.stack(deltas).mean(0)


def _predict_view(
    members: Sequence[Member], views: Sequence[View], features: Features, boxes_xyxy: Floats
) -> list[tuple[Tensor, Tensor]]:
    """Probabilities and deltas of each member, from the view at the same place in `views`."""
    mirrored = views[0].mirrored
    boxes = features.boxes(boxes_xyxy, mirrored)
    region_maps = _region_maps(members, views, features, boxes_xyxy)
    predictions = []
    for member, view, regions in zip(members, views, region_maps, strict=True):
        around = member.model.around(view.cells, boxes)
        logits, deltas = (output.float() for output in member.model.predict(regions, around))
        if mirrored:  # a move to the right there is a move to the left here
            deltas = deltas * deltas.new_tensor([-1, 1, 1, 1])
        predictions.append((logits.softmax(1), deltas))
    return predictions


def _region_maps(
    members: Sequence[Member], views: Sequence[View], features: Features, boxes_xyxy: Floats
) -> Iterator[Tensor]:
    """For each member (N, 832, 14, 14): regions of its trunk's map, or its trunk's maps of crops.

    Regions of one map, crops of one padding and the passes through common first layers are
    computed once.
    """
    mirrored = views[0].mirrored
    boxes = features.boxes(boxes_xyxy, mirrored)

    def read_alike(one: tuple[Member, View], other: tuple[Member, View]) -> bool:
        paddings = [member.model.crop_padding for member, _ in (one, other)]
        return one[1].pyramid is other[1].pyramid and (
            one[1].pyramid is not None or paddings[0] == paddings[1]
        )

    def cut(sight: tuple[Member, View]) -> Tensor:
        model, pyramid = sight[0].model, sight[1].pyramid
        if pyramid is None:
            return features.crops(boxes_xyxy, mirrored, model.crop_padding)
        return model.regions(pyramid, boxes)

    def share_early(one: tuple[Member, Tensor], other: tuple[Member, Tensor]) -> bool:
        return one[1] is other[1] and one[0].early is other[0].early

    def early(reading: tuple[Member, Tensor]) -> Tensor:
        return _early(reading[0].model, reading[1]) if reading[0].reads_crops else reading[1]

    inputs = list(computed_once(list(zip(members, views, strict=True)), read_alike, cut))
    readings = list(zip(members, inputs, strict=True))
    for member, maps in zip(members, computed_once(readings, share_early, early), strict=True):
        yield member.model.passes.late(maps) if member.reads_crops else maps


def _early(model: RegionClassifier, crops: Tensor) -> Tensor:
    """Pass crops through the first layers, a few at a time so that a CPU's cache holds the maps."""
    if crops.device.type != "cpu":
        return model.passes.early(crops)
    return torch.cat([model.passes.early(piece) for piece in crops.split(CROPS_PER_PASS)])
