"""The first process compiles the kernels; later processes load them without numba."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from proposals import selective_search
from proposals.search import compiled
from proposals.search.segmentation import segment
from tests.proposals.golden_images import IMAGES

ROOT = Path(__file__).parents[3]
USE = """
import sys
import numpy as np
from proposals import segment, selective_search
image = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
{body}
"""
THREADS = """
import threading
counts = []
threads = [threading.Thread(target=lambda: counts.append(segment(image, 50, 5)[1]))
           for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(*counts)
"""


def run(body, folder):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder)}
    return subprocess.run(
        [sys.executable, "-c", USE.format(body=body)],
        env=environment, cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder for kernels, filled by a process with four concurrent threads."""
    folder = tmp_path_factory.mktemp("kernels")
    result = run(THREADS, folder)
    assert result.stderr == compiled.library.notice + "\n"
    assert len(set(result.stdout.split())) == 1
    return folder


def test_only_one_file_is_written(folder):
    assert [path.suffix for path in folder.iterdir()] == [".o"]


def test_later_processes_need_no_numba_and_print_no_notice(folder):
    result = run("selective_search(image); print('numba' in sys.modules)", folder)
    assert (result.stdout, result.stderr) == ("False\n", "")


def test_numba_still_works_beside_loaded_kernels(folder):
    body = """
before = selective_search(image).boxes_xyxy
import numba
@numba.njit
def fill(n):
    values = np.empty(n)
    values[:] = n
    if n > 5:
        raise ValueError("too many")
    return values
print(fill(3).sum())
try: fill(6)
except ValueError as error: print(error)
print((selective_search(image).boxes_xyxy == before).all())
"""
    assert run(body, folder).stdout == "9.0\ntoo many\nTrue\n"


def test_images_in_any_layout_give_the_same():
    image = IMAGES["scene"]()
    expected = selective_search(image, width=None).boxes_xyxy
    turned = np.asfortranarray(image)
    turned.flags.writeable = False
    np.testing.assert_array_equal(selective_search(turned, width=None).boxes_xyxy, expected)
    labels, _ = segment(image, 50, 20)
    np.testing.assert_array_equal(segment(turned, 50, 20)[0], labels)
