"""Which searches share a cache entry, and which do not."""

import inspect

import numpy as np
import pytest

from proposals import ProposalError, cache, selective_search
from tests.proposals.test_cache import IMAGE

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
    # Every option is covered; `threads` does not change the result, and regions are not stored.
    tried = {name for options in OPTIONS for name in options}
    known = set(inspect.signature(selective_search).parameters)
    assert known - tried == {"image", "threads", "return_hierarchy"}


@pytest.mark.parametrize(
    "same",
    [
        {"mode": "fast"},
        {"mode": "rcnn-fast", "superpixel_scale": 2},
        {"superpixel_scale": 2},
        {"seed": 0},
        {"width": np.int64(500), "min_side": 20, "max_boxes": None, "backend": "own"},
    ],
)
def test_other_spellings_of_the_same_search_have_the_same_key(same):
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


def test_threads_are_passed_on_and_not_part_of_the_key(store, calls):
    store.get_or_compute(IMAGE, threads=1)
    store.get_or_compute(IMAGE, threads=2)
    assert [options.get("threads") for options in calls] == [None]  # the stand-in removes them
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
