"""Locks that let one process at a time write into a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from detector.errors import DetectorError
from detector.files.names import printable

_held: set[int] = set()  # descriptors of this process's locks


def _release_all() -> None:
    """Close the locks that a fork inherited, or they would outlive the process that took them."""
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_release_all)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold `folder`, created if missing, while the block runs.

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
        if descriptor in _held:  # a fork made meanwhile has closed it already
            _held.remove(descriptor)
            os.close(descriptor)


def lock(descriptor: int, folder: Path) -> None:
    """Lock an open file or folder until it is closed; errors name `folder`."""
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise DetectorError(
            f"{printable(folder)}: another process is at work there; wait for it, or give another "
            "--output"
        ) from None
