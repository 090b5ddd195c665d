"""Which graphs a detector has, and the names and sides of what goes in and comes out."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from torch import nn

from detector.exporting.graphs import Crops, ObjectnessOf, Photograph, Regions
from detector.networks.ensemble import Member
from detector.networks.googlenet import TRUNK_CHANNELS
from detector.networks.warp import CROP_SIZE
from detector.pipeline import Detector

Sides: TypeAlias = "dict[str, tuple[int | str, ...]]"  # of arrays by name; sides with names vary


class Graph(NamedTuple):
    """A part of a detector that becomes a file."""

    name: str  # of the file
    module: nn.Module  # of operators that the formats have
    reference: nn.Module  # the same with the detector's own operators
    inputs: Sides
    outputs: Sides
    crop_padding: int | None = None  # pixels around the box, where the input is crops


def graphs_of(detector: Detector) -> list[Graph]:
    """The graphs in an order in which every one finds its inputs among earlier outputs."""
    graphs = []
    for number, member in enumerate(detector.members, start=1):
        if member.reads_crops:
            graphs.append(_crops(number, member))
            continue
        graphs.append(_photograph(number, member, detector))
        if number == 1:
            graphs.append(_objectness(member, detector))
        graphs.append(_regions(number, member, detector))
    return graphs


def _photograph(number: int, member: Member, detector: Detector) -> Graph:
    multibox = detector.multibox if number == 1 else None
    boxes = 0 if multibox is None else len(multibox.priors_mean)
    proposed: Sides = {"multibox_xyxy": (boxes, 4), "multibox_scores": (boxes,)}
    return Graph(
        f"photograph-{number}",
        Photograph(member.model, multibox, portable=True),
        Photograph(member.model, multibox, portable=False),
        {f"picture_{k}": (f"height_{k}", f"width_{k}", 3) for k in range(_scales(detector))},
        {**_maps(detector), **(proposed if boxes else {})},
    )


def _objectness(member: Member, detector: Detector) -> Graph:
    return Graph(
        "objectness",
        ObjectnessOf(member.model, portable=True),
        ObjectnessOf(member.model, portable=False),
        _boxes_and_maps(detector),
        {"objectness": ("boxes",)},
    )


def _regions(number: int, member: Member, detector: Detector) -> Graph:
    return Graph(
        f"regions-{number}",
        Regions(member.model, portable=True),
        Regions(member.model, portable=False),
        _boxes_and_maps(detector),
        {"probabilities": ("boxes", member.model.classes + 1), "deltas": ("boxes", 4)},
    )


def _crops(number: int, member: Member) -> Graph:
    crops = Crops(member.model)
    return Graph(
        f"crops-{number}",
        crops,
        crops,
        {"crops": ("boxes", CROP_SIZE, CROP_SIZE, 3)},
        {"probabilities": ("boxes", member.model.classes + 1), "deltas": ("boxes", 4)},
        member.model.crop_padding,
    )


def _boxes_and_maps(detector: Detector) -> Sides:
    boxes: Sides = {"boxes_xyxy": ("boxes", 4), "factors": (_scales(detector), 4)}
    return {**boxes, **_maps(detector)}


def _maps(detector: Detector) -> Sides:
    sizes = ((1, TRUNK_CHANNELS, f"rows_{k}", f"columns_{k}") for k in range(_scales(detector)))
    return {f"map_{k}": size for k, size in enumerate(sizes)}


def _scales(detector: Detector) -> int:
    return 1 + len(detector.recipe.network.pyramid)
