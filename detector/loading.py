"""From a name - a recipe, a weights file, a run folder, a device - to the parts of a detector."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import torch

from detector.errors import DetectorError
from detector.networks import ensemble
from detector.networks.ensemble import Member, unpack
from detector.recipes import Recipe, recipe_from_dict
from detector.weights_file import WeightsInfo, load_weights, split_multibox
from detector.weights_places import find_weights, recipe_file
from proposals.multibox import MultiBox


class Parts(NamedTuple):
    """The parts of a detector."""

    members: Sequence[Member]
    recipe: Recipe
    info: WeightsInfo
    multibox: MultiBox | None


def load_parts(name: str | Path, weights: str | Path | None = None) -> Parts:
    """Load what `Detector.load` names: all networks of a recipe, or of a weights file.

    Raises
    ------
    DetectorError
        Nothing of that name, or a file that holds no detector.
    """
    recipe, path = find_weights(name, weights)
    members, multibox, info = load_networks(path)
    own = recipe or recipe_from_dict(info.recipe, where=f"{path}: recipe")
    parts = Parts(members, own, info, multibox)
    if recipe is None or weights is not None or not (recipe.more_weights or recipe.proposer):
        return parts
    group = [parts, *(load_parts(recipe_file(more)) for more in recipe.more_weights)]
    if recipe.proposer:
        group.insert(0, as_proposer(load_parts(recipe.proposer)))
    return combine(group)._replace(recipe=recipe)


def combine(detectors: Sequence[Parts]) -> Parts:
    """One ensemble: the first one's recipe, MultiBox and objectness score, all networks' votes.

    Under "combined", the provenance lists the origin of each detector.

    Raises
    ------
    DetectorError
        No detector; detectors of different classes.
    """
    if not detectors:
        raise DetectorError("no detector to combine; name one or more")
    first = detectors[0]
    for other in detectors[1:]:
        if other.info.class_names != first.info.class_names:
            raise DetectorError(
                "detectors of different classes cannot vote together: "
                f"{', '.join(first.info.class_names)}; {', '.join(other.info.class_names)}"
            )
    members = ensemble.combine([detector.members for detector in detectors])
    origins = [origin for detector in detectors for origin in _origins(detector)]
    provenance = {**first.info.provenance, "combined": origins}
    modes = tuple(member.mode for member in members)
    info = replace(first.info, members=modes, metrics={}, provenance=provenance)
    return Parts(members, first.recipe, info, first.multibox)


def as_proposer(detector: Parts) -> Parts:
    """The detector as a proposer without a vote, to be the first in `combine`."""
    return detector._replace(members=[ensemble.without_vote(detector.members)])


def _origins(detector: Parts) -> list[dict[str, Any]]:
    """The origin of each combined detector; a single detector is its own origin."""
    info = detector.info
    own = {"recipe": detector.recipe.name, "seed": detector.recipe.training.loop.seed}
    alone = [{**info.provenance, **own, "version": info.version}]
    return info.provenance.get("combined", alone)


def load_networks(path: Path) -> tuple[list[Member], MultiBox | None, WeightsInfo]:
    """Read the networks, MultiBox and the info of a weights file.

    Raises
    ------
    DetectorError
        No such file, or one that holds no detector of this version.
    """
    tensors, info = load_weights(path)
    tensors, heads = split_multibox(tensors)
    try:
        members = unpack(tensors, info.members, len(info.class_names))
        multibox = MultiBox.from_state(heads) if heads else None
    except (RuntimeError, KeyError):
        raise DetectorError(
            f"{path}: its tensors do not fit this version's network; train again"
        ) from None
    except DetectorError as error:
        raise DetectorError(f"{path}: {error}") from None
    return members, multibox, info


def choose_device(device: str | torch.device | None) -> torch.device:
    """The named device, or CUDA if available, else the CPU.

    Under torchrun, each process uses the CUDA device whose number is its LOCAL_RANK.

    Raises
    ------
    DetectorError
        No such device; more processes than GPUs.
    """
    is_one_of_several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        if not is_one_of_several:
            return torch.device(device)
    try:
        chosen = torch.device(device)
        if chosen.type == "cuda" and is_one_of_several:
            chosen = torch.device("cuda", _own_gpu())
        torch.zeros(1, device=chosen)
    except (RuntimeError, AssertionError) as error:
        raise DetectorError(f"device {device}: {_why_missing(device, error)}") from None
    return chosen


def _why_missing(device: str | torch.device, error: Exception) -> str:
    if not str(device).startswith("cuda"):
        return f"{str(error).splitlines()[0]}; use cpu, cuda or cuda:N"
    found = [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    if not found:
        return "torch finds no GPU with CUDA on this machine; use cpu"
    return f"torch finds {', '.join(found)}; use one of them, or cpu"


@cache
def survive_forks() -> None:
    """Let child processes that are forked from now on use torch.

    The threads of torch's OpenMP pool do not survive a fork, and a child that gives them work waits
    forever. With one thread a child needs no pool.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=partial(torch.set_num_threads, 1))


def _own_gpu() -> int:
    number, count = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if number >= count:
        raise DetectorError(
            f"torchrun started process {number + 1} on a machine with {count} GPUs; "
            f"give it --nproc-per-node {count}, or detect --device cpu"
        )
    return number
