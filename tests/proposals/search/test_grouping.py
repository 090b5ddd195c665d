"""Histograms and merge order against slow, plain code that follows the paper."""

import math

import numpy as np
import pytest

from proposals.search.features import Regions, describe_regions, pixel_features
from proposals.search.grouping import merge_order, merged_boxes
from proposals.search.segmentation import segment

COLOUR, TEXTURE = slice(0, 75), slice(80, 320)


def reference_histograms(image, labels, count):
    """Histograms pixel by pixel: colour (count, 75) and texture (count, 240); rows sum to 1."""
    values = image / 255.0
    offsets = np.arange(-4, 5)
    smooth = np.exp(-(offsets**2) / (2 * 0.8**2))
    smooth /= smooth.sum()
    slope = offsets / 0.8**2 * smooth
    padded = np.pad(values, ((4, 4), (4, 4), (0, 0)), mode="edge")
    colour, texture = np.zeros((count, 75)), np.zeros((count, 240))
    for (y, x), label in np.ndenumerate(labels):
        window = padded[y : y + 9, x : x + 9]
        for channel in range(3):
            colour[label, channel * 25 + round(values[y, x, channel] * 24)] += 1
            gx = smooth @ window[..., channel] @ slope
            gy = slope @ window[..., channel] @ smooth
            root = math.sqrt(2)
            directions = [gx, -gx, gy, -gy, (gx + gy) / root, -(gx + gy) / root,
                          (gx - gy) / root, -(gx - gy) / root]  # fmt: skip
            for number, value in enumerate(directions):
                level = min(9, math.floor(max(value, 0) * 9 / 0.43 + 0.5))
                texture[label, channel * 80 + number * 10 + level] += 1
    sizes = np.bincount(labels.ravel())[:, None]
    return colour / (3 * sizes), texture / (24 * sizes)


def reference_merge_order(regions, terms, image_size, follow=None):
    """Keep a plain list of all pairs; scan it for the maximum, of which the last one wins ties.

    With ``follow`` take its merges instead, after checking that none was more alike.
    """
    size = {i: int(n) for i, n in enumerate(regions.sizes)}
    box = {i: [int(v) for v in b] for i, b in enumerate(regions.boxes)}
    histogram = {i: h.astype(float) for i, h in enumerate(regions.histograms)}
    neighbours = {i: [] for i in size}

    def unite(a, b):
        low = [min(p, q) for p, q in zip(box[a][:2], box[b][:2], strict=True)]
        return low + [max(p, q) for p, q in zip(box[a][2:], box[b][2:], strict=True)]

    def similarity(a, b):
        both = np.minimum(histogram[a], histogram[b])
        x1, y1, x2, y2 = unite(a, b)
        parts = {
            "C": both[COLOUR].sum(),
            "T": both[TEXTURE].sum(),
            "S": 1 - (size[a] + size[b]) / image_size,
            "F": 1 - ((x2 - x1) * (y2 - y1) - size[a] - size[b]) / image_size,
        }
        return np.float32(sum(parts[letter] for letter in terms) / len(terms))

    pairs = []
    for a, b in regions.pairs.tolist():
        pairs.append((similarity(a, b), a, b))
        neighbours[a].append(b)
        neighbours[b].append(a)
    merges = []
    while pairs:
        best = pairs[0]
        for pair in pairs:
            if pair[0] >= best[0]:
                best = pair
        if follow is not None:
            chosen = next(p for p in pairs if p[1:] == follow[len(merges)])
            assert chosen[0] >= best[0] - 1e-6
            best = chosen
        _, a, b = best
        new = len(regions.sizes) + len(merges)
        merges.append((a, b))
        box[new] = unite(a, b)
        size[new] = size[a] + size[b]
        histogram[new] = (size[a] * histogram[a] + size[b] * histogram[b]) / size[new]
        joint = [n for n in dict.fromkeys(neighbours[a] + neighbours[b]) if n not in (a, b)]
        neighbours[new] = joint
        for n in joint:
            renamed = [new if m in (a, b) else m for m in neighbours[n]]
            neighbours[n] = list(dict.fromkeys(renamed))
        pairs = [p for p in pairs if not {a, b} & {p[1], p[2]}]
        pairs += [(similarity(n, new), n, new) for n in joint]
    return merges


