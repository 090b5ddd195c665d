"""Decoded photographs in the memory of the device that cuts crops out of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from detector.networks.warp import bounded_size, shrink_for_warp
from detector.pictures.dataset_folder import read_photograph


class PhotographStore:
    """Photographs by number, (3, H, W) RGB uint8, with a limit to the long side.

    Their sizes decide beforehand which of them are held, so a worker process knows which pixels the
    process with the device already has.

    Parameters
    ----------
    paths
        Files of the photographs.
    sizes
        Height and width of each, according to the data set.
    long_side
        Larger photographs are shrunk to it; `factors` scale the boxes of a photograph along.
    memory_gb
        Limit of what is held, in 10^9 bytes: the first photographs that fit.
    device
        Where they are held.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        sizes: Sequence[tuple[int, int]],
        long_side: int,
        memory_gb: float,
        device: torch.device,
    ) -> None:
        self.paths, self.long_side, self.device = paths, long_side, device
        self.originals = list(sizes)
        original = np.array(sizes, np.float32).reshape(-1, 2)
        bounded = np.array([bounded_size(*size, long_side) for size in sizes]).reshape(-1, 2)
        self.factors = np.tile((bounded / original)[:, ::-1], 2).astype(np.float32)  # x, y, x, y
        self.sizes = [tuple(size) for size in bounded.tolist()]
        total = np.cumsum(3 * bounded.astype(np.int64).prod(1))
        self.held = int(np.searchsorted(total, memory_gb * 1e9, side="right"))
        self._photographs: dict[int, Tensor] = {}

    def read(self, number: int) -> Tensor:
        """Decode a photograph into the processor's memory.

        Raises
        ------
        DetectorError
            See `read_photograph`.
        """
        whole = read_photograph(self.paths[number], self.originals[number])
        image, _ = shrink_for_warp(whole, self.long_side)
        return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))

    def holds(self, number: int) -> bool:
        """Whether `get` keeps this photograph after the first time."""
        return number < self.held

    def get(self, number: int) -> Tensor:
        """A photograph on the device."""
        photograph = self._photographs.get(number)
        if photograph is None:
            photograph = self.read(number).to(self.device)
            if self.holds(number):
                self._photographs[number] = photograph
        return photograph
