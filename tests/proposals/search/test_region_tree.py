"""The regions behind proposals: binary trees over superpixels, and masks within the boxes."""

import numpy as np
import pytest

from proposals import ProposalError, RegionTree, RegionTrees, selective_search
from tests.proposals.golden_images import IMAGES
from tests.proposals.test_selective_search import digest, scene


def box_of(mask: np.ndarray) -> list[int]:
    y, x = np.nonzero(mask)
    return [x.min(), y.min(), x.max() + 1, y.max() + 1]


def test_returning_regions_does_not_change_the_proposals():
    image = scene()
    proposals, trees = selective_search(image, return_hierarchy=True)
    assert isinstance(trees, RegionTrees)
    assert digest(proposals) == digest(selective_search(image))
    assert len(trees) == len(proposals)
    assert isinstance(selective_search(image, return_hierarchy=False).scores, np.ndarray)


def test_one_tree_per_colour_space_and_k():
    _, trees = selective_search(scene(), "fast", 2.0, return_hierarchy=True, threads=2)
    found = [(tree.colour_space, tree.k, list(tree.merges)) for tree in trees.trees]
    terms = ["CTSF", "TSF"]
    assert found == [("HSV", 100, terms), ("HSV", 200, terms), ("Lab", 100, terms),
                     ("Lab", 200, terms)]  # fmt: skip


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("mode", ["single", "fast"])
def test_the_box_of_a_mask_is_the_proposal(name, mode):
    image = IMAGES[name]()
    proposals, trees = selective_search(image, mode, width=None, return_hierarchy=True)
    for i, box in enumerate(proposals.boxes_xyxy.tolist()):
        mask = trees.mask(i)
        assert mask.dtype == bool
        assert mask.shape == image.shape[:2]
        assert box_of(mask) == box


def test_masks_of_a_shrunk_image_fit_within_a_pixel_of_it():
    image = scene(90, 200)
    proposals, trees = selective_search(image, width=97, min_side=5, return_hierarchy=True)
    for i, box in enumerate(proposals.boxes_xyxy):
        assert trees.mask(i).shape == (90, 200)
        assert np.abs(box_of(trees.mask(i)) - box).max() <= 200 / 97


def test_masks_of_an_enlarged_image_lie_in_their_boxes():
    image = scene(90, 200)
    proposals, trees = selective_search(image, width=500, return_hierarchy=True)
    is_seen = [trees.mask(i).any() for i in range(len(trees))]
    assert np.mean(is_seen) > 0.9
    for i in np.flatnonzero(is_seen):
        x1, y1, x2, y2 = proposals.boxes_xyxy[i]
        left, top, right, bottom = box_of(trees.mask(i))
        assert left > x1 - 1
        assert top > y1 - 1
        assert right < x2 + 1
        assert bottom < y2 + 1


def test_a_mask_is_the_object_and_not_its_box():
    y, x = np.indices((90, 110))
    disc = (y - 45) ** 2 + (x - 60) ** 2 < 30**2
    image = np.full((90, 110, 3), (30, 90, 160), np.uint8)
    image[disc] = (220, 60, 20)
    proposals, trees = selective_search(image, width=None, return_hierarchy=True)
    best = max(range(len(proposals)), key=lambda i: _overlap(trees.mask(i), disc))
    assert _overlap(trees.mask(best), disc) > 0.85
    assert box_of(trees.mask(best)) == proposals.boxes_xyxy[best].tolist()


@pytest.mark.parametrize("name", IMAGES)
def test_merges_form_binary_trees_over_all_segments(name):
    image = IMAGES[name]()
    _, trees = selective_search(image, "quality", 1.0, width=None, return_hierarchy=True)
    assert len(trees.trees) == 20
    for tree in trees.trees:
        assert tree.labels.dtype == np.int32
        assert tree.labels.shape == image.shape[:2]
        count = tree.labels.max() + 1
        np.testing.assert_array_equal(np.unique(tree.labels), np.arange(count))
        assert len(tree.boxes) == count + 4 * (count - 1)
        for merges in tree.merges.values():
            assert merges.shape == (count - 1, 2)
            # Every region but the last is a part of exactly one union, which is created later.
            assert sorted(merges.ravel()) == list(range(2 * count - 2))
            assert (merges < count + np.arange(count - 1)[:, None]).all()


