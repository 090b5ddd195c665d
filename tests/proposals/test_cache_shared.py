"""The cache never returns wrong boxes, whatever other processes, threads and killed writers do."""

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

from proposals import ProposalCache, cache, selective_search
from tests.proposals.test_cache import IMAGE
from tests.proposals.test_selective_search import digest, scene

ROOT = Path(__file__).resolve().parents[2]

KILLED_WRITER = """
import os, signal, sys
from pathlib import Path
from proposals import cache
from tests.proposals.test_cache import IMAGE

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

class Half:
    def __init__(self, path, mode):
        self.file = open(path, mode, buffering=0)
    def __enter__(self):
        return self
    def __exit__(self, *_):
        pass
    def write(self, content):
        self.file.write(content[:len(content) // 2])
        die()

if sys.argv[2] == "half written":
    cache.open = Half
else:
    os.replace = die
cache.ProposalCache(sys.argv[1]).get_or_compute(IMAGE, mode="single")
"""


def python(program: str, *words: object) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", program, *map(str, words)], cwd=ROOT)


@pytest.mark.parametrize("moment", ["half written", "not yet renamed"])
def test_a_writer_killed_in_the_middle(store, moment):
    assert python(KILLED_WRITER, store.folder, moment).wait() == -signal.SIGKILL
    (leftover,) = store.folder.iterdir()
    assert leftover.suffix == cache.LEFTOVER
    assert leftover.stat().st_size > 0
    assert store.size() == (0, 0)

    expected = digest(selective_search(IMAGE, "single"))
    assert digest(store.get_or_compute(IMAGE, mode="single")) == expected
    assert leftover.exists()  # a running process could still be writing it
    long_ago = time.time() - 2 * cache.OLD_SECONDS
    os.utime(leftover, (long_ago, long_ago))
    ProposalCache(store.folder).get_or_compute(IMAGE, mode="single", seed=1)
    assert not leftover.exists()
    assert store.size().entries == 2


def test_clear_removes_old_leftovers(store):
    store.folder.mkdir()
    for name, age in (("old", 2 * cache.OLD_SECONDS), ("young", 0)):
        path = store.folder / f".{name}{cache.LEFTOVER}"
        path.touch()
        os.utime(path, (time.time() - age,) * 2)
    store.clear()
    assert [path.name for path in store.folder.iterdir()] == [f".young{cache.LEFTOVER}"]


HAMMER = """
import sys, time
import proposals
from proposals import ProposalCache, cache
from tests.proposals.test_cache_shared import pictures
from tests.proposals.test_selective_search import digest

pictures = pictures()
expected = [digest(proposals.selective_search(image, "single")) for image in pictures]
results = {image.tobytes(): proposals.selective_search(image, "single") for image in pictures}
# Computing takes no time, so that reads and writes collide often.
cache.selective_search = lambda image, **_: results[image.tobytes()]
stop = time.time() + float(sys.argv[2])
rounds = 0
while time.time() < stop:
    store = ProposalCache(sys.argv[1])
    digests = [digest(store.get_or_compute(image, mode="single")) for image in pictures]
    assert digests == expected
    rounds += 1
assert rounds > 10
"""


def pictures() -> list[np.ndarray]:
    return [scene(30, 40, seed) for seed in range(4)]


def test_processes_that_share_a_folder_while_its_files_are_damaged(store):
    """Two processes read and write, a third is killed, and this one damages files meanwhile."""
    workers = [python(HAMMER, store.folder, seconds) for seconds in (2, 2, 60)]
    rng = random.Random(0)
    while workers[0].poll() is None or workers[1].poll() is None:
        for path in list(store.folder.glob("*.boxes")) if store.folder.exists() else []:
            _damage(path, rng)
        time.sleep(0.002)
    workers[2].kill()
    assert [worker.wait() for worker in workers] == [0, 0, -signal.SIGKILL]
    for image in pictures():
        proposals = store.get_or_compute(image, mode="single")
        assert digest(proposals) == digest(selective_search(image, "single"))
    assert store.size().entries == 4


def _damage(path: Path, rng: random.Random) -> None:
    try:
        content = bytearray(path.read_bytes())
        content[rng.randrange(len(content))] ^= rng.randrange(1, 256)
        way = rng.randrange(4)
        if way == 0:
            path.unlink()
        elif way == 1:
            path.write_bytes(content[: rng.randrange(len(content))])
        elif way == 2:
            path.write_bytes(content)
        else:
            shutil.copyfile(path, rng.choice(list(path.parent.glob("*.boxes"))))
    except (OSError, ValueError, IndexError, shutil.SameFileError):
        pass  # another process has deleted or replaced the file


def test_threads_that_share_one_cache(store):
    images = pictures()
    expected = [digest(selective_search(image, "single", width=None)) for image in images]
    wrong = []

    def work(shift: int) -> None:
        for turn in range(24):
            number = (turn + shift) % len(images)
            if turn % 8 == 7:
                store.clear()
            result = digest(store.get_or_compute(images[number], mode="single", width=None))
            if result != expected[number]:
                wrong.append(number)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        threads = [threading.Thread(target=work, args=(shift,)) for shift in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []
    assert not list(store.folder.glob(f"*{cache.LEFTOVER}"))
