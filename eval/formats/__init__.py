"""Ground truth and results as files, one module a format."""

from __future__ import annotations

import os
from collections.abc import Callable

from eval.datasets import Dataset


def reader_of(path: str | os.PathLike[str]) -> Callable[..., Dataset]:
    """The reader for the ground truth at a path."""
    from eval.formats.coco_json import read_coco

    return read_coco
