"""The training loop, with checkpoints to continue from, on one device or several.

A run consists of steps, and a step of parts. Each part has a forward and backward pass of its own,
so only the activations of one part are in memory; the gradients of all parts are averaged. The
processes that train together share the parts of a step, and the result does not depend on their
number.

A run that was killed at any moment continues from its checkpoint when the same command is given
again, and ends with the same weights.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch import Tensor, nn

from detector.console import progress
from detector.errors import DetectorError
from detector.recipes import LoopOptions
from detector.training_loop.checkpoint import State, read_checkpoint, restore, write_checkpoint
from detector.training_loop.curves import draw_curves
from detector.training_loop.distributed import ALONE, Processes
from detector.training_loop.machine import DEFAULT_MACHINE, Machine
from detector.training_loop.optimization import (
    GRADIENT_CLIP,
    PRECISIONS,
    learning_rate_factor,
    make_optimizer,
    seed_part,
)
from detector.training_loop.parts import Steps, made_parts
from detector.training_loop.run_folder import CHECKPOINT, forget_after, log_metrics
from detector.training_loop.tensorboard import Board, open_board

LOG_EVERY = 10  # steps; their mean losses are logged
SHOWN = 50  # steps; their mean losses are shown
DRAW_EVERY = 30  # seconds between two drawings of the curves, at least

# (model, part, device) -> losses of the part by name, the same names for every part; their sum is
# what the step minimises
PartLosses = Callable[[Any, Any, torch.device], dict[str, Tensor]]


@dataclass
class Progress:
    """How far the loop is: the step just done, of `total`, and mean losses."""

    step: int
    total: int
    losses: dict[str, float]


class Trainer:
    """The state of a run and the loop that advances it.

    Parameters
    ----------
    model
        The network with its initial weights; those that require no gradient stay as they are.
    data
        The steps to learn from; their number is the length of the run.
    losses
        The losses of a part.
    options
        The recipe's.
    folder
        Run folder; a checkpoint in it is continued. Only the main process reads and writes it.
    processes
        The processes that train this model together, and their devices.
    machine
        Precision and time between checkpoints.
    uses_all
        Whether every part goes through all layers that learn (`Processes.parallel`). In a detector
        it does not: warp mode leaves out the objectness score.

    Raises
    ------
    DetectorError
        A checkpoint of another run; a step whose parts cannot be shared evenly.
    """

    def __init__(
        self,
        model: nn.Module,
        data: Steps,
        losses: PartLosses,
        options: LoopOptions,
        folder: Path,
        processes: Processes = ALONE,
        machine: Machine = DEFAULT_MACHINE,
        *,
        uses_all: bool = False,
    ) -> None:
        self.device = processes.device
        self.model: nn.Module = model.to(self.device).to(memory_format=torch.channels_last)
        self.data, self.losses, self.options = data, losses, options
        self.folder, self.processes, self.machine = folder, processes, machine
        self.places = processes.places(data.parts_per_step)
        learned = {n: p for n, p in self.model.named_parameters() if p.requires_grad}
        average = {n: p.detach().clone() for n, p in learned.items()}
        self.state = State(learned, average, make_optimizer(learned, options))
        self.step = self._resume()
        whole = _PartLosses(self.model, losses, self.device)
        self.part_losses = processes.parallel(whole, uses_all=uses_all)

    def run(self) -> Iterator[Progress]:
        """Train to the end and yield progress after every step; write checkpoints by the clock."""
        self.model.train()
        total = len(self.data)
        saved = drawn = time.monotonic()
        recent: list[dict[str, float]] = []
        parts = made_parts(self.data, self.step, self.places, self.device)
        board = open_board(self.folder, self.step) if self.processes.is_main else None
        while self.step < total:
            recent = [*recent[1 - SHOWN :], self._advance(parts)]
            self.step += 1
            if self.step % LOG_EVERY == 0 or self.step == total:
                self._log(_means(recent[-LOG_EVERY:]), board)
            if time.monotonic() - saved > 60 * self.machine.checkpoint_minutes:
                self.save_checkpoint()
                saved = time.monotonic()
                if saved - drawn > DRAW_EVERY:
                    self._draw()
                    drawn = saved
            yield Progress(self.step, total, _means(recent))
        self.save_checkpoint()
        self._draw()
        if board is not None:
            board.close()

    def use_average(self) -> None:
        """Put the averaged weights into the model, for evaluation."""
        with torch.no_grad():
            for name, parameter in self.state.parameters.items():
                parameter.copy_(self.state.average[name])
        self.model.eval()

    def save_checkpoint(self) -> None:
        """Write the whole state, in the main process; atomic."""
        if not self.processes.is_main:
            return
        path = self.folder / CHECKPOINT
        write_checkpoint(path, self.state, self.step, self.data.fingerprint())

    def _advance(self, parts: Iterator[Any]) -> dict[str, float]:
        """Take one step of the optimizer; returns its losses."""
        rate = learning_rate_factor(self.step, len(self.data), self.options)
        for group in self.state.optimizer.param_groups:
            group["lr"] = rate * group["peak"]
        losses = self._accumulate_gradients(parts)
        if not all(math.isfinite(value) for value in losses.values()):
            raise DetectorError(
                f"training step {self.step}: the loss is {losses}; lower the learning_rate"
            )
        parameters = list(self.state.parameters.values())
        if not nn.utils.clip_grad_norm_(parameters, GRADIENT_CLIP).isfinite():
            raise DetectorError(
                f"training step {self.step}: the gradient is not finite; lower the learning_rate"
            )
        self.state.optimizer.step()
        self.state.optimizer.zero_grad()
        self._update_average()
        return losses

    def _accumulate_gradients(self, parts: Iterator[Any]) -> dict[str, float]:
        """Average gradients and losses over the parts of a step, in all processes."""
        names: list[str] = []
        sums = torch.zeros((), device=self.device)
        for place in self.places:
            part = next(parts)
            seed_part(self.options.seed, self.step, place)
            with self._exchange(last=place == self.places[-1]):
                with PRECISIONS[self.machine.precision](self.device):
                    losses = self.part_losses(part)
                names = list(losses)
                values = torch.stack(list(losses.values())) / len(self.places)
                values.sum().backward()
            sums = sums + values.detach()
        return dict(zip(names, self.processes.mean(sums).tolist(), strict=True))

    def _exchange(self, last: bool) -> contextlib.AbstractContextManager[None]:
        """Let the processes exchange gradients once a step, in their last parts."""
        if last or self.processes.count == 1:
            return contextlib.nullcontext()
        alone: contextlib.AbstractContextManager[None] = self.part_losses.no_sync()  # type: ignore[operator]
        return alone

    def _update_average(self) -> None:
        """Update the Polyak average; its decay grows from 0, so that early steps are forgotten."""
        decay = min(self.options.averaging, (1 + self.step) / (10 + self.step))
        averages = list(self.state.average.values())
        weights = [parameter.detach() for parameter in self.state.parameters.values()]
        torch._foreach_lerp_(averages, weights, 1 - decay)

    def _resume(self) -> int:
        """Continue from the checkpoint of the folder, if any; returns the number of steps done."""
        path = self.folder / CHECKPOINT
        checkpoint = self.processes.from_main(lambda: read_checkpoint(path))
        step = 0
        if checkpoint is not None:
            step = restore(self.state, checkpoint, path, self.data.fingerprint())
        if self.processes.is_main:
            forget_after(self.folder, step)
        return step

    def _log(self, losses: dict[str, float], board: Board | None) -> None:
        if self.processes.is_main:
            log_metrics(self.folder, self.step, losses)
        if board is not None:
            for name, value in losses.items():
                board.add_scalar(name, value, self.step)

    def _draw(self) -> None:
        if self.processes.is_main:
            draw_curves(self.folder)


def show_training(trainer: Trainer, what: str, console: Console) -> None:
    """Run a trainer to its end; show progress with the mean losses."""
    with progress(what, len(trainer.data), trainer.step, console) as update:
        for reached in trainer.run():
            losses = (f"{name} {value:.3f}" for name, value in reached.losses.items())
            update(reached.step, "  ".join(losses))


class _PartLosses(nn.Module):
    """Model and losses as one module, which DistributedDataParallel can wrap."""

    def __init__(self, model: nn.Module, losses: PartLosses, device: torch.device) -> None:
        super().__init__()
        self.model, self.losses, self.device = model, losses, device

    def forward(self, part: Any) -> dict[str, Tensor]:
        return self.losses(self.model, part, self.device)


def _means(steps: list[dict[str, float]]) -> dict[str, float]:
    return {key: float(np.mean([step[key] for step in steps])) for key in steps[-1]}
