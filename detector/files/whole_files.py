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


def check_writable(target: Path, option: str = "") -> None:
    """Reject a target that `write_file` could not write, before any work begins.

    `option` is the command-line option that named the target; "" if it is a default.

    Raises
    ------
    DetectorError
        The target is a folder, its folder is a file, or that folder is write-protected.
    """
    name = f"{option} {printable(target)}".strip()
    if target.is_dir():
        raise DetectorError(f"{name}: a folder; name a file in it")
    if target.exists() and not target.is_file():
        return
    folder = Path(os.path.realpath(target)).parent
    while not folder.exists():
        folder = folder.parent
    where = printable(folder)
    if not folder.is_dir():
        raise DetectorError(f"{name}: {where} is a file, not a folder; name another place")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise DetectorError(f"{name}: the folder {where} is write-protected; name another place")
