"""From scored regions to detections, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchvision.ops import batched_nms

from detector.postprocess import Candidates, candidates, decode, suppress
from detector.recipes import PostprocessOptions

# Overlaps with A: B 8/10 = 0.8, C 5/15 = 0.333, D 10 x 2 / 180 = 0.111; C with D 7/13 = 0.538.
A, B, C, D = (0, 0, 10, 10), (0, 0, 10, 8), (0, 5, 10, 15), (0, 8, 10, 18)


def found(*rows: tuple[tuple[int, ...], float, int]) -> Candidates:
    boxes, scores, labels = zip(*rows, strict=True)
    return Candidates(
        np.array(boxes, np.float32), np.array(scores, np.float32), np.array(labels, np.int64)
    )


def as_rows(kept: Candidates) -> list[tuple[tuple[int, ...], float, int]]:
    return [
        (tuple(int(side) for side in box), round(float(score), 3), int(label))
        for box, score, label in zip(*kept, strict=True)
    ]


def test_overlapping_boxes_of_a_class_give_way_to_the_best() -> None:
    # B and C lie over 0.3 of A; D does not, and C, gone itself, takes nothing with it.
    every = found((D, 0.6, 0), (B, 0.8, 0), (A, 0.9, 0), (C, 0.7, 0))
    kept = suppress(every, PostprocessOptions(nms_iou=0.3, vote_iou=0.0))
    assert as_rows(kept) == [(A, 0.9, 0), (D, 0.6, 0)]
    # At 0.5, C stays, and takes D.
    kept = suppress(every, PostprocessOptions(nms_iou=0.5, vote_iou=0.0))
    assert as_rows(kept) == [(A, 0.9, 0), (C, 0.7, 0)]


def test_classes_do_not_suppress_each_other() -> None:
    every = found((A, 0.9, 0), (A, 0.8, 1), (B, 0.7, 1), (B, 0.6, 2))
    kept = suppress(every, PostprocessOptions(nms_iou=0.3, vote_iou=0.0))
    assert as_rows(kept) == [(A, 0.9, 0), (A, 0.8, 1), (B, 0.6, 2)]


# Overlaps with A: E 9.5/10 = 0.95, F 6/10 = 0.6.
E, F = (0, 0, 10, 9.5), (0, 0, 10, 6)


def test_an_object_has_one_class_if_suppression_is_agnostic() -> None:
    # A cat is also a dog and a sheep by boxes that nearly coincide; the person before it stays.
    every = found((E, 0.7, 1), (A, 0.9, 0), (F, 0.8, 2), (A, 0.5, 3))
    options = PostprocessOptions(nms_iou=0.3, vote_iou=0.0)
    kept = suppress(every, options, agnostic=True)
    assert kept.labels.tolist() == [0, 2]
    np.testing.assert_array_equal(kept.boxes_xyxy, [A, F])
    assert suppress(every, options).labels.tolist() == [0, 2, 1, 3]


def test_a_box_below_the_lowest_score_of_its_class_displaces_no_other() -> None:
    # The cat scores more than the dog, but too little for a cat.
    every, lowest = found((A, 0.5, 0), (A, 0.4, 1)), np.array([0.6, 0.3], np.float32)
    options = PostprocessOptions(nms_iou=0.3, vote_iou=0.0, max_detections=1)
    for agnostic in (True, False):
        kept = suppress(every, options, agnostic=agnostic, lowest_scores=lowest)
        assert as_rows(kept) == [(A, 0.4, 1)]
        assert suppress(every, options, agnostic=agnostic).labels.tolist() == [0]


def test_boxes_of_two_classes_are_compared_after_voting() -> None:
    # The dog's best box overlaps the cat's by 0.75. Its voters, the cat's box twice, move its
    # bottom to (0.5 * 7.5 + 0.45 * 10 + 0.4 * 10) / 1.35 = 9.07, an IoU of 0.907.
    dog = (0, 0, 10, 7.5)
    every = found((A, 0.9, 0), (dog, 0.5, 1), (A, 0.45, 1), (A, 0.4, 1))
    for vote_iou, labels in ((0.0, [0, 1]), (0.5, [0])):
        options = PostprocessOptions(nms_iou=0.3, vote_iou=vote_iou)
        assert suppress(every, options, agnostic=True).labels.tolist() == labels


def test_duplicates_of_another_class_take_no_place_among_the_best() -> None:
    every = found((A, 0.9, 0), (A, 0.8, 1), (A, 0.7, 2), (F, 0.6, 3))
    options = PostprocessOptions(max_detections=2, vote_iou=0.0)
    assert suppress(every, options, agnostic=True).labels.tolist() == [0, 3]


def test_at_most_so_many_the_best_of_all_classes() -> None:
    every = found((A, 0.2, 0), ((50, 0, 60, 10), 0.9, 1), (D, 0.5, 0), ((70, 0, 80, 10), 0.4, 2))
    kept = suppress(every, PostprocessOptions(max_detections=2))
    assert kept.scores.tolist() == pytest.approx([0.9, 0.5])


def test_nothing_found_is_no_error() -> None:
    nothing = Candidates(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, int))
    assert len(suppress(nothing, PostprocessOptions(vote_iou=0.5)).scores) == 0


def test_candidates_exceed_the_threshold() -> None:
    scores = np.array([[0.3, 0.2], [0.06, 0.04], [0.25, 0.75]], np.float32)
    boxes = np.arange(3 * 2 * 4, dtype=np.float32).reshape(3, 2, 4)  # all 2 x 2 pixels
    every = candidates(scores, boxes, threshold=0.25)
    pairs = sorted(zip(every.scores.tolist(), every.labels.tolist(), strict=True))
    assert pairs == [(pytest.approx(0.3), 0), (0.75, 1)]
    np.testing.assert_array_equal(every.boxes_xyxy, boxes[[0, 2], [0, 1]])


def test_boxes_thinner_than_a_pixel_are_no_candidates() -> None:
    boxes = np.array([[[0, 0, 9, 0.9]], [[0, 0, 9, 1]], [[5, 5, 5, 9]]], np.float32)
    every = candidates(np.full((3, 1), 0.5, np.float32), boxes, 0.1)
    np.testing.assert_array_equal(every.boxes_xyxy, boxes[1])


def test_decoded_boxes_are_cut_at_the_border_of_the_picture() -> None:
    proposals = np.array([[10, 10, 20, 20]], np.float32)
    deltas = np.zeros((1, 3, 4), np.float32)
    deltas[0, 1] = [0.5, -2.0, 0, 0]  # five pixels right, twenty up
    deltas[0, 2] = [0, 0, np.log(2), np.log(3)]  # 20 wide, 30 high round (15, 15)
    boxes = decode(proposals, deltas, (18, 22))
    np.testing.assert_allclose(
        boxes[0], [[10, 10, 20, 18], [15, 0, 22, 0], [5, 0, 22, 18]], atol=1e-5
    )


def test_voting_averages_by_score_within_the_class() -> None:
    # Over 0.5 of A, of its class: A and B. The other class's C is a voter of its own alone.
    every = found((A, 0.9, 0), (B, 0.6, 0), (D, 0.3, 0), (C, 0.8, 1))
    kept = suppress(every, PostprocessOptions(nms_iou=0.3, vote_iou=0.5))
    expected = [[0, 0, 10, (0.9 * 10 + 0.6 * 8) / 1.5], C, D]
    np.testing.assert_allclose(kept.boxes_xyxy, expected, rtol=1e-6)
    assert kept.scores.tolist() == pytest.approx([0.9, 0.8, 0.3])


@pytest.mark.parametrize("seed", range(20))
def test_boxes_that_end_at_the_picture_s_edge_still_do_after_voting(seed: int) -> None:
    rng = np.random.default_rng(seed)
    boxes = np.tile(np.array([0, 0, 128, 96.7], np.float32), (50, 1))
    boxes[:, 1] = rng.uniform(0, 5, 50)
    every = Candidates(boxes, rng.random(50).astype(np.float32), np.zeros(50, np.int64))
    (kept,) = suppress(every, PostprocessOptions(nms_iou=0.3, vote_iou=0.5)).boxes_xyxy
    assert kept[[0, 2, 3]].tolist() == boxes[0, [0, 2, 3]].tolist()


@pytest.mark.parametrize("count", [0, 1, 40, 1500])
def test_suppression_is_torchvisions(count: int) -> None:
    rng = np.random.default_rng(count)
    low = rng.uniform(0, 300, (count, 2))
    boxes = np.concatenate([low, low + rng.uniform(1, 150, (count, 2))], 1).astype(np.float32)
    scores = rng.uniform(0.01, 1, count).round(2).astype(np.float32)  # many ties
    every = Candidates(boxes, scores, rng.integers(0, 5, count))
    kept = suppress(every, PostprocessOptions(nms_iou=0.3, vote_iou=0.0, max_detections=10**6))
    rows = batched_nms(*map(torch.from_numpy, every), 0.3).numpy()
    expected = every.take(rows)
    assert sorted(as_rows(kept)) == sorted(as_rows(expected))
    assert kept.scores.tolist() == expected.scores.tolist()
