"""Freed memory and compiled layers are reused."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import numpy as np
from detector.processes.settings import keep_freed_memory

if sys.argv[1] == "keep":
    keep_freed_memory()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(16 * 2**20, np.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(sum(faults() for _ in range(10)))
"""


def faults(word: str) -> int:
    done = subprocess.run([sys.executable, "-c", PROGRAM, word], capture_output=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the setting is glibc's")
def test_freed_blocks_are_reused() -> None:
    assert faults("keep") < 100 < faults("leave")


LAYERS = """
import os, sys
import detector.processes.settings

detector.processes.settings.COMPILED = int(sys.argv[1])
detector.processes.settings.keep_compiled_layers()
import torch
layer = torch.nn.Conv2d(32, 64, 3).to(memory_format=torch.channels_last)
with torch.inference_mode():
    for width in (40, 41, 42, 43, 40):
        layer(torch.zeros(2, 32, 40, width))
"""


def last_convolution(kept: int, users: str | None = None) -> str:
    """Whether oneDNN compiles the last of five layers, which equals the first: its log entry."""
    name = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"
    environment = {key: value for key, value in os.environ.items() if key != name}
    environment |= {"ONEDNN_VERBOSE": "profile_create"} | ({name: users} if users else {})
    done = subprocess.run(
        [sys.executable, "-c", LAYERS, str(kept)],
        capture_output=True, check=True, text=True, env=environment,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if ",convolution," in line]
    return lines[-1].split(",")[3] if lines else ""


def test_compiled_layers_are_cached_unless_the_user_sets_the_capacity() -> None:
    if not last_convolution(100):
        pytest.skip("oneDNN does not compute here, or does not log")
    assert last_convolution(100) == "create:cache_hit"
    assert last_convolution(2) == "create:cache_miss"
    assert last_convolution(2, users="100") == "create:cache_hit"
