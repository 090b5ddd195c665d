"""Box geometry against values worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proposals.boxes import (
    area,
    clip_boxes,
    covered_share,
    decode_boxes,
    encode_boxes,
    flip_boxes,
    intersection_over_union,
    unique_boxes,
)


def test_area_has_no_plus_one_and_is_never_negative():
    boxes = [[0, 0, 10, 5], [3, 3, 3, 9], [5, 5, 1, 1]]
    result = area(boxes)
    assert result.tolist() == [50, 0, 0]
    assert result.dtype == np.float32


def test_overlap_by_hand():
    a = [[0, 0, 10, 10], [20, 20, 20, 20]]
    b = [[0, 0, 10, 10], [5, 0, 15, 10], [10, 0, 20, 10], [2, 2, 4, 7], [20, 20, 20, 20]]
    result = intersection_over_union(a, b)
    # 50 / 150 for the box shifted by half, 10 / 100 for the box inside, 0 if touching or empty.
    np.testing.assert_allclose(result, [[1, 1 / 3, 0, 0.1, 0], [0, 0, 0, 0, 0]], atol=1e-7)
    assert result.dtype == np.float32


def test_the_share_covered_by_hand():
    boxes = [[0, 0, 10, 10], [20, 0, 30, 10], [5, 5, 5, 9]]
    # The others cover 30 and 50 of the first box's 100 and all of the second; the third is empty.
    others = [[0, 0, 3, 10], [5, 0, 35, 10]]
    np.testing.assert_allclose(covered_share(boxes, others), [0.5, 1, 0], atol=1e-7)
    assert covered_share(boxes, []).tolist() == [0, 0, 0]
    assert covered_share([], others).shape == (0,)


@pytest.mark.parametrize(("count_a", "count_b"), [(0, 3), (3, 0), (0, 0)])
def test_overlap_of_no_boxes_has_the_right_shape(count_a, count_b):
    boxes = np.ones((3, 4), np.float32)
    assert intersection_over_union(boxes[:count_a], boxes[:count_b]).shape == (count_a, count_b)
    assert intersection_over_union([], boxes).shape == (0, 3)


def test_overlap_with_itself_is_one_and_symmetric():
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 50, (40, 2))
    boxes = np.hstack([corner, corner + rng.uniform(1, 50, (40, 2))])
    overlaps = intersection_over_union(boxes, boxes)
    np.testing.assert_allclose(np.diag(overlaps), 1, rtol=1e-6)
    np.testing.assert_array_equal(overlaps, overlaps.T)


def test_clip_and_flip():
    boxes = np.array([[-5, -1, 30, 8], [2, 3, 4, 5]], np.float32)
    assert clip_boxes(boxes, height=6, width=20).tolist() == [[0, 0, 20, 6], [2, 3, 4, 5]]
    assert flip_boxes(boxes, width=20).tolist() == [[-10, -1, 25, 8], [16, 3, 18, 5]]
    assert flip_boxes(flip_boxes(boxes, 20), 20).tolist() == boxes.tolist()
    assert boxes[0].tolist() == [-5, -1, 30, 8], "the argument must not change"


def test_encode_by_hand():
    # The centre moves from (5, 10) to (10, 20), half a width and half a height; the width doubles
    # and the height halves.
    deltas = encode_boxes([[0, 0, 10, 20]], [[0, 15, 20, 25]])
    np.testing.assert_allclose(deltas, [[0.5, 0.5, np.log(2), -np.log(2)]], rtol=1e-6)


def test_decode_undoes_encode():
    rng = np.random.default_rng(1)
    corners = rng.uniform(0, 100, (2, 50, 2))
    boxes, targets = np.concatenate([corners, corners + rng.uniform(2, 80, (2, 50, 2))], axis=2)
    decoded = decode_boxes(boxes, encode_boxes(boxes, targets))
    np.testing.assert_allclose(decoded, targets, atol=1e-3)
    assert decoded.dtype == np.float32


def test_decode_per_class_keeps_the_leading_shape():
    boxes = np.array([[0, 0, 10, 10], [0, 0, 4, 2]], np.float32)
    deltas = np.zeros((2, 3, 4), np.float32)
    deltas[1, 2] = [1, 0, 0, 0]
    decoded = decode_boxes(boxes, deltas)
    assert decoded.shape == (2, 3, 4)
    assert decoded[0].tolist() == [[0, 0, 10, 10]] * 3
    assert decoded[1, 2].tolist() == [4, 0, 8, 2]
    assert decode_boxes(np.zeros((0, 4)), np.zeros((0, 3, 4))).shape == (0, 3, 4)


def test_decode_clamps_the_enlargement():
    decoded = decode_boxes([[0, 0, 16, 16]], [[0, 0, 50, 500]])
    np.testing.assert_allclose(decoded[0, 2:] - decoded[0, :2], 1000, rtol=1e-5)


@given(st.lists(st.tuples(*[st.integers(0, 2)] * 4), max_size=30))
def test_unique_boxes_keeps_first_occurrences_in_order(boxes):
    expected = [i for i, box in enumerate(boxes) if box not in boxes[:i]]
    assert unique_boxes(np.array(boxes, np.float32).reshape(-1, 4)).tolist() == expected
