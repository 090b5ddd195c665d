"""`detect batch` with a detector without a network, whose process some pictures kill.

python -m tests.detector.batch.stub_batch SOURCE OUTPUT

detects slowly, so that a test can kill it in the middle.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from detector.batch.run import Finished, Plan, run_batch
from detector.batch.sources import find_pictures
from detector.files.locking import locked
from detector.results import Detections
from tests.detector.stub_detector import SIDE, StubDetector

SLOWLY = 0.3  # seconds per picture


class BatchStub(StubDetector):
    """Kills its process at pictures whose first pixel is red: always, or once if it is dark red.

    Parameters
    ----------
    killed
        A file that says that a process was killed.
    """

    def __init__(self, killed: Path, seconds: float = 0) -> None:
        super().__init__()
        self.killed, self.seconds = killed, seconds

    def __call__(self, picture: Any, **options: Any) -> Detections:
        found, _ = self.trace(Path(picture), "evaluate")
        time.sleep(self.seconds)
        red, green, _ = np.array(Image.open(picture).convert("RGB"))[0, 0]
        if green == 0 and (red == 255 or (red == 100 and not self.killed.exists())):
            self.killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return found


def load(device: str | None, killed: Path, seconds: float = 0) -> BatchStub:
    return BatchStub(killed, seconds)


def pictures(folder: Path, count: int, *, once: int = -1, always: int = -1) -> Path:
    """A folder of noise; the pictures number `once` and `always` kill their process."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(count)
    for number in range(count):
        noise = rng.integers(1, 256, (SIDE, SIDE, 3), dtype=np.uint8)
        if number in (once, always):
            noise[0, 0] = (100 if number == once else 255, 0, 0)
        Image.fromarray(noise).save(folder / f"{number}.bmp")
    return folder


def run(source: Path, output: Path, *, seconds: float = 0, form: str = "parquet") -> Finished:
    """Detect by two processes, three pictures a file."""
    from detector.batch.cluster import ray_running

    loading = partial(load, killed=output.with_suffix(".killed"), seconds=seconds)
    with locked(output), ray_running(None, 2, 1, gpus=False) as machines:
        plan = Plan(output, {}, 3, form)
        return run_batch(find_pictures(str(source)), machines, loading, {}, plan)


if __name__ == "__main__":
    run(Path(sys.argv[1]), Path(sys.argv[2]), seconds=SLOWLY)
