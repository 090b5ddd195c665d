"""SHA-256 digests that identify weights, data sets and pictures by content, not by path."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

    from eval import Dataset


def hash_of_networks(
    class_names: Sequence[str], modes: Sequence[str], networks: Iterable[Mapping[str, Tensor]]
) -> str:
    """Digest of a detector: its classes, and how its networks read regions, and their tensors."""
    digest = hashlib.sha256(repr((tuple(class_names), list(modes))).encode())
    for tensors in networks:
        _add(digest, tensors.items())
    return digest.hexdigest()


def hash_of_tensors(tensors: Mapping[str, Tensor]) -> str:
    """Digest of tensors by name; neither their order nor the file format matters."""
    digest = hashlib.sha256()
    _add(digest, sorted(tensors.items()))
    return digest.hexdigest()


def _add(digest: hashlib._Hash, named: Iterable[tuple[str, Tensor]]) -> None:
    for name, tensor in named:
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())


def hash_of_data(dataset: Dataset) -> str:
    """Digest of images, classes and objects; the files they were read from do not matter."""
    truths = dataset.all_truths
    names = (dataset.images, dataset.class_names, dataset.category_ids, truths.layout)
    digest = hashlib.sha256(repr(names).encode("utf-8", "backslashreplace"))
    for array in (dataset.starts, truths.labels, truths.boxes, truths.difficult, truths.crowd):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def hash_of_picture(path: Path) -> str | None:
    """Digest of a picture's file; None if it is unreadable or, like a pipe, is no file."""
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def picture_has_changed(path: Path, before: str | None) -> bool:
    """Whether a picture's file no longer has the digest `before`.

    A file that is gone, or that had no digest because it was a pipe, counts as unchanged.
    """
    return bool(before) and hash_of_picture(path) not in (before, None)
