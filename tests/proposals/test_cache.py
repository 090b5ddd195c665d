"""The cache never answers wrongly: not after a crash, not on damaged files, not in a crowd."""

import errno
import inspect
import os
import pickle
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

from proposals import ProposalCache, ProposalError, cache, selective_search
from tests.proposals.test_selective_search import digest, scene

ROOT = Path(__file__).resolve().parents[2]
IMAGE = scene(40, 50)
SHORT = {"mode": "single", "max_boxes": 4}  # an entry of 112 bytes


@pytest.fixture
def store(tmp_path) -> ProposalCache:
    return ProposalCache(tmp_path / "cache")


@pytest.fixture
def calls(monkeypatch) -> list:
    """Selective search answers from memory and notes that it was called."""
    answers, noted = {}, []

    def remembered(image, **options):
        noted.append(options)
        options.pop("threads", None)
        key = (image.tobytes(), image.shape, repr(sorted(options.items())))
        if key not in answers:
            answers[key] = selective_search(image, **options)
        return answers[key]

    monkeypatch.setattr(cache, "selective_search", remembered)
    return noted


def entry_of(store: ProposalCache) -> Path:
    (path,) = store.folder.glob("*.boxes")
    return path


def test_the_second_answer_comes_from_disk_and_is_the_same(store, calls):
    first = store.get_or_compute(IMAGE, mode="single")
    second = ProposalCache(store.folder).get_or_compute(IMAGE, mode="single")
    assert len(calls) == 1
    assert digest(first) == digest(second) == digest(selective_search(IMAGE, "single"))
    np.testing.assert_array_equal(first.source, second.source)
    second.boxes_xyxy[0] = 0  # an array of one's own, not a view of a buffer


def test_every_flipped_byte_is_noticed_and_mended(store, calls):
    expected = digest(store.get_or_compute(IMAGE, **SHORT))
    path = entry_of(store)
    good = path.read_bytes()
    for place in range(len(good)):
        for change in (0x01, 0x80, 0xFF):
            path.write_bytes(good[:place] + bytes([good[place] ^ change]) + good[place + 1 :])
            assert digest(store.get_or_compute(IMAGE, **SHORT)) == expected
            assert path.read_bytes() == good
    assert len(calls) == 1 + 3 * len(good)


def test_every_truncation_and_extension_is_noticed_and_mended(store, calls):
    expected = digest(store.get_or_compute(IMAGE, **SHORT))
    path = entry_of(store)
    good = path.read_bytes()
    wrong = [good[:length] for length in range(len(good))]
    wrong += [good + bytes(extra) for extra in range(1, 40)]
    for content in wrong:
        path.write_bytes(content)
        assert digest(store.get_or_compute(IMAGE, **SHORT)) == expected
        assert path.read_bytes() == good
    assert len(calls) == 1 + len(wrong)


def test_foreign_and_wrongly_shaped_entries_are_not_believed(store, calls):
    other = store.get_or_compute(scene(40, 50, seed=1), mode="single")
    foreign = entry_of(store).read_bytes()
    entry_of(store).unlink()
    expected = digest(store.get_or_compute(IMAGE, mode="single"))
    path = entry_of(store)
    good = path.read_bytes()
    key = path.stem
    boxes = selective_search(IMAGE, "single").boxes_xyxy
    payloads = [b"", bytes(20), boxes.tobytes()[:-4], boxes.tobytes() + bytes(4)]
    wrong = [foreign, *(cache._header(key, payload) + payload for payload in payloads)]
    wrong += [b"\x93NUMPY" + good, b"", bytes(len(good)), other.boxes_xyxy.tobytes()]
    for content in wrong:
        path.write_bytes(content)
        assert digest(store.get_or_compute(IMAGE, mode="single")) == expected
        assert path.read_bytes() == good


def test_a_folder_in_the_place_of_an_entry_is_no_error(store, calls):
    expected = digest(store.get_or_compute(IMAGE, mode="single"))
    path = entry_of(store)
    path.unlink()
    path.mkdir()
    (path / "file").touch()
    with pytest.warns(RuntimeWarning, match="going on without"):
        assert digest(store.get_or_compute(IMAGE, mode="single")) == expected


