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
from detector.files.whole_files import check_folder


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
    check_folder(folder)
    if folder.is_dir() and os.listdir(folder):
        raise DetectorError(f"{printable(folder)}: the folder is not empty; name a new one")
