"""One process at a time writes into a folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from detector.errors import DetectorError
from detector.files.locking import locked


def test_a_folder_is_held_while_the_block_runs(tmp_path: Path) -> None:
    with (
        locked(tmp_path / "run"),
        pytest.raises(DetectorError, match="run: another process is at work there"),
        locked(tmp_path / "run"),
    ):
        pass
    with locked(tmp_path / "run"):
        pass


def test_a_forked_process_does_not_inherit_the_lock(tmp_path: Path) -> None:
    """Worker processes of a training run may outlive it by some seconds."""
    reading, writing = os.pipe()
    alive, is_alive = os.pipe()
    with locked(tmp_path):
        if not (child := os.fork()):
            os.close(writing)
            os.write(is_alive, b"!")
            os.read(reading, 1)  # until the other end is closed
            os._exit(0)
        os.close(is_alive)
        os.read(alive, 1)
    try:
        with locked(tmp_path):
            pass
    finally:
        for descriptor in (writing, reading, alive):
            os.close(descriptor)
        os.waitpid(child, 0)