OPTIONS = [
    {},
    {"mode": "single"},
    {"mode": "quality"},
    {"superpixel_scale": 1.0},
    {"superpixel_scale": 1.5},
    {"seed": 1},
    {"width": None},
    {"width": 400},
    {"min_side": 0},
    {"max_side": 300},
    {"max_boxes": 10},
    {"connectivity": 4},
    {"backend": "opencv"},
]


def test_other_options_have_other_keys():
    keys = {cache._key(IMAGE, options) for options in OPTIONS}
    assert len(keys) == len(OPTIONS)
    # Each option is among those tried; `threads` changes nothing, regions are not kept.
    tried = {name for options in OPTIONS for name in options}
    known = set(inspect.signature(selective_search).parameters)
    assert known - tried == {"image", "threads", "return_hierarchy"}


@pytest.mark.parametrize(
    "same",
    [
        {"mode": "fast"},
        {"mode": "googlenet-2x"},
        {"mode": "rcnn-fast", "superpixel_scale": 2},
        {"superpixel_scale": 2},
        {"seed": 0},
        {"width": np.int64(500), "min_side": 20, "max_boxes": None, "backend": "own"},
    ],
)
def test_the_same_search_said_otherwise_has_the_same_key(same):
    assert cache._key(IMAGE, same) == cache._key(IMAGE, {})


def test_pixels_and_shape_are_in_the_key_and_memory_layout_is_not():
    changed = IMAGE.copy()
    changed[-1, -1, -1] ^= 1
    images = [IMAGE, changed, IMAGE.reshape(50, 40, 3), IMAGE[:, ::-1], IMAGE[..., ::-1]]
    assert len({cache._key(image, {}) for image in images}) == len(images)
    read_only = IMAGE.copy()
    read_only.flags.writeable = False
    for same in (np.asfortranarray(IMAGE), IMAGE[:, ::-1].copy()[:, ::-1], read_only):
        assert cache._key(same, {}) == cache._key(IMAGE, {})


def test_another_version_misses(store, calls, monkeypatch):
    store.get_or_compute(IMAGE)
    monkeypatch.setattr(cache, "VERSION", cache.VERSION + 1)
    store.get_or_compute(IMAGE)
    assert len(calls) == 2
    assert store.size().entries == 2


def test_threads_are_passed_on_and_not_kept(store, calls):
    store.get_or_compute(IMAGE, threads=1)
    store.get_or_compute(IMAGE, threads=2)
    assert [options.get("threads") for options in calls] == [None]  # popped by the stand-in
    assert store.size().entries == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": np.random.default_rng(0)}, "seed: a Generator"),
        ({"mode": "fsat"}, "did you mean 'fast'"),
        ({"widht": 500}, "did you mean 'width'"),
        ({"return_hierarchy": True}, "got 'return_hierarchy'"),
        ({"min_side": -1}, "min_side"),
    ],
)
def test_wrong_options_are_explained_on_a_hit_too(store, options, message):
    with pytest.raises(ProposalError, match=message):
        store.get_or_compute(IMAGE, **options)
    with pytest.raises(ProposalError, match="image: "):
        store.get_or_compute(IMAGE.astype(np.float32))
    assert not store.folder.exists()


def test_size_and_clear_touch_our_entries_only(store, calls):
    assert store.size() == store.clear() == (0, 0)
    for seed in range(3):
        store.get_or_compute(IMAGE, seed=seed)
    (store.folder / "0037dff7.npy").write_bytes(b"of an older version")
    (store.folder / "notes.txt").write_text("mine")
    entries = list(store.folder.glob("*.boxes"))
    expected = (3, sum(path.stat().st_size for path in entries))
    assert store.size() == expected
    assert store.clear() == expected
    assert store.size() == (0, 0)
    assert sorted(path.name for path in store.folder.iterdir()) == ["0037dff7.npy", "notes.txt"]


