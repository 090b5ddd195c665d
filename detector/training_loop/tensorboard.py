"""Event files for TensorBoard, in the run folder, where `tensorboard` is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, cast


class Board(Protocol):
    """What the loop uses of TensorBoard's SummaryWriter."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
        """One point of a curve."""

    def close(self) -> None:
        """Write what is still in memory."""


def open_board(folder: Path, step: int) -> Board | None:
    """A writer that goes on after `step`, or None where tensorboard is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:  # pip install googlenet-rcnn[train]
        return None
    # Points of later steps, which a killed run left behind, are taken back
    writer = SummaryWriter(str(folder), purge_step=step + 1)
    return cast(Board, writer)
