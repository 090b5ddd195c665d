"""A run that takes a moment, by one process or by two (`python -m`)."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from detector.recipes import LoopOptions
from detector.training_loop.distributed import ALONE, Processes, join_processes
from detector.training_loop.machine import Machine
from detector.training_loop.trainer import Progress, Trainer

OPTIONS = LoopOptions(
    epochs=1.0, optimizer="sgd", learning_rate=0.05, head_factor=1.0, warmup_steps=2, averaging=0.8,
    seed=3,
)  # fmt: skip
MACHINE = Machine(precision="fp32", checkpoint_minutes=0.0)
STEPS, PARTS = 9, 4


class TinyModel(nn.Module):
    """A network with dropout and a layer that not every part uses."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.convolution = nn.Conv2d(3, 8, 3)
        self.always = nn.Linear(8, 4)
        self.sometimes = nn.Linear(8, 1)
        self.never = nn.Linear(2, 2)

    def forward(self, pixels: Tensor) -> Tensor:
        hidden = F.relu(self.convolution(pixels)).mean((2, 3))
        return F.dropout(hidden, 0.5, self.training)


class TinySteps:
    """Parts of noise, each with a class; only parts of class 0 use the second output."""

    parts_per_step = PARTS

    def __len__(self) -> int:
        return STEPS

    def fingerprint(self) -> str:
        return "tiny"

    def part(self, step: int, place: int) -> tuple[Tensor, int]:
        noise = np.random.default_rng([step, place]).normal(size=(1, 3, 6, 6))
        return torch.from_numpy(noise.astype(np.float32)), (step + place) % 3


def losses(model: TinyModel, part: tuple[Tensor, int], device: torch.device) -> dict[str, Tensor]:
    pixels, label = part
    hidden = model(pixels.to(device))
    second = model.sometimes(hidden).square().mean() if label == 0 else hidden.sum() * 0
    return {"first": F.cross_entropy(model.always(hidden), torch.tensor([label])), "second": second}


def make(folder: Path, processes: Processes = ALONE, optimizer: str = "sgd") -> Trainer:
    folder.mkdir(parents=True, exist_ok=True)
    options = replace(OPTIONS, optimizer=optimizer)
    return Trainer(TinyModel(), TinySteps(), losses, options, folder, processes, MACHINE)


def finish(trainer: Trainer) -> list[Progress]:
    return list(trainer.run())


def advance(trainer: Trainer, steps: int) -> None:
    """Take some steps and stop, as if killed right after a checkpoint."""
    for _ in zip(range(steps), trainer.run(), strict=False):
        pass


def main(folder: Path) -> None:
    """Of both processes: an uninterrupted run, a continued one, and the main process's work."""
    torch.set_num_threads(1)
    with join_processes("cpu") as processes:
        assert processes.device == torch.device("cpu") and processes.count == 2
        own = folder / ("main" if processes.is_main else "other")
        whole = make(own / "whole", processes)
        last = finish(whole)[-1]
        advance(make(own / "broken", processes), 4)
        broken = make(own / "broken", processes)
        assert broken.step == 4
        finish(broken)
        tensors = {f"whole.{n}": p.detach() for n, p in whole.model.named_parameters()}
        tensors |= {f"average.{n}": p for n, p in whole.state.average.items()}
        tensors |= {f"broken.{n}": p.detach() for n, p in broken.model.named_parameters()}
        tensors["losses"] = torch.tensor(list(last.losses.values()), dtype=torch.float64)
        torch.save(tensors, folder / f"{processes.rank}.pt")
        with processes.main_first():
            name = folder / "cache"
            assert name.exists() is not processes.is_main
            name.touch()
        assert processes.from_main(lambda: processes.rank) == 0
        with join_processes("cpu") as again:  # as a run within a run does
            assert again == processes


if __name__ == "__main__":
    main(Path(sys.argv[1]))
