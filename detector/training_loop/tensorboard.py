"""Event files for TensorBoard in the run folder, if `tensorboard` is installed."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Protocol, cast

from detector.console import notify


class Board(Protocol):
    """The part of TensorBoard's SummaryWriter that the loop uses."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
        """Add a point to a curve."""

    def close(self) -> None:
        """Write what is still in memory and close the files."""


def open_board(folder: Path, step: int) -> Board | None:
    """A writer that continues after `step`, or None if tensorboard is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        _note_missing()
        return None
    # A killed run may have written points of later steps; purge_step removes them
    writer = SummaryWriter(str(folder), purge_step=step + 1)
    return cast(Board, writer)


@cache  # an ensemble trains several networks in one process
def _note_missing() -> None:
    notify('no event files for TensorBoard, which pip install ".[train]" would bring')
