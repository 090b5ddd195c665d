"""The training loop, with checkpoints that resume.

A run folder holds `recipe.yaml`, `metrics.jsonl` (a line per logged step),
`checkpoint.safetensors` (everything needed to go on) and, when done, `weights.safetensors`.
A run killed at any moment and started again with the same command continues from its checkpoint
and ends with the same weights.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from detector.errors import DetectorError
from detector.regions import mixed_precision
from detector.weights_file import load_tensors, save_tensors

CHECKPOINT = "checkpoint.safetensors"
METRICS = "metrics.jsonl"
LOG_EVERY = 10  # steps


class LoopOptions(Protocol):
    """What the loop needs to know; TrainingOptions and MultiBoxOptions have it."""

    @property
    def seed(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def head_factor(self) -> float: ...
    @property
    def weight_decay(self) -> float: ...
    @property
    def warmup_steps(self) -> int: ...
    @property
    def gradient_clip(self) -> float: ...
    @property
    def averaging(self) -> float: ...
    @property
    def checkpoint_minutes(self) -> float: ...


class Steps(Protocol):
    """A run's data: item `s` is what step `s` learns from, the same at every call."""

    def __len__(self) -> int: ...
    def __getitem__(self, step: int) -> Any: ...
    def fingerprint(self) -> str:
        """Tells this data, in this order, from any other."""


# (model, item of the data, device) -> the step's loss in parts that are summed. Each part is
# back-propagated before the next is asked for, so that only one holds its activations.
StepLosses = Callable[[Any, Any, torch.device], Iterator[dict[str, Tensor]]]


@dataclass
class Progress:
    """What the loop tells whoever watches: the step just done of `total`, and mean losses."""

    step: int
    total: int
    losses: dict[str, float]


