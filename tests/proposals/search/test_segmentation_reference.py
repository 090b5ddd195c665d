"""The segmentation against the papers' algorithm written out plainly, pixel for pixel.

The program shares work between several k, sorts only some of the edges and numbers regions on the
way; this says that none of it can be seen from outside.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proposals.search import segmentation
from proposals.search.filters import filter_separable, gaussian_taps
from proposals.search.segmentation import segmentations
from tests.proposals.golden_images import IMAGES

SIGMA = 0.8
DIRECTIONS = {8: [(0, 1), (1, 0), (1, 1), (-1, 1)], 4: [(0, 1), (1, 0)]}  # E, S, SE, NE


def plain(image: np.ndarray, k: float, min_size: int, connectivity: int) -> list[list[int]]:
    """Felzenszwalb & Huttenlocher 2004, section 4, then the pass that joins small segments."""
    taps = gaussian_taps(SIGMA)
    smooth = filter_separable(image, taps, taps)
    height, width = image.shape[:2]
    edges = []
    for y in range(height):
        for x in range(width):
            for dy, dx in DIRECTIONS[connectivity]:
                if 0 <= y + dy < height and x + dx < width:
                    d = smooth[:, y, x] - smooth[:, y + dy, x + dx]
                    weight = np.sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2])
                    edges.append((weight, y * width + x, (y + dy) * width + x + dx))
    edges.sort(key=lambda edge: edge[0])  # stable: equal weights keep raster order
    members = {pixel: [pixel] for pixel in range(height * width)}
    home = list(range(height * width))
    threshold = {pixel: np.float32(k) for pixel in range(height * width)}

    def join(a: int, b: int) -> None:
        for pixel in members[b]:
            home[pixel] = a
        members[a] += members.pop(b)

    for weight, p, q in edges:
        a, b = home[p], home[q]
        if a != b and weight <= threshold[a] and weight <= threshold[b]:
            join(a, b)
            threshold[a] = weight + np.float32(k) / np.float32(len(members[a]))
    for _, p, q in edges:
        a, b = home[p], home[q]
        if a != b and min(len(members[a]), len(members[b])) < min_size:
            join(a, b)
    numbers: dict[int, int] = {}
    labels = [numbers.setdefault(home[pixel], len(numbers)) for pixel in range(height * width)]
    return np.reshape(labels, (height, width)).tolist()


def check(image: np.ndarray, scales: list[tuple[float, int]], connectivity: int) -> None:
    found = segmentations(image, scales, SIGMA, connectivity)
    for (k, min_size), (labels, count) in zip(scales, found, strict=True):
        assert labels.tolist() == plain(image, k, min_size, connectivity)
        assert count == labels.max() + 1


@st.composite
def pictures(draw):
    """Small pictures of all kinds: noise of any strength, few colours, blocks, slopes."""
    height, width = draw(st.integers(1, 22)), draw(st.integers(1, 22))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    strength = draw(st.sampled_from([0, 1, 3, 12, 60, 255]))
    style = draw(st.sampled_from(["flat", "blocks", "slope", "palette"]))
    image = np.full((height, width, 3), rng.integers(0, 256, 3), np.int64)
    if style == "blocks":
        for _ in range(6):
            y, x = rng.integers(0, height), rng.integers(0, width)
            image[y : y + rng.integers(1, 12), x : x + rng.integers(1, 12)] = rng.integers(
                0, 256, 3
            )
    elif style == "slope":
        image = image // 2 + (np.indices((height, width)).sum(0) * rng.integers(1, 9))[..., None]
    elif style == "palette":
        image = rng.integers(0, 256, (4, 3))[rng.integers(0, 4, (height, width))]
    noise = rng.integers(-strength, strength + 1, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


@given(
    pictures(),
    st.lists(
        st.tuples(st.sampled_from([0.5, 5, 20, 50, 100, 300, 2000, 1e6]), st.integers(0, 60)),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from([4, 8]),
)
@settings(max_examples=250, deadline=None)
def test_any_picture_any_scales(image, scales, connectivity):
    check(image, scales, connectivity)


def test_equal_weights_keep_raster_order_among_the_lightest_edges():
    """An even slope: apart from rounding, most edges have the same weight, and many tie."""
    rows, columns = np.indices((11, 7))
    image = np.stack([60 + 8 * (rows + columns) + offset for offset in (0, 5, 36)], axis=2)
    for min_size in range(12):
        check(image.astype(np.uint8), [(5, min_size)], 8)


@pytest.mark.parametrize("name", IMAGES)
def test_generated_pictures(name):
    image = IMAGES[name]()[:60, :80]
    check(image, [(50, 50), (100, 100), (10, 0), (400, 30)], 8)


@pytest.mark.parametrize("edges_at_a_time", [1, 3000])
@pytest.mark.parametrize("name", IMAGES)
def test_edges_dealt_out_in_parts(name, edges_at_a_time, monkeypatch):
    image = IMAGES[name]()[:60, :80]
    monkeypatch.setattr(segmentation, "EDGES_AT_A_TIME", edges_at_a_time)
    check(image, [(50, 50), (100, 100), (10, 0), (400, 30)], 8)
    check(image, [(50, 50), (400, 30)], 4)
