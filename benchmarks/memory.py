"""Memory of one detector over many pictures, each of another size.

    python benchmarks/memory.py --pictures 1000
    python benchmarks/memory.py --pictures 1000 --command

Every new input size makes oneDNN compile and keep layers, so that pictures of one size would hide
growth. The pictures are noise with sides of 80 to 400 pixels; settings that make a picture quick
leave the number of compiled layers as it is. `--command` has the settings of the `detect` command,
which keeps freed memory and more compiled layers. Prints the resident memory of the process in MB
after every tenth of the pictures; Linux only.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np

from detector import Detector
from detector.processes.settings import keep_compiled_layers, keep_freed_memory
from detector.recipes import override

QUICK = (
    *("network.short_side=128", "network.long_side=256", "network.keep=60"),
    "proposals.width=150",
)


def main() -> None:
    """Read the arguments, detect, print the curve."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--command", action="store_true", help="settings of the command")
    parser.add_argument("--recipe", default="voc20")
    arguments = parser.parse_args()
    if arguments.command:
        keep_freed_memory()
        keep_compiled_layers()
    detector = Detector.load(arguments.recipe, device="cpu")
    detector.recipe = override(detector.recipe, QUICK)
    rng = np.random.default_rng(0)
    print("pictures | MB | seconds\n---|---|---")
    started = time.perf_counter()
    for number in range(1, arguments.pictures + 1):
        height, width = rng.integers(80, 400, 2)
        detector(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
        if number in (1, 10) or number % max(1, arguments.pictures // 10) == 0:
            seconds = time.perf_counter() - started
            print(f"{number} | {resident():.0f} | {seconds:.0f}", flush=True)


def resident() -> float:
    """Resident memory of this process in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
