"""Files of compiled kernels: with checksums, and written whole or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def find(name: str) -> bytes | None:
    """Content of a file, from the first folder that has it undamaged."""
    return next(filter(None, (read(folder / name) for folder in folders())), None)


def folders() -> Iterator[Path]:
    """Folders that may contain the files, in order of preference."""
    if os.environ.get("NUMBA_CACHE_DIR"):
        yield Path(os.environ["NUMBA_CACHE_DIR"])
        return
    yield Path(__file__).parent / "__pycache__"
    yield user_cache() / "kernels"


def user_cache() -> Path:
    """`$XDG_CACHE_HOME/googlenet-rcnn`; without the variable, below `~/.cache`.

    A process without a home folder, as in a container with a user id of its own, gets a folder
    below `/`, where it usually may not write.
    """
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path("/.cache" if base.startswith("~") else base) / "googlenet-rcnn"


def read(path: Path) -> bytes | None:
    """Content of a file, or None if it is missing or damaged."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    digest, content = data[:32], data[32:]
    return content if hashlib.sha256(content).digest() == digest else None


def write(name: str, content: bytes) -> bool:
    """Write a file to the first folder that has room; False if there is none."""
    for folder in folders():
        # Renaming the complete file prevents other processes from reading half of it.
        temporary = folder / f".{name}.{os.getpid()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(hashlib.sha256(content).digest() + content)
            os.replace(temporary, folder / name)
            return True
        except OSError:
            with suppress(OSError):
                temporary.unlink()
    return False
