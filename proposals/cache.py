"""Selective search computed once per image and kept on disk.

An entry is named by a hash of pixels, options and `VERSION`, so a changed picture or setting is
never answered with old boxes. Entries are written under a temporary name and renamed.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from proposals.selective_search import selective_search

VERSION = 1  # raise it when selective search answers differently


def default_cache_folder() -> Path:
    """`$XDG_CACHE_HOME/googlenet-rcnn/proposals`, or the same below `~/.cache`."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "googlenet-rcnn" / "proposals"


def cached_selective_search(
    image: NDArray[np.uint8], folder: Path, **options: Any
) -> NDArray[np.float32]:
    """Boxes (N, 4) of `selective_search(image, **options)`, from `folder` where they stand there.

    An unreadable entry is computed again.
    """
    path = folder / f"{_key(image, options)}.npy"
    try:
        boxes: NDArray[np.float32] = np.load(path, allow_pickle=False)
        if boxes.ndim == 2 and boxes.shape[1] == 4:
            return boxes
    except (OSError, ValueError, EOFError):
        pass
    boxes = selective_search(image, **options).boxes_xyxy
    folder.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.{threading.get_ident()}.npy")
    np.save(temporary, boxes)
    os.replace(temporary, path)
    return boxes


def cached_for_all(
    readers: Sequence[Callable[[], NDArray[np.uint8]]], folder: Path, **options: Any
) -> Iterator[NDArray[np.float32]]:
    """Boxes of many images in order, one thread per processor; each reader returns one image."""
    workers = os.cpu_count() or 1

    def compute(read: Callable[[], NDArray[np.uint8]]) -> NDArray[np.float32]:
        return cached_selective_search(read(), folder, threads=1, **options)

    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(compute, readers)


def _key(image: NDArray[np.uint8], options: dict[str, Any]) -> str:
    relevant = sorted((name, value) for name, value in options.items() if name != "threads")
    digest = hashlib.sha256(repr((VERSION, image.shape, relevant)).encode())
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()[:40]
