"""The cache never returns boxes from damaged files, and failures to write are not errors."""

import errno
import pickle
from pathlib import Path

import numpy as np
import pytest

from proposals import ProposalCache, cache, selective_search
from tests.proposals.test_selective_search import digest, scene

IMAGE = scene(40, 50)
SHORT = {"mode": "single", "max_boxes": 4}  # an entry of 112 bytes


def entry_of(store: ProposalCache) -> Path:
    (path,) = store.folder.glob("*.boxes")
    return path


def test_the_second_result_comes_from_disk_and_is_the_same(store, calls):
    first = store.get_or_compute(IMAGE, mode="single")
    second = ProposalCache(store.folder).get_or_compute(IMAGE, mode="single")
    assert len(calls) == 1
    assert digest(first) == digest(second) == digest(selective_search(IMAGE, "single"))
    np.testing.assert_array_equal(first.source, second.source)
    second.boxes_xyxy[0] = 0  # a writable array, not a view of the file's bytes


def test_every_changed_byte_is_detected_and_repaired(store, calls):
    expected = digest(store.get_or_compute(IMAGE, **SHORT))
    path = entry_of(store)
    good = path.read_bytes()
    for place in range(len(good)):
        for change in (0x01, 0x80, 0xFF):
            path.write_bytes(good[:place] + bytes([good[place] ^ change]) + good[place + 1 :])
            assert digest(store.get_or_compute(IMAGE, **SHORT)) == expected
            assert path.read_bytes() == good
    assert len(calls) == 1 + 3 * len(good)


def test_every_truncation_and_extension_is_detected_and_repaired(store, calls):
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


def test_misplaced_and_wrongly_shaped_entries_are_rejected(store, calls):
    other = store.get_or_compute(scene(40, 50, seed=1), mode="single")
    misplaced = entry_of(store).read_bytes()
    entry_of(store).unlink()
    expected = digest(store.get_or_compute(IMAGE, mode="single"))
    path = entry_of(store)
    good = path.read_bytes()
    key = path.stem
    boxes = selective_search(IMAGE, "single").boxes_xyxy
    payloads = [b"", bytes(20), boxes.tobytes()[:-4], boxes.tobytes() + bytes(4)]
    wrong = [misplaced, *(cache._header(key, payload) + payload for payload in payloads)]
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
    with pytest.warns(RuntimeWarning, match="nothing is stored"):
        assert digest(store.get_or_compute(IMAGE, mode="single")) == expected


def test_size_and_clear_concern_entries_only(store, calls):
    assert store.size() == store.clear() == (0, 0)
    for seed in range(3):
        store.get_or_compute(IMAGE, seed=seed)
    (store.folder / "notes.txt").write_text("not an entry")
    entries = list(store.folder.glob("*.boxes"))
    expected = (3, sum(path.stat().st_size for path in entries))
    assert store.size() == expected
    assert store.clear() == expected
    assert store.size() == (0, 0)
    assert sorted(path.name for path in store.folder.iterdir()) == ["notes.txt"]


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


def test_a_folder_that_cannot_be_created_causes_one_warning(tmp_path, calls):
    (tmp_path / "file").touch()
    store = ProposalCache(tmp_path / "file" / "cache")
    with pytest.warns(RuntimeWarning, match="nothing is stored") as noted:
        digests = [digest(store.get_or_compute(IMAGE, mode="single")) for _ in range(3)]
    assert set(digests) == {digest(selective_search(IMAGE, "single"))}
    assert len(noted) == 1
    assert store.size() == store.clear() == (0, 0)


def test_a_full_disk_causes_one_warning_and_leaves_no_file(store, calls, monkeypatch):
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


def test_opencv_s_boxes_keep_the_order_of_the_first_call(store):
    first = store.get_or_compute(scene(), width=None, backend="opencv")
    second = store.get_or_compute(scene(), width=None, backend="opencv")
    assert digest(first) == digest(second)
