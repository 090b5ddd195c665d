"""Graph segmentation on images small enough to check by hand, and against scikit-image."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proposals import ProposalError, segment
from proposals.search.filters import filter_separable, gaussian_taps
from proposals.search.segmentation import segmentations


def grey(values) -> np.ndarray:
    return np.repeat(np.asarray(values, np.uint8)[..., None], 3, axis=2)


# Sigma 0.1 does not smooth: edges stay sharp and no strips form along them.
def test_two_flat_halves():
    image = np.zeros((12, 20, 3), np.uint8)
    image[:, 10:] = (200, 30, 90)
    labels, count = segment(image, k=50, min_size=10, sigma=0.1)
    assert count == 2
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(labels, np.repeat([[0] * 10 + [1] * 10], 12, axis=0))


def test_labels_follow_the_raster_scan():
    # Four quarters; the scan meets the third only in the lower half.
    image = grey(np.kron([[10, 90], [170, 250]], np.ones((8, 8))))
    labels, count = segment(image, k=20, min_size=4, sigma=0.1)
    assert count == 4
    np.testing.assert_array_equal(labels, np.kron([[0, 1], [2, 3]], np.ones((8, 8))))


@pytest.mark.parametrize(("min_size", "expected"), [(0, 16), (16, 16), (17, None)])
def test_checkerboard_at_and_above_the_smallest_segment(min_size, expected):
    # 4 x 4 squares of 16 pixels; with four greys, equal squares do not touch.
    squares = np.fromfunction(lambda y, x: 60 * ((x + 2 * y) % 4), (4, 4))
    labels, count = segment(grey(np.kron(squares, np.ones((4, 4)))), 5, min_size, sigma=0.1)
    if expected is None:
        assert count <= 8
        assert np.bincount(labels.ravel()).min() >= 17
    else:
        assert count == expected


def test_diagonal_neighbours_are_connected():
    image = grey(np.eye(12) * 255)
    labels, count = segment(image, k=5, min_size=0, sigma=0.1)
    # The line is one segment; its two sides touch across the corners of its pixels.
    assert count == 2
    np.testing.assert_array_equal(labels == labels[0, 0], image[..., 0] == 255)


def test_min_size_counts_pixels():
    image = grey(np.full((16, 16), 100))
    image[4:7, 4:7] = 255
    assert segment(image, k=1, min_size=9, sigma=0.1)[1] == 2
    assert segment(image, k=1, min_size=10, sigma=0.1)[1] == 1


def test_larger_k_gives_fewer_segments():
    image = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    counts = [segment(image, k, 5)[1] for k in (20, 100, 500, 5000)]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] < counts[0]


def reference_segments(image, k, min_size, sigma, connectivity=8):
    """Felzenszwalb and Huttenlocher's algorithm as written, edge by edge, for one k."""
    height, width, _ = image.shape
    taps = gaussian_taps(sigma)
    smooth = filter_separable(image, taps, taps)
    edges = []
    for y, x in np.ndindex(height, width):
        for number, (dy, dx) in enumerate([(0, 1), (1, 0), (1, 1), (-1, 1)][: connectivity // 2]):
            if 0 <= y + dy < height and x + dx < width:
                d = smooth[:, y, x] - smooth[:, y + dy, x + dx]
                weight = np.sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2])
                edges.append((weight, y * width + x, number, (y + dy) * width + x + dx))
    edges.sort()
    members = {pixel: [pixel] for pixel in range(height * width)}
    segment_of = list(range(height * width))
    threshold = dict.fromkeys(members, np.float32(k))

    def join(a, b):
        members[a] += members.pop(b)
        for pixel in members[a]:
            segment_of[pixel] = a

    for weight, start, _, end in edges:
        a, b = segment_of[start], segment_of[end]
        if a != b and weight <= min(threshold[a], threshold[b]):
            join(a, b)
            threshold[a] = weight + np.float32(k) / np.float32(len(members[a]))
    for _, start, _, end in edges:
        a, b = segment_of[start], segment_of[end]
        if a != b and min(len(members[a]), len(members[b])) < min_size:
            join(a, b)
    numbers = {}
    labels = [numbers.setdefault(segment, len(numbers)) for segment in segment_of]
    return np.array(labels).reshape(height, width)


