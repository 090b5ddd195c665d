"""Selective search computed once per image and kept on disk.

An entry is named by a hash of pixels, options and `VERSION`, so that a changed picture or setting
is never answered with old boxes. It carries a checksum over its name and its boxes: what is
damaged, cut short or in the place of another is computed again.

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

VERSION = 2  # raise it when selective search answers differently

MAGIC = b"proposals-cache1"
HEADER_LENGTH = len(MAGIC) + hashlib.sha256().digest_size
ENTRY, LEFTOVER = ".boxes", ".part"  # suffixes
OLD_SECONDS = 3600  # no writer takes that long: its file was left by a process that was killed
DEFAULTS = {
    name: parameter.default
    for name, parameter in inspect.signature(selective_search).parameters.items()
    if name in SearchOptions.__annotations__
}
_flags_lock = threading.Lock()  # not the cache's own: a cache can be sent to another process


class CacheSize(NamedTuple):
    """What a cache holds."""

    entries: int
    bytes: int


def default_cache_folder() -> Path:
    """`$XDG_CACHE_HOME/googlenet-rcnn/proposals`, or the same below `~/.cache`."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "googlenet-rcnn" / "proposals"


class ProposalCache:
    """Proposals on disk, for any number of threads and processes at once.

    Two that want the same entry at the same time both compute it, to the same bytes. A folder
    that cannot be written, or a full disk, costs a warning and the time of computing again.

    Parameters
    ----------
    folder
        Where entries stand; created when the first is written. None takes
        `default_cache_folder()`.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        self.folder = default_cache_folder() if folder is None else Path(folder).expanduser()
        self._has_tidied = False
        self._has_warned = False

    def get_or_compute(
        self,
        image: NDArray[np.uint8],
        *,
        threads: int | None = None,
        **options: Unpack[SearchOptions],
    ) -> Proposals:
        """`selective_search(image, **options)`, from disk where it stands there.

        Parameters
        ----------
        image
            (H, W, 3) uint8, RGB.
        threads
            At most this many where it has to be computed; they do not change the answer.
        options
            As for `selective_search`; the seed a whole number.

        Returns
        -------
        Proposals
            The same bytes as computed. With `backend="opencv"`, whose order is drawn anew in
            every call, those of the first call.

        Raises
        ------
        ProposalError
            As `selective_search`, and for a Generator as seed: its answer cannot be repeated.
        """
        key = _key(image, options)
        boxes = self._read(key)
        if boxes is not None:
            return ranked_proposals(boxes)
        proposals = selective_search(image, threads=threads, **options)
        self._write(key, proposals.boxes_xyxy)
        return proposals

    def size(self) -> CacheSize:
        """Count the entries and the bytes they take; an absent folder holds none."""
        sizes = [_file_size(path) for path in self._files(ENTRY)]
        return CacheSize(len(sizes), sum(sizes))

    def clear(self) -> CacheSize:
        """Delete all entries, and nothing else that lies in the folder.

        Returns
        -------
        CacheSize
            What was deleted.

        Raises
        ------
        OSError
            If an entry cannot be deleted.
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
        """Boxes (N, 4) of an entry; None where there is none that can be believed."""
        try:
            content = (self.folder / (key + ENTRY)).read_bytes()
        except OSError:
            return None
        payload = content[HEADER_LENGTH:]
        if not payload or len(payload) % 16 or content[:HEADER_LENGTH] != _header(key, payload):
            return None
        return np.frombuffer(payload, "<f4").astype(np.float32).reshape(-1, 4)

    def _write(self, key: str, boxes: NDArray[np.float32]) -> None:
        """Write under a name of its own, then rename: a reader sees all of an entry or nothing."""
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
        """Delete what killed writers left behind, once no living one can be at it."""
        for path in self._files(LEFTOVER):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > OLD_SECONDS:
                    path.unlink()

    def _warn_once(self, error: OSError) -> None:
        with _flags_lock:
            is_first, self._has_warned = not self._has_warned, True
        if is_first:
            warnings.warn(
                f"proposals cache {self.folder}: {error.strerror or error}; going on without "
                "keeping the proposals",
                RuntimeWarning,
                stacklevel=4,
            )

    def _files(self, suffix: str) -> Iterator[Path]:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            yield from (path for path in self.folder.iterdir() if path.name.endswith(suffix))


def _key(image: NDArray[np.uint8], options: SearchOptions) -> str:
    """Hash all that the answer depends on; an option left out equals its default."""
    check_image(image)
    options = check_options(**options)  # 500 and NumPy's 500 are the same setting
    if isinstance(options.get("seed"), np.random.Generator):
        raise ProposalError(
            "seed: a Generator answers differently every time, which no cache can; "
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
    except FileNotFoundError:  # another process was quicker
        return 0
