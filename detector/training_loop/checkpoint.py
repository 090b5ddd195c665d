"""Everything that a run needs to continue, in one file that is written whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from detector.errors import DetectorError
from detector.weights_file import load_tensors, save_tensors

Content = tuple[dict[str, Tensor], dict[str, str]]


@dataclass(frozen=True)
class State:
    """All that changes during a run, by the names of the parameters."""

    parameters: Mapping[str, nn.Parameter]
    average: Mapping[str, Tensor]
    optimizer: torch.optim.Optimizer


def write_checkpoint(path: Path, state: State, step: int, fingerprint: str) -> None:
    """Write the state of a run after some steps, with the fingerprint of its data; atomic."""
    tensors = {f"model.{n}": p.detach() for n, p in state.parameters.items()}
    tensors |= {f"average.{n}": t for n, t in state.average.items()}
    for name, parameter in state.parameters.items():
        for key, value in state.optimizer.state.get(parameter, {}).items():
            tensors[f"optimizer.{key}.{name}"] = value
    tensors = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
    save_tensors(path, tensors, {"step": str(step), "data": fingerprint})


def read_checkpoint(path: Path) -> Content | None:
    """Tensors and metadata of a checkpoint, for `restore`; None if there is none."""
    return load_tensors(path) if path.exists() else None


def restore(state: State, checkpoint: Content, path: Path, fingerprint: str) -> int:
    """Set the state of a run to that of a checkpoint; returns the number of steps done.

    Raises
    ------
    DetectorError
        The checkpoint is of another model, another optimizer or other data.
    """
    tensors, metadata = checkpoint
    try:
        _restore_tensors(state, tensors)
        step = int(metadata["step"])
    except (KeyError, RuntimeError, ValueError):
        raise DetectorError(
            f"{path}: belongs to another model or recipe; give another --output or remove it"
        ) from None
    if metadata.get("data") != fingerprint:
        raise DetectorError(
            f"{path}: was trained on other data; give another --output or remove it"
        )
    return step


def _restore_tensors(state: State, tensors: dict[str, Tensor]) -> None:
    with torch.no_grad():
        for name, parameter in state.parameters.items():
            parameter.copy_(tensors[f"model.{name}"])
            state.average[name].copy_(tensors[f"average.{name}"])
    for tensor_name, tensor in tensors.items():
        kind, _, rest = tensor_name.partition(".")
        if kind == "optimizer":
            key, _, name = rest.partition(".")
            parameter = state.parameters[name]
            value = tensor
            if key != "step":  # all others have the parameter's memory format
                value = torch.empty_like(parameter, requires_grad=False).copy_(tensor)
            state.optimizer.state[parameter][key] = value
