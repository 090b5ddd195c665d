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
    """Tensors of all members by name; what a member has in common with the first is left out.

    The first member's have their plain names, those of member 1 begin with "members.1.".
    """
    first = dict(members[0].model.state_dict())
    tensors = dict(first)
    for number, member in enumerate(members[1:], 1):
        for name, tensor in member.model.state_dict().items():
            if name.startswith("objectness."):
                continue  # the proposer's counts
            if tensor.data_ptr() != first[name].data_ptr():
                tensors[f"{MEMBER}{number}.{name}"] = tensor
    return tensors


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
    model = RegionClassifier(classes, spatial=first.reduce is not None)
    share_layers(model, first, [n for n, _ in first.network.named_children() if not _has(own, n)])
    model.load_state_dict(first.state_dict() | own)
    return model


def _has(own: dict[str, Tensor], layer: str) -> bool:
    return any(name.startswith(f"network.{layer}.") for name in own)


def share_layers(model: RegionClassifier, first: RegionClassifier, layers: Sequence[str]) -> None:
    """Let `model` use these layers of the first one's GoogLeNet, and its objectness score."""
    for name in layers:
        setattr(model.network, name, getattr(first.network, name))
    model.objectness = first.objectness