def test_the_default_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert ProposalCache().folder == tmp_path / "googlenet-rcnn" / "proposals"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert ProposalCache().folder == tmp_path / ".cache" / "googlenet-rcnn" / "proposals"
    assert ProposalCache(str(tmp_path)).folder == tmp_path
    assert ProposalCache("~/boxes").folder == tmp_path / "boxes"


def test_a_cache_can_be_sent_to_another_process(store):
    assert pickle.loads(pickle.dumps(store)).folder == store.folder


def test_a_folder_that_cannot_be_made_costs_one_warning(tmp_path, calls):
    (tmp_path / "file").touch()
    store = ProposalCache(tmp_path / "file" / "cache")
    with pytest.warns(RuntimeWarning, match="going on without") as noted:
        answers = [digest(store.get_or_compute(IMAGE, mode="single")) for _ in range(3)]
    assert set(answers) == {digest(selective_search(IMAGE, "single"))}
    assert len(noted) == 1
    assert store.size() == store.clear() == (0, 0)


def test_a_full_disk_costs_one_warning_and_leaves_nothing(store, calls, monkeypatch):
    class FullDisk:
        def __init__(self, path, mode):
            self.file = open(path, mode)  # noqa: SIM115

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def write(self, content):
            self.file.write(content[:30])
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cache, "open", FullDisk, raising=False)
    with pytest.warns(RuntimeWarning, match="No space left on device") as noted:
        store.get_or_compute(IMAGE)
        store.get_or_compute(IMAGE)
    assert len(noted) == 1
    assert list(store.folder.iterdir()) == []
    monkeypatch.delattr(cache, "open")
    store.get_or_compute(IMAGE)
    assert store.size().entries == 1


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
    assert leftover.exists()  # it could belong to a living writer
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
from tests.proposals.test_cache import pictures
from tests.proposals.test_selective_search import digest

pictures = pictures()
expected = [digest(proposals.selective_search(image, "single")) for image in pictures]
answers = {image.tobytes(): proposals.selective_search(image, "single") for image in pictures}
# Computing takes no time, so that reading and writing collide all the more.
cache.selective_search = lambda image, **_: answers[image.tobytes()]
stop = time.time() + float(sys.argv[2])
rounds = 0
while time.time() < stop:
    store = ProposalCache(sys.argv[1])
    found = [digest(store.get_or_compute(image, mode="single")) for image in pictures]
    assert found == expected
    rounds += 1
assert rounds > 10
"""


def pictures() -> list[np.ndarray]:
    return [scene(30, 40, seed) for seed in range(4)]


def test_processes_that_share_a_folder_while_its_files_are_damaged(store):
    """Two readers and writers, one that is killed, and a vandal: no answer is ever wrong."""
    workers = [python(HAMMER, store.folder, seconds) for seconds in (2, 2, 60)]
    rng = random.Random(0)
    while workers[0].poll() is None or workers[1].poll() is None:
        for path in list(store.folder.glob("*.boxes")) if store.folder.exists() else []:
            _vandalise(path, rng)
        time.sleep(0.002)
    workers[2].kill()
    assert [worker.wait() for worker in workers] == [0, 0, -signal.SIGKILL]
    for image in pictures():
        found = store.get_or_compute(image, mode="single")
        assert digest(found) == digest(selective_search(image, "single"))
    assert store.size().entries == 4


def _vandalise(path: Path, rng: random.Random) -> None:
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
        pass  # another was quicker


def test_threads_that_share_one_cache(store):
    images = pictures()
    expected = [digest(selective_search(image, "single", width=None)) for image in images]
    wrong = []

    def work(shift: int) -> None:
        for turn in range(24):
            number = (turn + shift) % len(images)
            if turn % 8 == 7:
                store.clear()
            found = digest(store.get_or_compute(images[number], mode="single", width=None))
            if found != expected[number]:
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


def test_opencv_answers_are_kept_in_the_order_of_the_first_call(store):
    first = store.get_or_compute(scene(), width=None, backend="opencv")
    second = store.get_or_compute(scene(), width=None, backend="opencv")
    assert digest(first) == digest(second)
