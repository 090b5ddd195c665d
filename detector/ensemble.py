"""Networks that vote on the same proposals (GoogLeNet paper, section 8: six of them).

The members differ in what they learned, not in what they look at: class probabilities and box
deltas are averaged per proposal, then there is one non-maximum suppression. A member in shared
mode reads regions from the map of its trunk; members with one trunk share its pass and RoIAlign.
A member in warp mode reads crops; all of them share the crops.

The first network is also the *proposer*: MultiBox and the objectness score read its map.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from detector.errors import DetectorError
from detector.regions import RegionClassifier

MODES = ("shared", "warp", "proposer")  # the last: proposes, has no vote
MEMBER = "members."  # opens the names of the further members' tensors


class Member(NamedTuple):
    """A network and how it reads regions: one of `MODES`."""

    model: RegionClassifier
    mode: str = "shared"


def trunk_of(model: RegionClassifier) -> nn.Module:
    """What tells a trunk from another: its last layer, which members may have in common."""
    return model.network.inception("4e")


def distinct_trunks(members: Sequence[Member]) -> list[RegionClassifier]:
    """One model for every trunk whose map is needed, the proposer's first."""
    found: dict[int, RegionClassifier] = {}
    for member in members:
        if member.mode != "warp":
            found.setdefault(id(trunk_of(member.model)), member.model)
    return list(found.values())


def pack(members: Sequence[Member]) -> dict[str, Tensor]:
    """Tensors of all members by name, those of member 1 and on opened by "members.1." and so on.

    Layers of GoogLeNet that equal the first member's are left out, and all objectness scores but
    the first.
    """
    first = members[0].model
    tensors = dict(first.state_dict())
    for number, member in enumerate(members[1:], 1):
        own = dict(member.model.state_dict())
        for layer in shared_layers(member.model, first):
            own = {name: t for name, t in own.items() if not name.startswith(f"network.{layer}.")}
        for name, tensor in own.items():
            if not name.startswith("objectness."):
                tensors[f"{MEMBER}{number}.{name}"] = tensor
    return tensors


def shared_layers(model: RegionClassifier, first: RegionClassifier) -> list[str]:
    """Names of GoogLeNet's layers whose weights are the same in both."""
    theirs = dict(first.network.named_children())
    return [
        name
        for name, layer in model.network.named_children()
        if all(
            torch.equal(tensor, theirs[name].state_dict()[key])
            for key, tensor in layer.state_dict().items()
        )
    ]


def unpack(tensors: dict[str, Tensor], modes: Sequence[str], classes: int) -> list[Member]:
    """The members of `pack`; layers that a member has no tensors for are the first one's.

    Raises
    ------
    RuntimeError
        Tensors that do not fit the network.
    DetectorError
        An unknown mode.
    """
    for mode in modes:
        if mode not in MODES:
            raise DetectorError(f"members: unknown mode {mode!r}; use one of {', '.join(MODES)}")
    first = RegionClassifier(classes, spatial="reduce.weight" in tensors)
    first.load_state_dict({n: t for n, t in tensors.items() if not n.startswith(MEMBER)})
    members = [Member(first, modes[0])]
    for number, mode in enumerate(modes[1:], 1):
        prefix = f"{MEMBER}{number}."
        own = {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
        members.append(Member(_like(first, own, classes), mode))
    return members


def _like(first: RegionClassifier, own: dict[str, Tensor], classes: int) -> RegionClassifier:
    """A network of the tensors `own`, with the first one's layers where there are none."""
    model = RegionClassifier(classes, spatial=first.reduce is not None)
    for name, layer in first.network.named_children():
        if not any(key.startswith(f"network.{name}.") for key in own):
            setattr(model.network, name, layer)
    model.objectness = first.objectness
    model.load_state_dict(first.state_dict() | own)
    return model
