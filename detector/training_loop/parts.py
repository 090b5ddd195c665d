"""What a run learns from, and how its parts are made ahead while a GPU computes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import torch
from torch.utils.data import DataLoader

from detector.errors import DetectorError


class Steps(Protocol):
    """A run's data: steps of `parts_per_step` parts, the same at every call."""

    @property
    def parts_per_step(self) -> int: ...
    def __len__(self) -> int:
        """Number of steps."""

    def part(self, step: int, place: int) -> Any:
        """What one forward pass learns from; depends on (seed, step, place) alone."""

    def fingerprint(self) -> str:
        """Tells this data, in this order, from any other."""


def made_parts(
    data: Steps, first_step: int, places: Sequence[int], device: torch.device
) -> Iterator[Any]:
    """A process's parts of all steps from `first_step` on, made ahead by workers where they pay.

    Raises
    ------
    DetectorError
        As `data.part` does, whoever called it.
    """
    keys = ((step, place) for step in range(first_step, len(data)) for place in places)
    loader: DataLoader[Any] = DataLoader(
        _Parts(data),  # type: ignore[arg-type]  # has what a map-style dataset needs
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
    """Parts by (step, place), as a DataLoader asks for them.

    An error is handed over as a part: a worker's that is raised comes with its traceback for text.
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
    """Processes that make parts for a GPU: this process's share of the cores, but one."""
    if device.type != "cuda":
        return 0
    return max(1, min(16, cores_each() - 1))


def cores_each() -> int:
    """This process's share of the cores, of which torchrun says how many train on the machine."""
    return max(1, (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


def start_worker(number: int) -> None:
    """OpenCV's threads do not survive a fork, and there is a process per core already."""
    import cv2

    cv2.setNumThreads(0)
