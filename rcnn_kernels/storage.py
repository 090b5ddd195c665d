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
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    yield Path(base) / "googlenet-rcnn" / "kernels"


def read(path: Path) -> bytes | None:
    """Content of a file, or None if it is missing or damaged."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    digest, content = data[:32], data[32:]
    return content if hashlib.sha256(content).digest() == digest else None


def write(name: str, content: bytes) -> None:
    """Write a file to the first writable folder; without one, every process compiles."""
    for folder in folders():
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            # Renaming the complete file prevents other processes from reading half of it.
            temporary = folder / f".{name}.{os.getpid()}"
            temporary.write_bytes(hashlib.sha256(content).digest() + content)
            os.replace(temporary, folder / name)
            return
