"""Digests that tell two detectors, data sets or pictures apart, wherever their files lie."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

    from detector.pipeline import Detector
    from eval import Dataset


def hash_of_weights(detector: Detector) -> str:
    """SHA-256 of names and tensors, whatever file they came from."""
    modes = [member.mode for member in detector.members]
    digest = hashlib.sha256(repr((detector.info.class_names, modes)).encode())
    for module in (*(member.model for member in detector.members), detector.multibox):
        if module is not None:
            _add(digest, module.state_dict().items())
    return digest.hexdigest()


def hash_of_tensors(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of tensors by name, whatever their order. Files of the same ones may differ."""
    digest = hashlib.sha256()
    _add(digest, sorted(tensors.items()))
    return digest.hexdigest()


def _add(digest: hashlib._Hash, named: Iterable[tuple[str, Tensor]]) -> None:
    for name, tensor in named:
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())


def hash_of_data(dataset: Dataset) -> str:
    """SHA-256 of images, classes and objects, whatever files they came from."""
    truths = dataset.all_truths
    names = (dataset.images, dataset.class_names, dataset.category_ids, truths.layout)
    digest = hashlib.sha256(repr(names).encode("utf-8", "backslashreplace"))
    for array in (dataset.starts, truths.labels, truths.boxes, truths.difficult, truths.crowd):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def hash_of_picture(path: Path) -> str | None:
    """SHA-256 of a picture's file; None where it cannot be read, or not twice, as a pipe."""
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def is_another_picture(path: Path, before: str | None) -> bool:
    """Whether a file is not the picture that had this digest.

    It is taken for the same where it is gone, or where an older version kept no digest.
    """
    return bool(before) and hash_of_picture(path) not in (before, None)
