"""One process at a time writes into a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from detector.errors import DetectorError
from detector.pictures.finding import printable

_held: set[int] = set()  # descriptors of this process's locks


def _let_go() -> None:
    """A forked process must not hold on to a folder when the one that locked it is killed."""
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_let_go)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold `folder`, made where it does not exist, for as long as the block runs.

    Raises
    ------
    DetectorError
        Another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    _held.add(descriptor)
    try:
        lock(descriptor, folder)
        yield
    finally:
        if descriptor in _held:  # not in a process forked meanwhile
            _held.remove(descriptor)
            os.close(descriptor)


def lock(descriptor: int, folder: Path) -> None:
    """Lock an open file or folder until it is closed or the process ends; `folder` to be named."""
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise DetectorError(
            f"{printable(folder)}: another process is at work there; wait for it, or give another "
            "--output"
        ) from None
