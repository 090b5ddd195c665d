"""Progress of the long commands: a bar in a terminal, a line a minute where it is a log file."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.console import Console

    from detector.training_loop.trainer import Trainer

T = TypeVar("T")

LINE_EVERY = 60  # seconds; shorter work has no line


def track(
    items: Iterable[T], what: str, total: int, done: int = 0, console: Console | None = None
) -> Iterator[T]:
    """Iterate over what is left of `total` after `done`; of more than one it shows progress."""
    if total - done < 2:
        yield from items
        return
    with progress(what, total, done, console) as tell:
        for number, item in enumerate(items, done + 1):
            yield item
            tell(number, "")


def show_training(trainer: Trainer, what: str, console: Console) -> None:
    """Run a trainer to its end, with its mean losses."""
    with progress(what, len(trainer.data), trainer.step, console) as tell:
        for reached in trainer.run():
            losses = (f"{name} {value:.3f}" for name, value in reached.losses.items())
            tell(reached.step, "  ".join(losses))


@contextmanager
def progress(
    what: str, total: int, done: int = 0, console: Console | None = None
) -> Iterator[Callable[[int, str], None]]:
    """A function to call with how many of `total` are done, and a word on them."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = console or Console(stderr=True)
    if console.quiet or not console.is_terminal:
        yield _Lines(what, total, done, console).tell
        return
    columns = (
        TextColumn(what), BarColumn(), MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True), TextColumn("{task.fields[words]}"),
    )  # fmt: skip
    with Progress(*columns, console=console, speed_estimate_period=300) as bar:
        task = bar.add_task("", total=total, completed=done, words="")
        yield lambda done, words: bar.update(task, completed=done, words=words)


class _Lines:
    def __init__(self, what: str, total: int, done: int, console: Console) -> None:
        self.what, self.total, self.first, self.console = what, total, done, console
        self.started = self.told = time.monotonic()

    def tell(self, done: int, words: str) -> None:
        now = time.monotonic()
        if now - self.told < LINE_EVERY:
            return
        self.told = now
        seconds = (now - self.started) / (done - self.first) * (self.total - done)
        still = timedelta(seconds=round(seconds))
        line = f"{self.what} {done}/{self.total}, still {still}  {words}"
        self.console.print(line.rstrip(), markup=False, highlight=False, soft_wrap=True)
