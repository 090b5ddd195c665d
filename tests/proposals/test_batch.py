"""Many images: the same results as one by one, in order, with few images in memory."""

import itertools
import threading
import time
import weakref
from functools import partial

import numpy as np
import pytest

from proposals import ProposalCache, ProposalError, selective_search, selective_search_many
from proposals.threads import LOOK_AHEAD
from tests.proposals.test_selective_search import digest, scene


def pictures(count: int = 7) -> list[np.ndarray]:
    return [scene(40 + 3 * number, 60, number) for number in range(count)]


@pytest.mark.parametrize("threads", [1, 2, 5, None])
@pytest.mark.parametrize("lazily", [False, True])
def test_results_are_those_of_one_by_one_in_order(threads, lazily):
    images = pictures()
    sources = [partial(np.copy, image) for image in images] if lazily else images
    results = selective_search_many(sources, threads=threads, mode="single", seed=3)
    expected = [selective_search(image, "single", seed=3) for image in images]
    assert [digest(proposals) for proposals in results] == [digest(one) for one in expected]


def test_slow_images_do_not_change_the_order():
    images = pictures(4)

    def late(number: int) -> np.ndarray:
        time.sleep(0.2 * (number == 0))
        return images[number]

    readers = [partial(late, number) for number in range(4)]
    digests = [digest(one) for one in selective_search_many(readers, threads=4, mode="single")]
    assert digests == [digest(selective_search(image, "single")) for image in images]


def test_an_empty_list_and_one_array_of_several_images():
    assert list(selective_search_many([])) == []
    block = np.stack([scene(40, 50, seed) for seed in range(3)])
    assert len(list(selective_search_many(block, mode="single"))) == 3


class Watched:
    """An endless generator of images that counts the images in memory."""

    def __init__(self) -> None:
        self.made, self.alive, self.most = 0, 0, 0
        self.lock = threading.Lock()

    def __iter__(self):
        return self

    def __next__(self) -> np.ndarray:
        image = scene(30, 40, self.made % 5)
        weakref.finalize(image, self._died)
        with self.lock:
            self.made += 1
            self.alive += 1
            self.most = max(self.most, self.alive)
        return image

    def _died(self) -> None:
        with self.lock:
            self.alive -= 1


@pytest.mark.parametrize("threads", [1, 3])
def test_an_endless_generator_is_read_only_as_far_as_needed(threads):
    watched = Watched()
    results = selective_search_many(watched, threads=threads, mode="single", width=None)
    assert watched.made == 0
    for taken, proposals in enumerate(itertools.islice(results, 40), start=1):
        assert len(proposals) >= 1
        assert watched.made <= taken + LOOK_AHEAD * threads
    results.close()
    # The generator holds one more image, and each thread may still hold one it is about to drop.
    assert watched.most <= (LOOK_AHEAD + 1) * threads + 1


def test_stopping_early_ends_the_threads():
    before = threading.active_count()
    results = selective_search_many(itertools.repeat(scene(30, 40)), threads=3, mode="single")
    next(results)
    results.close()
    assert threading.active_count() == before


def test_a_bad_image_is_named_after_the_results_of_earlier_images():
    images = [*pictures(3), np.zeros((9, 9), np.uint8), *pictures(2)]
    results = selective_search_many(images, threads=2, mode="single")
    assert len(list(itertools.islice(results, 3))) == 3
    with pytest.raises(ProposalError, match=r"^image 3: image: .*repeat the grey") as caught:
        next(results)
    assert isinstance(caught.value.__cause__, ProposalError)
    with pytest.raises(StopIteration):
        next(results)


def test_a_reader_s_error_keeps_its_type_and_names_the_image():
    def broken() -> np.ndarray:
        raise FileNotFoundError(2, "No such file", "street.jpg")

    with pytest.raises(FileNotFoundError) as caught:
        list(selective_search_many([scene(), broken], mode="single"))
    (note,) = caught.value.__notes__
    assert note.startswith("selective_search_many: image 1 from <function ")


def test_a_generator_s_error_is_raised():
    def images():
        yield scene(30, 40)
        raise RuntimeError("the archive ends here")

    results = selective_search_many(images(), threads=1, mode="single")
    with pytest.raises(RuntimeError, match="the archive ends here"):
        list(results)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mode": "fsat"}, "did you mean 'fast'"),
        ({"widht": 500}, "did you mean 'width'"),
        ({"threads": 0}, "threads"),
        ({"seed": np.random.default_rng(0)}, "seed: .*whole number"),
        ({"return_hierarchy": True}, "got 'return_hierarchy'"),
        ({"images": scene()}, r"put it in a list: \[image\]"),
    ],
)
def test_wrong_arguments_are_explained_at_once(arguments, message):
    arguments = {"images": [scene()], **arguments}
    with pytest.raises(ProposalError, match=message):
        selective_search_many(**arguments)


def test_a_cache_replaces_the_second_search(tmp_path, monkeypatch):
    store = ProposalCache(tmp_path)
    first = [digest(one) for one in selective_search_many(pictures(), cache=store, mode="single")]
    assert store.size().entries == 7
    monkeypatch.setattr("proposals.cache.selective_search", None)
    second = [digest(one) for one in selective_search_many(pictures(), cache=store, mode="single")]
    assert first == second


def test_progress_shows_on_the_standard_error_only(capsys):
    results = list(selective_search_many(iter(pictures(3)), progress=True, mode="single"))
    assert len(results) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "proposals" in captured.err


def test_opencv_beside_threads():
    results = list(selective_search_many(pictures(4), threads=4, mode="single", backend="opencv"))
    assert all([0, 0, 60, 40 + 3 * i] in one.boxes_xyxy.tolist() for i, one in enumerate(results))
