"""Networks that vote on the same proposals (GoogLeNet paper, section 8: six of them).

The members differ in what they learned, not in what they look at: class probabilities and box
deltas are averaged per proposal, then there is one non-maximum suppression. A member in shared
mode reads regions from the map of its trunk; members with one trunk share its pass and RoIAlign.
A member in warp mode reads crops; those of one padding share them, and the pass through
the first layers that they have in common, which is more than half of the work.

The first network is also the *proposer*: MultiBox and the objectness score read its map.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import NamedTuple

import torch
from torch import Tensor, nn

from detector.errors import DetectorError
from detector.networks.regions import RegionClassifier
from detector.networks.warp import PADDING

MODES = ("shared", "warp", "proposer")  # the last: proposes, has no vote
MEMBER = "members."  # opens the names of the further members' tensors


class Member(NamedTuple):
    """A network and how it reads regions: one of `MODES`."""

    model: RegionClassifier
    mode: str = "shared"


def voters(members: Sequence[Member]) -> list[Member]:
    """Those that classify; a proposer only proposes."""
    return [member for member in members if member.mode != "proposer"]


def trunk_of(model: RegionClassifier) -> nn.Module:
    """What tells a trunk from another: its last layer, which members may have in common."""
    return model.network.inception("4e")


def early_of(model: RegionClassifier) -> nn.Module:
    """What tells a trunk's first layers (`GoogLeNet.early`) from another's, likewise."""
    return model.network.inception("3b")


def distinct_trunks(members: Sequence[Member]) -> list[RegionClassifier]:
    """One model for every trunk whose map is needed, the proposer's first."""
    found: dict[int, RegionClassifier] = {}
    for member in members:
        if member.mode != "warp":
            found.setdefault(id(trunk_of(member.model)), member.model)
    return list(found.values())


def pack(members: Sequence[Member]) -> dict[str, Tensor]:
    """Tensors of all members by name, those of member 1 and on opened by "members.1." and so on.

    GoogLeNet's first layers are left out as far as they equal the first member's, and all
    objectness scores but the first.
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
    """Names of GoogLeNet's layers, in order, up to the first whose weights differ.

    Not those after it, though they be the same: where two networks have 4e in common, they have
    the map in common (`trunk_of`).
    """
    theirs = dict(first.network.named_children())

    def is_same(named: tuple[str, nn.Module]) -> bool:
        other = theirs[named[0]].state_dict()
        return all(torch.equal(tensor, other[key]) for key, tensor in named[1].state_dict().items())

    return [name for name, _ in takewhile(is_same, model.network.named_children())]


def unpack(tensors: dict[str, Tensor], modes: Sequence[str], classes: int) -> list[Member]:
    """The members of `pack`; layers that a member has no tensors for are the first one's.

    Raises
    ------
    RuntimeError
        Tensors that do not fit the network.
    DetectorError
        An unknown mode, or no member with a vote.
    """
    for mode in modes:
        if mode not in MODES:
            raise DetectorError(
                f"a member's mode is {mode!r}, not one of {', '.join(MODES)}; "
                "install the version that wrote these weights"
            )
    if not set(modes) - {"proposer"}:
        raise DetectorError("no member has a vote; train again")
    first = _made_for(tensors, classes)
    first.load_state_dict({n: t for n, t in tensors.items() if not n.startswith(MEMBER)})
    members = [Member(first, modes[0])]
    for number, mode in enumerate(modes[1:], 1):
        prefix = f"{MEMBER}{number}."
        own = {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
        members.append(Member(_like(first, own), mode))
    return members


def _made_for(tensors: dict[str, Tensor], classes: int) -> RegionClassifier:
    """A network of the shape that `tensors` have."""
    context = tensors["context"].tolist() if "context" in tensors else ()
    padding = int(tensors["padding"]) if "padding" in tensors else PADDING
    return RegionClassifier(classes, context=context, padding=padding)


def _like(first: RegionClassifier, own: dict[str, Tensor]) -> RegionClassifier:
    """A network of the tensors `own`, with the first one's layers where there are none."""
    model = _made_for(own, first.classes)
    for name, layer in first.network.named_children():
        if not any(key.startswith(f"network.{name}.") for key in own):
            setattr(model.network, name, layer)
    model.objectness = first.objectness
    common = ("network.", "objectness.")  # other layers every member has of its own
    theirs = {n: t for n, t in first.state_dict().items() if n.startswith(common)}
    model.load_state_dict(theirs | own)
    return model
