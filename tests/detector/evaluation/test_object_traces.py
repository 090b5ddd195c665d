"""Traces of annotated objects: a made-up trace with known results, then a real one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from detector import Detector
from detector.evaluation.object_traces import object_traces
from detector.pipeline import Trace
from detector.postprocess import Candidates
from proposals.boxes import intersection_over_union
from tests.made_up import rectangles

COLUMNS = ("proposal_iou", "region_iou", "class_score", "near_score")


def boxes(*rows: list[float]) -> np.ndarray:
    return np.array(rows, np.float32).reshape(-1, 4)


def made_up_stages() -> Trace:
    proposals = boxes([0, 0, 10, 10], [0, 0, 10, 8], [50, 50, 60, 60], [0, 0, 100, 100])
    scored = Candidates(
        # IoU with [0, 0, 10, 10]: 1, 0.8, 0.3, 0.05, 0
        boxes([0, 0, 10, 10], [0, 0, 10, 8], [0, 0, 10, 3], [0, 0, 5, 1], [50, 50, 60, 60]),
        np.array([0.125, 0.25, 0.5, 0.75, 0.875], np.float32),
        np.array([0, 1, 1, 1, 1]),
    )
    return Trace(proposals, proposals[1:3], scored)


def test_each_step_by_hand() -> None:
    objects = np.array([[0, 0, 10, 10], [0, 0, 10, 10], [0, 0, 10, 10], [0, 0, 10, 10]], float)
    traces = object_traces(made_up_stages(), objects, np.array([0, 1, 2, -1]))
    assert traces == {
        "proposal_iou": [1.0] * 4,
        "region_iou": [0.8] * 4,  # the best proposal was not kept for the head
        "class_score": [0.125, 0.25, 0.0, 0.0],
        "near_score": [0.125, 0.5, 0.0, 0.0],
    }


def test_the_iou_bounds_are_inclusive() -> None:
    half = Candidates(
        boxes([0, 0, 10, 5], [20, 0, 21, 10]), np.array([0.5, 0.25], np.float32), np.array([0, 0])
    )
    objects = np.array([[0, 0, 10, 10], [20, 0, 30, 10]], float)  # IoU 0.5 and 0.1
    traces = object_traces(Trace(boxes(), boxes(), half), objects, np.array([0, 0]))
    assert traces["class_score"] == [0.5, 0.0] and traces["near_score"] == [0.5, 0.25]
    assert traces["proposal_iou"] == traces["region_iou"] == [0.0, 0.0]


def test_nothing_annotated_or_nothing_found() -> None:
    nothing = np.zeros((0, 4)), np.zeros(0, np.int64)
    assert object_traces(made_up_stages(), *nothing) == {name: [] for name in COLUMNS}
    empty = Trace(boxes(), boxes(), Candidates(boxes(), np.zeros(0, np.float32), np.zeros(0, int)))
    traces = object_traces(empty, np.array([[0.0, 0, 10, 10]]), np.array([0]))
    assert traces == {name: [0.0] for name in COLUMNS}


@pytest.fixture(scope="module")
def detector(small_weights: Path) -> Detector:
    return Detector.load(small_weights, device="cpu")


def test_the_steps_of_a_real_detector(detector: Detector) -> None:
    image, objects = rectangles(3)
    found, stages = detector.trace(image, preset="evaluate")
    assert found == detector(image, preset="evaluate")
    proposals = detector.propose(image).boxes_xyxy
    np.testing.assert_array_equal(stages.proposals_xyxy, proposals)
    assert len(stages.regions_xyxy) == min(len(proposals), detector.recipe.network.keep)
    assert set(map(tuple, stages.regions_xyxy)) <= set(map(tuple, proposals))

    truths = np.array(objects, float)
    traces = object_traces(stages, truths, np.array([0, 1]))
    near = intersection_over_union(truths, proposals).max(1)
    np.testing.assert_allclose(traces["proposal_iou"], near, atol=1e-6)
    assert all(a <= b for a, b in zip(traces["region_iou"], traces["proposal_iou"], strict=True))
    assert all(a <= b for a, b in zip(traces["class_score"], traces["near_score"], strict=True))
    # every detection was a scored box before suppression
    for label, box in enumerate(truths):
        of_class = found[found.labels == label]
        hits = intersection_over_union(box[None], of_class.boxes_xyxy)[0] >= 0.6
        best = of_class.scores[hits].max(initial=0)
        assert traces["near_score"][label] >= best - 1e-6
