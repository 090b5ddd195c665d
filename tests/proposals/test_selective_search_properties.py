"""Properties of selective search that hold for any image: flat, striped, noisy or drawn."""

import itertools
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from skimage import measure

from proposals import segment, selective_search
from proposals.boxes import flip_boxes, intersection_over_union
from proposals.search.strategies import MODES
from tests.proposals.golden_images import IMAGES
from tests.proposals.test_selective_search import digest, scene

ROOT = Path(__file__).resolve().parents[2]
SHARP = 0.1  # a sigma without effect: values from 1 to 255 remain exact integers


@st.composite
def images(draw, largest=70):
    height, width = draw(st.integers(1, largest)), draw(st.integers(1, largest))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    style = draw(st.sampled_from(["flat", "stripes", "noise", "scene"]))
    if style == "noise":
        return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    if style == "scene":
        return scene(height, width, int(rng.integers(1000)))
    image = np.full((height, width, 3), rng.integers(0, 256, 3), np.uint8)
    if style == "stripes":
        image[:, :: int(rng.integers(2, 6))] = rng.integers(0, 256, 3)
    return image


@given(
    images(),
    st.sampled_from(list(MODES)),
    st.sampled_from([None, 0.1, 1.0, 2.0]),
    st.sampled_from([None, 40, 64]),
    st.integers(0, 30),
    st.sampled_from([4, 8]),
)
@settings(max_examples=80, deadline=None)
def test_every_image_gives_valid_boxes(
    image, mode, superpixel_scale, width, min_side, connectivity
):
    height, original_width = image.shape[:2]
    boxes = selective_search(
        image, mode, superpixel_scale, width=width, min_side=min_side, threads=2,
        connectivity=connectivity,
    ).boxes_xyxy  # fmt: skip
    assert len(boxes) >= 1
    assert np.isfinite(boxes).all()
    assert (boxes >= 0).all()
    assert (boxes <= [original_width, height] * 2).all()
    assert len(np.unique(boxes, axis=0)) == len(boxes)
    whole = (boxes == [0, 0, original_width, height]).all(axis=1)
    assert whole.sum() == 1
    sides = (boxes[:, 2:] - boxes[:, :2])[~whole]
    assert (sides > 0).all()
    if width is None:
        assert (sides >= min_side).all()


@given(images(), st.integers(0, 30), st.none() | st.integers(1, 60), st.none() | st.integers(1, 9))
@settings(max_examples=50, deadline=None)
def test_limits_select_boxes_and_keep_their_order(image, min_side, max_side, max_boxes):
    options = {"mode": "single", "superpixel_scale": 0.2, "width": None}
    everything = selective_search(image, min_side=0, **options).boxes_xyxy
    sides = everything[:, 2:] - everything[:, :2]
    is_whole = (sides == [image.shape[1], image.shape[0]]).all(axis=1)
    is_allowed = (sides >= min_side).all(axis=1) & (sides <= (max_side or 70)).all(axis=1)
    expected = everything[is_allowed | is_whole][:max_boxes]
    limited = selective_search(
        image, min_side=min_side, max_side=max_side, max_boxes=max_boxes, **options
    )
    np.testing.assert_array_equal(limited.boxes_xyxy, expected)
    assert limited.scores[0] == 1
    assert limited.scores[-1] == np.float32(1 / len(limited))


def test_limits_are_in_resized_pixels():
    image = scene(120, 160)
    boxes = selective_search(image, width=320, min_side=30, max_side=100).boxes_xyxy
    sides = (boxes[:, 2:] - boxes[:, :2])[~(boxes == [0, 0, 160, 120]).all(axis=1)]
    assert len(sides) > 5
    assert sides.min() >= 15
    assert sides.max() <= 50


@given(images(), st.permutations(range(3)))
@settings(max_examples=30, deadline=None)
def test_the_order_of_channels_does_not_matter_in_grey_images(image, order):
    grey = np.repeat(image[..., :1], 3, axis=2)
    expected = digest(selective_search(grey, "quality", threads=1, width=None))
    assert digest(selective_search(grey[..., order], "quality", threads=1, width=None)) == expected


def test_the_order_of_channels_matters_in_colour_images():
    image = scene()
    digests = [
        digest(selective_search(image[..., order])) for order in itertools.permutations(range(3))
    ]
    assert len(set(digests)) == 6


@given(images(30), st.permutations(range(3)), st.sampled_from([20, 100]), st.integers(0, 9))
@settings(max_examples=50, deadline=None)
def test_the_order_of_channels_does_not_change_segments(image, order, k, min_size):
    """Sums of three squared differences of bytes are exact in float32, in any order."""
    image = np.maximum(image, 1)
    expected, _ = segment(image, k, min_size, SHARP)
    np.testing.assert_array_equal(segment(image[..., order], k, min_size, SHARP)[0], expected)