@pytest.mark.parametrize("name", IMAGES)
def test_a_node_is_the_union_of_its_two_parts(name):
    _, trees = selective_search(IMAGES[name](), "fast", width=None, return_hierarchy=True)
    for tree in trees.trees:
        count = tree.labels.max() + 1
        for label in range(count):
            assert tree.segments(label) == [label]
        for number, merges in enumerate(tree.merges.values()):
            shift = number * (count - 1)  # offset of this similarity's unions among the nodes
            for step, (a, b) in enumerate(merges.tolist()):
                parts = [tree.segments(part + shift * (part >= count)) for part in (a, b)]
                node = count + shift + step
                assert tree.segments(node) == sorted(parts[0] + parts[1])
                assert (
                    box_of(np.isin(tree.labels, tree.segments(node))) == tree.boxes[node].tolist()
                )
            assert tree.segments(count + shift + count - 2) == list(range(count)) or count == 1


def test_rows_of_proposals_survive_filters_and_the_cut():
    image = scene()
    proposals, trees = selective_search(
        image, width=None, min_side=10, max_side=90, max_boxes=25, return_hierarchy=True
    )
    assert len(trees) == len(proposals) == 25
    for i, box in enumerate(proposals.boxes_xyxy.tolist()):
        assert trees.trees[trees.tree_of[i]].boxes[trees.node_of[i]].tolist() == box
        assert box_of(trees.mask(i)) == box


def test_labels_in_original_pixels_take_the_nearest():
    labels = np.array([[0, 1], [2, 3]], np.int32)
    merges = np.array([[0, 1], [2, 3], [4, 5]], np.int32)
    boxes = np.array([[0, 0, 1, 1], [1, 0, 2, 1], [0, 1, 1, 2], [1, 1, 2, 2], [0, 0, 2, 1],
                      [0, 1, 2, 2], [0, 0, 2, 2]], np.int32)  # fmt: skip
    tree = RegionTree("HSV", 100.0, labels, {"CTSF": merges}, boxes)
    trees = RegionTrees((tree,), np.array([0, 0], np.int32), np.array([4, 3], np.int32), (4, 5))
    expected = np.array([[0, 0, 1, 1, 1], [0, 0, 1, 1, 1], [2, 2, 3, 3, 3], [2, 2, 3, 3, 3]])
    np.testing.assert_array_equal(trees.labels(0), expected)
    np.testing.assert_array_equal(trees.mask(0), expected < 2)
    np.testing.assert_array_equal(trees.mask(1), expected == 3)
    assert tree.segments(6) == [0, 1, 2, 3]


@pytest.mark.parametrize("shape", [(1, 1), (1, 90), (90, 1), (2, 3)])
def test_the_smallest_images_have_masks(shape):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    proposals, trees = selective_search(image, "single", return_hierarchy=True)
    whole = proposals.boxes_xyxy.tolist().index([0, 0, shape[1], shape[0]])
    assert trees.mask(whole).shape == shape
    assert trees.mask(whole).all()


def test_unknown_nodes_and_missing_trees_are_explained():
    _, trees = selective_search(scene(), "single", return_hierarchy=True)
    with pytest.raises(IndexError):
        trees.mask(len(trees))
    with pytest.raises(IndexError, match="this tree has nodes 0 to"):
        trees.trees[0].segments(10**6)
    with pytest.raises(ProposalError, match=r"return_hierarchy: .*use 'own'"):
        selective_search(scene(), backend="opencv", return_hierarchy=True)


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    return (a & b).sum() / (a | b).sum()
