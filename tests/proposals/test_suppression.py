"""Greedy non-maximum suppression."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.ops import nms

from proposals.suppression import non_maximum_suppression


def test_the_best_of_overlapping_boxes_is_kept() -> None:
    # The first two boxes have an IoU of 90 / 110.
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60]], np.float32)
    scores = np.array([0.2, 0.9, 0.0], np.float32)
    assert non_maximum_suppression(boxes, scores, 0.5).tolist() == [1, 2]
    assert non_maximum_suppression(boxes, scores, 0.82).tolist() == [1, 0, 2]
    assert non_maximum_suppression(boxes[:0], scores[:0], 0.5).tolist() == []


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.3, 0.55, 0.75]))
def test_the_rows_equal_torchvision_s(seed: int, iou: float) -> None:
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 60, (40, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(1, 60, (40, 2))], 1).astype(np.float32)
    scores = rng.permutation(40).astype(np.float32)
    expected = nms(torch.from_numpy(boxes), torch.from_numpy(scores), iou).tolist()
    assert non_maximum_suppression(boxes, scores, iou).tolist() == expected
