"""The data of a run in steps and parts, and workers that prepare parts while a GPU computes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import torch
from torch.utils.data import DataLoader

from detector.errors import DetectorError


class Steps(Protocol):
    """The data of a run: steps of `parts_per_step` parts, the same at every call."""

    @property
    def parts_per_step(self) -> int: ...
    def __len__(self) -> int:
        """Number of steps."""

    def part(self, step: int, place: int) -> Any:
        """What one pass learns from; it depends on the seed, the step and the place in it alone."""

    def fingerprint(self) -> str:
        """Digest of this data in this order."""


def made_parts(
    data: Steps, first_step: int, places: Sequence[int], device: torch.device
) -> Iterator[Any]:
    """The parts of one process from `first_step` on, prepared by workers if they save time.

    Raises
    ------
    DetectorError
        Raised by `data.part`, also in a worker.
    """
    keys = ((step, place) for step in range(first_step, len(data)) for place in places)
    loader: DataLoader[Any] = DataLoader(
        _Parts(data),  # type: ignore[arg-type]  # a map-style data set
        batch_size=None,
        sampler=keys,
        collate_fn=_unchanged,
        num_workers=_workers(device),
        worker_init_fn=start_worker,
    )
    for part in loader:
        if isinstance(part, DetectorError):
            raise part
        yield part


class _Parts:
    """Parts by (step, place) for a DataLoader.

    An error is returned as a part: if a worker raised it, its traceback would become its text.
    """

    def __init__(self, data: Steps) -> None:
        self.data = data

    def __getitem__(self, key: tuple[int, int]) -> Any:
        try:
            return self.data.part(*key)
        except DetectorError as error:
            return error


def _unchanged(item: Any) -> Any:
    return item


def _workers(device: torch.device) -> int:
    """Number of workers: for a GPU, this process's share of the cores less one."""
    if device.type != "cuda":
        return 0
    return max(1, min(16, cores_each() - 1))


def cores_each() -> int:
    """Cores of the machine for each of the processes that torchrun started on it."""
    return max(1, (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


def start_worker(number: int) -> None:
    """Turn off OpenCV's threads: they do not survive a fork, and every core has a process."""
    import cv2

    cv2.setNumThreads(0)
