"""Networks that vote on the same regions (GoogLeNet paper, section 8: six of them).

All members see the same regions, and differ in what they learned. Class probabilities and box
deltas are averaged per region, before a single non-maximum suppression. A member in shared mode
reads regions from the map of its trunk; members with one trunk share its pass and its regions. A
member in warp mode reads crops; members of the same padding share the crops, and the pass through
the first layers that they have in common, which is more than half of the work.

The first member is also the *proposer*: MultiBox and the objectness score read its map.
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

MODES = ("shared", "warp", "proposer")  # a proposer has no vote
MEMBER = "members."  # prefix of the names of the further members' tensors


class Member(NamedTuple):
    """A network and how it reads regions: one of `MODES`."""

    model: RegionClassifier
    mode: str = "shared"

    @property
    def trunk(self) -> nn.Module:
        """The trunk's last layer, 4e; members that share it share the whole trunk."""
        return self.model.network.inception("4e")

    @property
    def early(self) -> nn.Module:
        """The last of the first layers, 3b; members that share it share them all."""
        return self.model.network.inception("3b")

    @property
    def reads_crops(self) -> bool:
        """Whether the member sees every region as a crop, not on a map of the photograph."""
        return self.mode == "warp"


def voters(members: Sequence[Member]) -> list[Member]:
    """The members that classify; a proposer only proposes."""
    return [member for member in members if member.mode != "proposer"]


def combine(groups: Sequence[Sequence[Member]]) -> list[Member]:
    """One ensemble of the members of several: all of the first group, the voters of the others.

    Layers that equal the first member's are held once.
    """
    members = [*groups[0], *(member for group in groups[1:] for member in voters(group))]
    modes = [member.mode for member in members]
    return unpack(pack(members), modes, members[0].model.classes)


def without_vote(members: Sequence[Member]) -> Member:
    """The first member as a proposer, for `combine` to put before the members that vote.

    Raises
    ------
    DetectorError
        The first member reads crops alone, so it has no objectness score.
    """
    if members[0].reads_crops:
        raise DetectorError(
            "proposer: a detector in warp mode cannot choose regions; name one in shared mode"
        )
    return Member(members[0].model, "proposer")


def proposer_for_classes(members: Sequence[Member], classes: int) -> Member:
    """The first member's trunk and objectness score, both class-independent, as a proposer.

    Its other layers fit `classes` classes and are 0. In a cascade, this proposer predicts the same
    probability for every class as for background, and so rules out next to nothing.

    Raises
    ------
    DetectorError
        The first member reads crops alone, so it has no objectness score.
    """
    proposer = without_vote(members).model
    model = RegionClassifier(classes)
    model.network, model.objectness = proposer.network, proposer.objectness
    for layer in (model.classifier, model.reduce, model.regressor):
        for parameter in layer.parameters():
            torch.nn.init.zeros_(parameter)
    return Member(model, "proposer")


def pack(members: Sequence[Member]) -> dict[str, Tensor]:
    """All members' tensors by name; those of the second member begin with "members.1.", and so on.

    A further member's first layers are left out as far as they equal the first member's, and so is
    its objectness score.
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

    Layers after that one are left out even where they are equal, so that two networks that have 4e
    in common have the whole trunk in common (`Member.trunk`).
    """
    theirs = dict(first.network.named_children())

    def is_same(named: tuple[str, nn.Module]) -> bool:
        other = theirs[named[0]].state_dict()
        return all(torch.equal(tensor, other[key]) for key, tensor in named[1].state_dict().items())

    return [name for name, _ in takewhile(is_same, model.network.named_children())]


def unpack(tensors: dict[str, Tensor], modes: Sequence[str], classes: int) -> list[Member]:
    """Rebuild the members of `pack`; layers without tensors of their own are the first member's.

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
    """A network whose shape fits `tensors`."""
    context = tensors["context"].tolist() if "context" in tensors else ()
    padding = int(tensors["padding"]) if "padding" in tensors else PADDING
    model = RegionClassifier(classes, context=context, padding=padding)
    if (ranges := tensors.get("network.ranges")) is not None:
        model.network.ranges = torch.empty_like(ranges, dtype=torch.float32)
    return model


def _like(first: RegionClassifier, own: dict[str, Tensor]) -> RegionClassifier:
    """A network of the tensors `own`; every layer that they lack is the first network's."""
    model = _made_for(own, first.classes)
    for name, layer in first.network.named_children():
        if not any(key.startswith(f"network.{name}.") for key in own):
            setattr(model.network, name, layer)
    model.objectness = first.objectness
    common = ("network.", "objectness.")  # every member has its own other layers
    theirs = {n: t for n, t in first.state_dict().items() if n.startswith(common)}
    theirs.pop("network.ranges", None)  # of the first member alone
    model.load_state_dict(theirs | own)
    return model
