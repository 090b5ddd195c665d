"""The proposal cache: selective search runs once per image, and its boxes stay on disk.

An entry's name is a hash of pixels, options and `VERSION`, so a changed picture or option never
gets old boxes. Each entry holds a checksum of its name and boxes: a damaged, truncated or misplaced
entry is computed again.

    cache = ProposalCache()
    proposals = cache.get_or_compute(image, mode="fast")
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import os
import threading
import time
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Unpack

import numpy as np
from numpy.typing import NDArray

from proposals.checks import check_image
from proposals.options import SearchOptions, check_options, choose_strategies
from proposals.result import ProposalError, Proposals
from proposals.selective_search import ranked_proposals, selective_search
from rcnn_kernels.storage import user_cache

VERSION = 2  # increase it whenever selective search returns other boxes for the same input

MAGIC = b"proposals-cache1"
HEADER_LENGTH = len(MAGIC) + hashlib.sha256().digest_size
ENTRY, LEFTOVER = ".boxes", ".part"  # suffixes
OLD_SECONDS = 3600  # no write takes this long: an older temporary file is a killed process's
DEFAULTS = {
    name: parameter.default
    for name, parameter in inspect.signature(selective_search).parameters.items()
    if name in SearchOptions.__annotations__
}
# One lock for all caches: a lock of its own would keep a cache from being sent to other processes.
_flags_lock = threading.Lock()


class CacheSize(NamedTuple):
    """Size of a cache."""

    entries: int
    bytes: int


def default_cache_folder() -> Path:
    """`$XDG_CACHE_HOME/googlenet-rcnn/proposals`; without the variable, below `~/.cache`."""
    return user_cache() / "proposals"


class ProposalCache:
    """Proposals on disk, shared safely by any number of threads and processes.

    Two processes that need the same missing entry at the same time both compute it, with the same
    bytes. If the folder cannot be written or the disk is full, one warning appears and proposals
    are computed each time.

    Parameters
    ----------
    folder
        Folder of the entries, created with the first entry. None takes `default_cache_folder()`.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        self.folder = default_cache_folder() if folder is None else Path(os.path.expanduser(folder))
        self._has_tidied = False
        self._has_warned = False

    def get_or_compute(
        self,
        image: NDArray[np.uint8],
        *,
        threads: int | None = None,
        **options: Unpack[SearchOptions],
    ) -> Proposals:
        """`selective_search(image, **options)`, read from disk if its entry exists.

        Parameters
        ----------
        image
            (H, W, 3) uint8, RGB.
        threads
            Most threads of a computation; their number does not change the result.
        options
            Options of `selective_search`; the seed must be a whole number.

        Returns
        -------
        Proposals
            The same bytes as `selective_search` returns. `backend="opencv"` ranks differently in
            every call; the cache returns the first call's ranking.

        Raises
        ------
        ProposalError
            As in `selective_search`; also if the seed is a Generator, whose draws do not repeat.
        """
        key = _key(image, options)
        boxes = self._read(key)
        if boxes is not None:
            return ranked_proposals(boxes)
        proposals = selective_search(image, threads=threads, **options)
        self._write(key, proposals.boxes_xyxy)
        return proposals

    def size(self) -> CacheSize:
        """Number of entries and their bytes; a missing folder has no entries."""
        sizes = [_file_size(path) for path in self._files(ENTRY)]
        return CacheSize(len(sizes), sum(sizes))

    def clear(self) -> CacheSize:
        """Delete all entries; other files in the folder stay.

        Returns
        -------
        CacheSize
            Number and bytes of the deleted entries.

        Raises
        ------
        OSError
            An entry cannot be deleted.
        """
        removed = 0
        count = 0
        for path in self._files(ENTRY):
            size = _file_size(path)
            path.unlink(missing_ok=True)
            removed += size
            count += 1
        self._remove_leftovers()
        return CacheSize(count, removed)

    def _read(self, key: str) -> NDArray[np.float32] | None:
        """Boxes (N, 4) of an entry; None if it is missing or damaged."""
        try:
            content = (self.folder / (key + ENTRY)).read_bytes()
        except OSError:
            return None
        payload = content[HEADER_LENGTH:]
        if not payload or len(payload) % 16 or content[:HEADER_LENGTH] != _header(key, payload):
            return None
        return np.frombuffer(payload, "<f4").astype(np.float32).reshape(-1, 4)

    def _write(self, key: str, boxes: NDArray[np.float32]) -> None:
        """Write to a unique name, then rename: readers see a whole entry or none."""
        payload = boxes.astype("<f4").tobytes()
        temporary = self.folder / f".{key}.{uuid.uuid4().hex}{LEFTOVER}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._tidy_once()
            with open(temporary, "xb") as file:
                file.write(_header(key, payload) + payload)
            os.replace(temporary, self.folder / (key + ENTRY))
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink()
            self._warn_once(error)

    def _tidy_once(self) -> None:
        with _flags_lock:
            is_first, self._has_tidied = not self._has_tidied, True
        if is_first:
            self._remove_leftovers()

    def _remove_leftovers(self) -> None:
        """Delete temporary files of killed processes, once no running one can still write them."""
        for path in self._files(LEFTOVER):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > OLD_SECONDS:
                    path.unlink()

    def _warn_once(self, error: OSError) -> None:
        with _flags_lock:
            is_first, self._has_warned = not self._has_warned, True
        if is_first:
            warnings.warn(
                f"proposal cache {self.folder}: {error.strerror or error}, so nothing is stored; "
                "free disk space or choose a folder that can be written",
                RuntimeWarning,
                stacklevel=4,
            )

    def _files(self, suffix: str) -> Iterator[Path]:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            yield from (path for path in self.folder.iterdir() if path.name.endswith(suffix))


def _key(image: NDArray[np.uint8], options: SearchOptions) -> str:
    """Hash everything the result depends on; a missing option counts as its default."""
    check_image(image)
    options = check_options(**options)  # 500 and NumPy's 500 are the same setting
    if isinstance(options.get("seed"), np.random.Generator):
        raise ProposalError(
            "seed: a Generator draws other numbers every time, which a cache cannot repeat; "
            "give a whole number"
        )
    settings: dict[str, Any] = {**DEFAULTS, **options}
    strategies = choose_strategies(settings.pop("mode"), settings.pop("superpixel_scale"))
    plain = sorted(settings.items())
    if settings["backend"] == "opencv":
        plain.append(("OpenCV", _opencv_version()))
    digest = hashlib.sha256(repr((VERSION, image.shape, tuple(strategies), plain)).encode())
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()


def _opencv_version() -> str:
    import cv2

    return str(cv2.__version__)


def _header(key: str, payload: bytes) -> bytes:
    return MAGIC + hashlib.sha256(key.encode() + payload).digest()


def _file_size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # another process has deleted it
        return 0
