"""What a name on the command line stands for: a recipe, a weights file, a run folder, a device."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from detector.errors import DetectorError
from detector.networks.ensemble import Member, unpack
from detector.recipes import Recipe, recipe_names
from detector.weights_file import (
    WEIGHTS_FOLDER,
    WeightsInfo,
    load_weights,
    split_multibox,
)
from proposals.multibox import MultiBox


def holds_weights(path: Path) -> bool:
    """Whether `path` names a detector by its weights, not by a recipe."""
    if str(path) in recipe_names():  # also where a folder of that name lies about
        return False
    is_other_file = path.is_file() and path.suffix not in (".yaml", ".yml")
    return path.suffix == ".safetensors" or path.is_dir() or is_other_file


def weights_path(path: Path, recipe: Recipe | None) -> Path:
    """The weights file of a recipe, else the one that `path` (a file or run folder) stands for."""
    if recipe is not None:
        if not recipe.weights:
            raise DetectorError(f"recipe {recipe.name!r} names no weights; give --weights FILE")
        return recipe_file(recipe.weights)
    if path.is_dir():
        path = path / "weights.safetensors"
        if not path.is_file():
            raise DetectorError(f"{path}: not there; finish this run folder with `detect train`")
    return path


def recipe_file(name: str) -> Path:
    """The file that a recipe names: one of those that ship, or a path."""
    return WEIGHTS_FOLDER / name if Path(name).name == name else Path(name)


def load_networks(path: Path) -> tuple[list[Member], MultiBox | None, WeightsInfo]:
    """What a weights file holds.

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
    """The named device, or CUDA where there is one, else the CPU.

    Of CUDA's devices each process that torchrun started has the one of its number (LOCAL_RANK).

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
        reason = str(error).splitlines()[0]
        raise DetectorError(f"device {str(device)!r}: {reason}; use cpu, cuda or cuda:N") from None
    return chosen


def _own_gpu() -> int:
    number, count = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if number >= count:
        raise DetectorError(
            f"torchrun started process {number + 1} on a machine with {count} GPUs; "
            f"give it --nproc-per-node {count}, or detect --device cpu"
        )
    return number