@pytest.mark.parametrize("connectivity", [4, 8])
@pytest.mark.parametrize("seed", range(6))
def test_several_scales_at_once_equal_each_scale_alone(seed, connectivity):
    # Few colours cause ties and soft blobs long chains of joins; all images have edges that one k
    # accepts and another rejects.
    rng = np.random.default_rng(seed)
    image = rng.integers(0, (256, 4)[seed % 2], (30, 24, 3), dtype=np.uint8) * (1, 60)[seed % 2]
    sigma = (0.1, 0.8, 2.5)[seed // 2]
    scales = [(3.0, 2), (40.0, 5), (41.0, 40), (300.0, 1), (1e9, 3)]
    found = segmentations(image, scales, sigma, connectivity)
    for (k, min_size), (labels, count) in zip(scales, found, strict=True):
        expected = reference_segments(image, k, min_size, sigma, connectivity)
        np.testing.assert_array_equal(labels, expected)
        assert count == expected.max() + 1


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_any_size_gives_connected_segments_numbered_without_gaps(height, width, seed):
    image = np.random.default_rng(seed).integers(0, 4, (height, width, 3), dtype=np.uint8) * 60
    labels, count = segment(image, k=30, min_size=2)
    _, first_seen = np.unique(labels, return_index=True)
    assert labels.shape == (height, width)
    assert len(first_seen) == count
    assert (np.diff(first_seen) > 0).all()
    assert count == 1 or np.bincount(labels.ravel()).min() >= 2


@pytest.mark.parametrize("picture", ["astronaut", "coffee"])
@pytest.mark.parametrize("k", [50, 200])
def test_agrees_with_scikit_image(picture, k):
    """The same k applies: scikit-image divides both its values and its scale by 255.

    It smooths with one tap less a side, mirrors the border, computes in float64 and sorts
    unstably, so a few segments differ; boundaries may lie a pixel apart.
    """
    data = pytest.importorskip("skimage.data")
    from skimage.segmentation import felzenszwalb

    image = np.ascontiguousarray(getattr(data, picture)()[50:330, 100:400])
    labels, count = segment(image, k, min_size=k)
    theirs = felzenszwalb(image, scale=k, sigma=0.8, min_size=k)
    assert count == pytest.approx(theirs.max() + 1, rel=0.05)
    ours_edge, their_edge = _boundaries(labels), _boundaries(theirs)
    precision = (ours_edge & _thicken(their_edge)).sum() / ours_edge.sum()
    recall = (their_edge & _thicken(ours_edge)).sum() / their_edge.sum()
    assert 2 * precision * recall / (precision + recall) > 0.97
    exact = (ours_edge & their_edge).sum() / (ours_edge | their_edge).sum()
    assert exact > 0.9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((4, 4, 3)), 10, 5), "image: .*float64"),
        ((np.zeros((4, 4, 3), np.uint8), 0, 5), "k: .*above 0, got 0"),
        ((np.zeros((4, 4, 3), np.uint8), 10, -1), "min_size"),
        ((np.zeros((4, 4, 3), np.uint8), 10, 5, float("nan")), "sigma"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ProposalError, match=message):
        segment(*arguments)


def _boundaries(labels: np.ndarray) -> np.ndarray:
    edge = np.zeros(labels.shape, bool)
    edge[:, :-1] |= labels[:, 1:] != labels[:, :-1]
    edge[:-1] |= labels[1:] != labels[:-1]
    return edge


def _thicken(mask: np.ndarray) -> np.ndarray:
    padded = np.pad(mask, 1)
    height, width = mask.shape
    shifts = [padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]
    return np.logical_or.reduce(shifts)
