"""Progress bars of the long commands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from detector.training import Trainer

T = TypeVar("T")


def track(items: Iterable[T], what: str, console: Console, total: int | None = None) -> Iterable[T]:
    """Iterate with a progress bar."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        yield from bar.track(items, total=total)


def show_training(trainer: Trainer, what: str, console: Console) -> None:
    """Run a trainer to its end; the main process shows a bar with the mean losses."""
    columns = (
        TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        TextColumn("{task.fields[loss]}"),
    )  # fmt: skip
    with Progress(
        *columns,
        console=console,
        speed_estimate_period=600,
        disable=not trainer.processes.is_main,
    ) as bar:
        task = bar.add_task("", total=len(trainer.data), completed=trainer.step, loss="")
        for progress in trainer.run():
            loss = "  ".join(f"{key} {value:.3f}" for key, value in progress.losses.items())
            bar.update(task, completed=progress.step, loss=loss)
