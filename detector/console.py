"""The standard streams of the `detect` command, and its exit codes.

Only results go to standard output; messages and progress go to standard error. Progress is a bar in
a terminal, and a line a minute in a log file.
"""

from __future__ import annotations

import io
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, TextIO, TypeVar

from detector.errors import DetectorError

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")

FAILED, REFUSED, INTERRUPTED = 1, 2, 130  # exit codes
LINE_EVERY = 60  # seconds between two lines in a log file; shorter work writes none


def prepare_streams() -> None:
    """Make sure that all three standard streams exist and can print any name.

    If the caller has closed standard error (`2>&-`), Python sends messages to standard output, and
    the next file that is opened gets the free number. A closed standard output is replaced by a
    stream that cannot be written, so that lost results are an error.
    """
    for number, (name, flags) in enumerate(
        {"stdin": os.O_RDONLY, "stdout": os.O_RDONLY, "stderr": os.O_WRONLY}.items()
    ):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, flags)  # gets the lowest number that is free, which is this one
            mode = "w" if number else "r"
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as standard error does


def show(result: str | bytes) -> None:
    """Write a result on standard output.

    Raises
    ------
    DetectorError
        Standard output is closed, or its disk is full.
    BrokenPipeError
        The program that reads it has ended, as in `detect ... | head`.
    """
    try:
        if isinstance(result, bytes):
            sys.stdout.buffer.write(result)
        else:
            print(result)
        sys.stdout.flush()
    except OSError as error:
        discard(sys.stdout)
        if isinstance(error, BrokenPipeError):
            raise
        raise DetectorError(
            f"standard output: cannot be written ({error.strerror}); direct it to a file on a disk "
            "with free space"
        ) from None


def discard(stream: TextIO) -> None:
    """Discard what is left for a stream; Python would report it as an error when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def status(line: str) -> None:
    """Write one line on standard error; the work goes on if that is impossible."""
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        discard(sys.stderr)


def notify(message: str) -> None:
    """Write a fault or a note on one line of standard error."""
    status(f"detect: {message}")


def notify_failure(name: str, error: Exception) -> None:
    """Write the error of one picture; `name` comes first unless the message contains it."""
    message = str(error)
    notify(message if name in message else f"{name}: {message}")


def track(
    items: Iterable[T], what: str, total: int, done: int = 0, console: Console | None = None
) -> Iterator[T]:
    """Yield the items, and show progress if more than one of `total` is left after `done`."""
    if total - done < 2:
        yield from items
        return
    with progress(what, total, done, console) as update:
        for number, item in enumerate(items, done + 1):
            yield item
            update(number, "")


@contextmanager
def progress(
    what: str, total: int, done: int = 0, console: Console | None = None
) -> Iterator[Callable[[int, str], None]]:
    """Show progress; yields a function of the number of items done and the words to show."""
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
        yield _Lines(what, total, done, console).update
        return
    columns = (
        TextColumn(what), BarColumn(), MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True), TextColumn("{task.fields[words]}"),
    )  # fmt: skip
    with Progress(*columns, console=console, speed_estimate_period=300) as bar:
        task = bar.add_task("", total=total, completed=done, words="")
        yield lambda done, words: bar.update(task, completed=done, words=words)


class _Lines:
    """Progress without a terminal, as lines of a log."""

    def __init__(self, what: str, total: int, done: int, console: Console) -> None:
        self.what, self.total, self.console = what, total, console
        # Items done by the last lines; what was kept from an earlier run passes at once, and must
        # not make the rest look short.
        self.recent = deque([(time.monotonic(), done)], maxlen=2)

    def update(self, done: int, words: str) -> None:
        now = time.monotonic()
        if now - self.recent[-1][0] < LINE_EVERY:
            return
        then, before = self.recent[0]
        self.recent.append((now, done))
        left = timedelta(seconds=round((now - then) / (done - before) * (self.total - done)))
        line = f"{self.what} {done}/{self.total}, {left} left  {words}"
        self.console.print(line.rstrip(), markup=False, highlight=False, soft_wrap=True)