def patchwork(seed, height=24, width=30):
    """Coloured rectangles with noise: many regions, no exact ties."""
    rng = np.random.default_rng(seed)
    image = np.zeros((height, width, 3))
    for _ in range(25):
        y, x = rng.integers(0, height), rng.integers(0, width)
        image[y : y + rng.integers(2, 12), x : x + rng.integers(2, 12)] = rng.integers(0, 256, 3)
    return np.clip(image + rng.normal(0, 6, image.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("seed", range(3))
def test_regions_match_the_reference(seed):
    image = patchwork(seed)
    labels, count = segment(image, k=20, min_size=3)
    regions = describe_regions(labels, count, pixel_features(image))
    colour, texture = reference_histograms(image, labels, count)
    np.testing.assert_allclose(regions.histograms[:, COLOUR], colour, atol=1e-6)
    np.testing.assert_allclose(regions.histograms[:, TEXTURE], texture, atol=1e-6)
    np.testing.assert_array_equal(regions.sizes, np.bincount(labels.ravel()))
    for label, box in enumerate(regions.boxes):
        y, x = np.nonzero(labels == label)
        assert box.tolist() == [x.min(), y.min(), x.max() + 1, y.max() + 1]


def test_a_step_edge_fills_the_top_texture_bin():
    image = np.zeros((20, 20, 3), np.uint8)
    image[:, 10:] = 255
    labels = np.zeros((20, 20), np.int32)
    row = describe_regions(labels, 1, pixel_features(image)).histograms[0, TEXTURE]
    bins = row.reshape(3, 8, 10) * 24 * 400
    # In the two columns beside the step the gradient towards +x is 0.427, which is bin 9 of 10.
    np.testing.assert_allclose(bins[:, 0, 9], 40, atol=1e-3)
    np.testing.assert_allclose(bins[:, 1, 0], 400, atol=1e-3)


def test_pairs_are_the_four_connected_neighbours_in_order_of_contact():
    labels = np.array([[0, 0, 1], [2, 0, 1], [2, 2, 3]], np.int32)
    image = np.zeros((3, 3, 3), np.uint8)
    pairs = describe_regions(labels, 4, pixel_features(image)).pairs
    # 0 and 3 meet only at a corner.
    assert pairs.tolist() == [[0, 2], [0, 1], [1, 3], [2, 3]]


@pytest.mark.parametrize("terms", ["CTSF", "TSF", "F", "S"])
@pytest.mark.parametrize("seed", range(4))
def test_merge_order_of_images(seed, terms):
    image = patchwork(seed)
    labels, count = segment(image, k=20, min_size=3)
    regions = describe_regions(labels, count, pixel_features(image))
    expected = reference_merge_order(regions, terms, labels.size)
    assert count > 10
    assert [tuple(m) for m in merge_order(regions, terms, labels.size).tolist()] == expected


@pytest.mark.parametrize("terms", ["C", "T", "CT"])
@pytest.mark.parametrize("seed", range(4))
def test_merges_by_histograms_alone_are_the_most_similar(seed, terms):
    """Fractions of a few pixels often tie exactly; then only rounding decides the order."""
    image = patchwork(seed)
    labels, count = segment(image, k=20, min_size=3)
    regions = describe_regions(labels, count, pixel_features(image))
    merges = [tuple(m) for m in merge_order(regions, terms, labels.size).tolist()]
    assert reference_merge_order(regions, terms, labels.size, follow=merges) == merges


@pytest.mark.parametrize("terms", ["S", "F", "SF", "CTSF"])
def test_ties_go_to_the_pair_added_last(terms):
    # 8 x 8 equal squares: all pairs tie, and every sum is exact in binary.
    labels = np.kron(np.arange(64).reshape(8, 8), np.ones((4, 4))).astype(np.int32)
    flat = np.full((32, 32, 3), 100, np.uint8)
    regions = describe_regions(labels, 64, pixel_features(flat))
    histograms = np.zeros_like(regions.histograms)
    histograms[:, [0, 80]] = 0.5
    histograms[::2, 1] = histograms[1::2, 2] = histograms[::3, 81] = 0.5
    regions = regions._replace(histograms=histograms)
    expected = reference_merge_order(regions, terms, 1024)
    assert [tuple(m) for m in merge_order(regions, terms, 1024).tolist()] == expected


def test_a_hub_with_many_neighbours_outgrows_the_pair_store():
    # A background touches 600 islands: every merge adds hundreds of pairs.
    rng = np.random.default_rng(5)
    islands = 600
    pairs = np.stack([np.zeros(islands), np.arange(1, islands + 1)], axis=1).astype(np.int32)
    histograms = rng.random((islands + 1, 320), np.float32)
    histograms[:, 75:80] = 0
    histograms[:, COLOUR] /= histograms[:, COLOUR].sum(axis=1, keepdims=True)
    histograms[:, TEXTURE] /= histograms[:, TEXTURE].sum(axis=1, keepdims=True)
    corners = rng.integers(0, 90, (islands + 1, 2))
    boxes = np.hstack([corners, corners + rng.integers(1, 10, (islands + 1, 2))]).astype(np.int32)
    sizes = rng.integers(1, 16, islands + 1)
    regions = Regions(histograms, sizes, boxes, pairs)
    merges = merge_order(regions, "S", 10_000)
    # The hub absorbs one island after the other, the smallest first.
    taken = [max(pair) if i == 0 else min(pair) for i, pair in enumerate(merges.tolist())]
    assert sorted(taken) == list(range(1, islands + 1))
    assert (np.diff(sizes[taken]) >= 0).all()
    subset = Regions(histograms[:121], sizes[:121], boxes[:121], pairs[:120])
    expected = reference_merge_order(subset, "CTSF", 10_000)
    assert [tuple(m) for m in merge_order(subset, "CTSF", 10_000).tolist()] == expected


def test_merged_boxes_unite():
    boxes = np.array([[0, 0, 2, 2], [5, 1, 6, 9], [3, 3, 4, 4]], np.int32)
    merges = np.array([[0, 2], [1, 3]], np.int32)
    assert merged_boxes(boxes, merges).tolist() == [[0, 0, 4, 4], [0, 0, 6, 9]]


def test_one_region_has_nothing_to_merge():
    image = np.zeros((4, 5, 3), np.uint8)
    regions = describe_regions(np.zeros((4, 5), np.int32), 1, pixel_features(image))
    assert merge_order(regions, "CTSF", 20).shape == (0, 2)