@given(
    st.integers(1, 8), st.integers(1, 8), st.integers(0, 10**6),
    st.sampled_from([20, 100, 400]), st.integers(0, 8),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_segments_turn_and_mirror_with_the_image_if_no_weights_tie(
    height, width, seed, k, min_size
):
    """Only the order of equal weights depends on the position of an edge in the raster."""
    image = np.random.default_rng(seed).integers(1, 256, (height, width, 3), dtype=np.uint8)
    distances = squared_distances(image)
    assume(len(set(distances)) == len(distances))
    expected, count = segment(image, k, min_size, SHARP)
    for turns, is_mirrored in itertools.product(range(4), (False, True)):
        moved = np.rot90(image[:, ::-1] if is_mirrored else image, turns)
        labels, moved_count = segment(np.ascontiguousarray(moved), k, min_size, SHARP)
        back = np.rot90(labels, -turns)
        back = back[:, ::-1] if is_mirrored else back
        assert moved_count == count
        # The partitions are the same if every segment of one is one segment of the other.
        assert len(np.unique(np.stack([expected, back]).reshape(2, -1), axis=1)[0]) == count


def squared_distances(image: np.ndarray) -> list[int]:
    """Squared distances of all neighbours, including diagonal ones."""
    values = image.astype(int)
    pairs = [
        (values[:, 1:], values[:, :-1]),
        (values[1:], values[:-1]),
        (values[1:, 1:], values[:-1, :-1]),
        (values[1:, :-1], values[:-1, 1:]),
    ]
    return np.concatenate([((a - b) ** 2).sum(axis=2).ravel() for a, b in pairs]).tolist()


@pytest.mark.parametrize("mode", ["single", "fast", "rcnn-fast"])
@pytest.mark.parametrize("connectivity", [4, 8])
def test_a_mirrored_image_gives_mirrored_boxes(mode, connectivity):
    """At least 99 % of the boxes in these noisy scenes agree to the pixel; rounding alters others.

    In a mirrored image the smoothing adds its taps in reverse order, which changes weights by about
    1e-5 and swaps a few edges in the sorted order.
    """
    exact = []
    for seed in range(8):
        image = scene(seed=seed)
        options = {"mode": mode, "connectivity": connectivity, "width": None}
        boxes = selective_search(image, **options).boxes_xyxy
        mirrored = selective_search(image[:, ::-1], **options).boxes_xyxy
        overlaps = intersection_over_union(boxes, flip_boxes(mirrored, image.shape[1]))
        assert (overlaps.max(axis=1) >= 0.9).mean() >= 0.9
        exact.append((overlaps.max(axis=1) == 1).mean())
    assert np.mean(exact) >= 0.99


@given(images(40), st.sampled_from([4, 8]), st.sampled_from([0.05, 0.3, 1.0]))
@settings(max_examples=50, deadline=None)
def test_segments_are_connected_over_4_or_8_neighbours(image, connectivity, superpixel_scale):
    _, trees = selective_search(
        image, "fast", superpixel_scale, width=None, connectivity=connectivity,
        return_hierarchy=True,
    )  # fmt: skip
    for tree in trees.trees:
        pieces = measure.label(tree.labels, background=-1, connectivity=connectivity // 4)
        assert pieces.max() == tree.labels.max() + 1


def test_a_diagonal_line_is_one_segment_only_with_8_neighbours():
    image = np.repeat((np.eye(60) * 255).astype(np.uint8)[..., None], 3, axis=2)
    counts = {}
    for connectivity in (4, 8):
        _, trees = selective_search(
            image, "single", 0.01, width=None, connectivity=connectivity, return_hierarchy=True
        )
        counts[connectivity] = trees.trees[0].labels.max() + 1
    assert counts[4] > counts[8] + 50


WORK = [(name, mode) for name in IMAGES for mode in ("single", "fast", "rcnn-fast")]


def digest_of(work: tuple[str, str]) -> str:
    name, mode = work
    return digest(selective_search(IMAGES[name](), mode, width=None, threads=1 + len(name) % 3))


def test_concurrent_threads_get_the_same_bytes():
    expected = [digest_of(work) for work in WORK]
    with ThreadPoolExecutor(8) as pool:
        digests = list(pool.map(digest_of, WORK * 8))
    assert digests == expected * 8


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_other_processes_get_the_same_bytes(hash_seed):
    program = (
        "from tests.proposals.test_selective_search_properties import WORK, digest_of\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "print(*ThreadPoolExecutor(4).map(digest_of, WORK))"  # even the first use is concurrent
    )
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == [digest_of(work) for work in WORK]
