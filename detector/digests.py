"""Digests that tell two detectors or two data sets apart, whatever files they came from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
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
