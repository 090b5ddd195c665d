"""Folders that are filled whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from detector.errors import DetectorError
from detector.files.names import printable


@contextmanager
def filled_at_once(folder: Path) -> Iterator[Path]:
    """Yield a hidden folder inside `folder`; its content moves up unless an exception was raised.

    `folder` is created if missing, and removed again after an exception.

    Raises
    ------
    DetectorError
        See check_fillable.
    """
    check_fillable(folder)
    is_new = not folder.exists()
    hidden = folder / f".{secrets.token_hex(8)}.tmp"
    try:
        hidden.mkdir(parents=True)
        yield hidden
        # Folders come first, so that a file which lists them never lacks them.
        for path in sorted(hidden.iterdir(), key=lambda path: (path.is_file(), path.name)):
            os.replace(path, folder / path.name)
        hidden.rmdir()
    except BaseException:
        shutil.rmtree(hidden, ignore_errors=True)
        if is_new and folder.is_dir() and not os.listdir(folder):
            folder.rmdir()
        raise


def check_fillable(folder: Path) -> None:
    """Reject a folder that cannot be filled, before any work begins.

    Raises
    ------
    DetectorError
        It is a file, holds files, or cannot be created or written.
    """
    name = f"--output {printable(folder)}"
    if folder.is_dir() and os.listdir(folder):
        raise DetectorError(f"{name}: the folder is not empty; name a new one")
    place = folder
    while not os.path.lexists(place):
        place = place.parent
    if not place.is_dir():
        raise DetectorError(f"{name}: {printable(place)} is a file; name another place")
    if not os.access(place, os.W_OK | os.X_OK):
        raise DetectorError(
            f"{name}: the folder {printable(place)} is write-protected; name another place"
        )
