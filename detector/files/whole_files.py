"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from detector.errors import DetectorError
from detector.files.names import printable


def write_file(target: Path, content: bytes) -> None:
    """Write a whole file, and create its folder; on failure an old file stays as it was.

    A symbolic link stays, and the file it leads to is replaced. A device or pipe is written to
    directly.
    """
    from proposals.whole_files import replacing

    if target.exists() and not target.is_file():
        target.write_bytes(content)
        return
    target = Path(os.path.realpath(target))
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with replacing(target) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        error.filename = str(target)  # the name of the temporary file would mean nothing
        raise


def check_writable(target: Path) -> None:
    """Reject a file that `write_file` could not write, before any work begins.

    Raises
    ------
    DetectorError
        The target is a folder, its folder is a file, or that folder is write-protected.
    """
    if os.path.isdir(target):
        raise DetectorError(f"{printable(target)}: a folder; name a file in it")
    _check_link_and_name(target)
    if not os.path.exists(target) or os.path.isfile(target):
        _check_parent(target, Path(os.path.realpath(target)).parent)


def check_folder(target: Path) -> None:
    """Reject a folder that could be neither created nor written, before any work begins.

    Raises
    ------
    DetectorError
        The target or a folder above it is a file, or is write-protected.
    """
    _check_link_and_name(target)
    _check_parent(target, Path(os.path.realpath(target)))


def _check_link_and_name(target: Path) -> None:
    """Reject a link that leads to itself, and a name that no file can have."""
    try:
        os.stat(target)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    except OSError as error:
        raise DetectorError(
            f"{printable(target)}: cannot be written ({error.strerror}); name another place"
        ) from None


def _check_parent(target: Path, folder: Path) -> None:
    """Reject a `folder` of the target that cannot be created or written."""
    while not os.path.exists(folder):
        folder = folder.parent
    name, where = printable(target), printable(folder)
    if not folder.is_dir():
        raise DetectorError(f"{name}: {where} is a file, not a folder; name another place")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise DetectorError(f"{name}: the folder {where} is write-protected; name another place")