class Trainer:
    """The state of a run and the loop that advances it.

    Parameters
    ----------
    model
        Weights to start from; those that require no gradient stay as they are.
    data
        What each step learns from; its length is the length of the run.
    losses
        Of a step.
    folder
        Run folder; a checkpoint found there is resumed.
    """

    def __init__(
        self,
        model: nn.Module,
        data: Steps,
        losses: StepLosses,
        options: LoopOptions,
        folder: Path,
        device: torch.device,
    ) -> None:
        self.model: nn.Module = model.to(device).to(memory_format=torch.channels_last)
        self.data, self.losses, self.options = data, losses, options
        self.folder, self.device = folder, device
        self.parameters = {n: p for n, p in self.model.named_parameters() if p.requires_grad}
        self.optimizer = torch.optim.AdamW(self._parameter_groups())
        self.average = {n: p.detach().clone() for n, p in self.parameters.items()}
        self.step = 0
        self._resume()

    def run(self) -> Iterator[Progress]:
        """Train to the end, yielding progress after every step; checkpoints by the clock."""
        self.model.train()
        total = len(self.data)
        loader: DataLoader[Any] = DataLoader(
            self.data,  # type: ignore[arg-type]  # has what a map-style dataset needs
            batch_size=None,
            sampler=range(self.step, total),
            collate_fn=_unchanged,
            num_workers=4 if self.device.type == "cuda" else 0,
        )
        saved = time.monotonic()
        recent: list[dict[str, float]] = []
        for item in loader:
            recent.append(self._advance(item))
            self.step += 1
            means = {key: float(np.mean([r[key] for r in recent[-50:]])) for key in recent[-1]}
            if self.step % LOG_EVERY == 0 or self.step == total:
                self._log(means)
            if time.monotonic() - saved > 60 * self.options.checkpoint_minutes:
                self.save_checkpoint()
                saved = time.monotonic()
            yield Progress(self.step, total, means)
        self.save_checkpoint()

    def use_average(self) -> None:
        """Put the averaged weights in the model, for evaluation."""
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(self.average[name])
        self.model.eval()

    def save_checkpoint(self) -> None:
        """Write the whole state; atomic."""
        tensors = {f"model.{n}": p.detach() for n, p in self.parameters.items()}
        tensors |= {f"average.{n}": t for n, t in self.average.items()}
        for name, parameter in self.parameters.items():
            for key, value in self.optimizer.state.get(parameter, {}).items():
                tensors[f"optimizer.{key}.{name}"] = value
        tensors = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
        about = {"step": str(self.step), "data": self.data.fingerprint()}
        save_tensors(self.folder / CHECKPOINT, tensors, about)

    def _advance(self, item: Any) -> dict[str, float]:
        """One optimizer step. All randomness comes from (seed, step), so resuming is exact."""
        torch.manual_seed(self.options.seed * 1_000_003 + self.step)
        rate = learning_rate_factor(self.step, len(self.data), self.options.warmup_steps)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["peak"]
        sums: dict[str, float] = {}
        parts = self.losses(self.model, item, self.device)
        while True:
            with mixed_precision(self.device, training=True):
                part = next(parts, None)
            if part is None:
                break
            torch.stack(list(part.values())).sum().backward()
            for key, value in part.items():
                sums[key] = sums.get(key, 0.0) + float(value.detach())
        if not all(math.isfinite(value) for value in sums.values()):
            raise DetectorError(
                f"training step {self.step}: the loss is {sums}; lower training.learning_rate"
            )
        nn.utils.clip_grad_norm_(list(self.parameters.values()), self.options.gradient_clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self._update_average()
        return sums

    def _update_average(self) -> None:
        """Polyak average; the decay grows from 0 so that early steps are forgotten."""
        decay = min(self.options.averaging, (1 + self.step) / (10 + self.step))
        averages = list(self.average.values())
        weights = [parameter.detach() for parameter in self.parameters.values()]
        torch._foreach_lerp_(averages, weights, 1 - decay)

    def _parameter_groups(self) -> list[dict[str, object]]:
        """New layers learn faster; biases do not decay."""
        groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
        for name, parameter in self.parameters.items():
            key = (name.startswith("network."), parameter.ndim > 1)
            groups.setdefault(key, []).append(parameter)
        rate = self.options.learning_rate
        return [
            {
                "params": parameters,
                "lr": 0.0,
                "peak": rate if pretrained else rate * self.options.head_factor,
                "weight_decay": self.options.weight_decay if decays else 0.0,
            }
            for (pretrained, decays), parameters in groups.items()
        ]

    def _resume(self) -> None:
        path = self.folder / CHECKPOINT
        if not path.exists():
            return
        tensors, metadata = load_tensors(path)
        try:
            self._restore(tensors)
            self.step = int(metadata["step"])
        except (KeyError, RuntimeError, ValueError):
            raise DetectorError(
                f"{path}: belongs to another model or recipe; give another --output or remove it"
            ) from None
        if metadata.get("data") != self.data.fingerprint():
            raise DetectorError(
                f"{path}: was trained on other data; give another --output or remove it"
            )
        self._truncate_log()

    def _restore(self, tensors: dict[str, Tensor]) -> None:
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(tensors[f"model.{name}"])
                self.average[name].copy_(tensors[f"average.{name}"])
        for tensor_name, tensor in tensors.items():
            kind, _, rest = tensor_name.partition(".")
            if kind == "optimizer":
                key, _, name = rest.partition(".")
                parameter = self.parameters[name]
                value = tensor if key == "step" else tensor.to(parameter.device)
                if value.ndim == 4:
                    value = value.contiguous(memory_format=torch.channels_last)
                self.optimizer.state[parameter][key] = value

    def _log(self, losses: dict[str, float]) -> None:
        line = {"step": self.step, **{key: round(value, 5) for key, value in losses.items()}}
        with open(self.folder / METRICS, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def _truncate_log(self) -> None:
        """Drop lines of steps after the checkpoint; they will be written again."""
        path = self.folder / METRICS
        if path.exists():
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = [line for line in lines if json.loads(line)["step"] <= self.step]
            path.write_text("".join(kept), encoding="utf-8")


def _unchanged(item: Any) -> Any:
    return item


def learning_rate_factor(step: int, total: int, warmup: int) -> float:
    """Linear warm-up, then half a cosine to zero; relative to the peak."""
    warmup = min(warmup, total // 10)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))
