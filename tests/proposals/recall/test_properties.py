"""Measured proposals in general: properties that always hold, pycocotools' figures, speed."""

from __future__ import annotations

import contextlib
import io
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from proposals import RecallMeter, RecallReport, measure_recall
from proposals.recall.report import THRESHOLDS

boxes_strategy = arrays.arrays(
    np.int64, st.tuples(st.integers(0, 12), st.just(4)), elements=st.integers(0, 60)
).map(lambda a: np.hstack([a[:, :2], a[:, :2] + a[:, 2:]]).astype(np.float32))


@st.composite
def images(draw: st.DrawFn) -> list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Up to five images: boxes, truths, labels, ignored."""
    drawn = []
    for _ in range(draw(st.integers(1, 5))):
        truths = draw(boxes_strategy)[:4]
        count = len(truths)
        labels = draw(arrays.arrays(np.int64, count, elements=st.integers(0, 2)))
        drawn.append((draw(boxes_strategy), truths, labels, draw(arrays.arrays(bool, count))))
    return drawn


def measured(data: list[Any]) -> RecallReport:
    return measure_recall(*zip(*data, strict=True), class_names=("a", "b", "c"))


@settings(max_examples=150, deadline=None)
@given(data=images())
def test_recall_falls_with_the_iou_and_rises_with_the_boxes(data: list[Any]) -> None:
    report = measured(data)
    if report.objects == 0:
        return
    for first in (1, 2, 5, 12, None):
        by_iou = [report.recall(float(iou), first) for iou in THRESHOLDS]
        assert by_iou == sorted(by_iou, reverse=True)
        assert by_iou[0] >= report.average_recall(first) >= by_iou[-1]
    by_cut = [report.recall(0.5, first) for first in range(1, 14)]
    assert by_cut == sorted(by_cut) and by_cut[-1] == report.recall(0.5)
    # An object covered at an IoU has a best overlap of at least that IoU.
    assert (
        report.average_best_overlap >= max(iou * report.recall(iou) for iou in (0.5, 0.95)) - 1e-6
    )
    # COCO's ten samples lie above Hosang's integral, by at most a tenth of recall(0.5).
    integral = np.maximum(2 * report.best_overlaps.astype(np.float64) - 1, 0).mean()
    assert integral - 1e-6 <= report.average_recall() <= integral + by_cut[-1] / 10 + 1e-6


@settings(max_examples=60, deadline=None)
@given(data=images(), random=st.randoms(use_true_random=False))
def test_the_order_of_images_and_their_splitting_do_not_matter(
    data: list[Any], random: Any
) -> None:
    shuffled = random.sample(data, len(data))
    other, expected = measured(shuffled).to_dict(), measured(data).to_dict()
    assert str(other) == str(expected) or flat(other) == pytest.approx(flat(expected), abs=1e-12)
    meter = RecallMeter()
    for image in data:
        meter.add(*image)
    assert meter.report(("a", "b", "c")).to_dict() == expected


def flat(value: Any) -> list[float]:
    if isinstance(value, dict):
        return [number for inner in value.values() for number in flat(inner)]
    return [-1.0 if value is None else float(value)]


@settings(max_examples=60, deadline=None)
@given(data=images())
def test_parts_add_up_to_the_whole(data: list[Any]) -> None:
    report = measured(data)
    for parts in (
        [report.of_class(name) for name in report.class_names],
        [report.of_size(name) for name in ("small", "medium", "large")],
    ):
        covered = [part.objects * part.recall() for part in parts if part.objects]
        assert sum(part.objects for part in parts) == report.objects
        assert not covered or sum(covered) == pytest.approx(report.objects * report.recall())


def coco_average_recall(boxes: list[np.ndarray], truths: list[np.ndarray], first: int) -> float:
    """AR of pycocotools at `first` detections per image, without classes."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def records(all_boxes: list[np.ndarray]) -> list[dict[str, Any]]:
        rows = []
        for image_id, image_boxes in enumerate(all_boxes, start=1):
            for rank, (x1, y1, x2, y2) in enumerate(image_boxes.astype(float).tolist()):
                bbox = [x1, y1, x2 - x1, y2 - y1]
                rows.append({
                    "id": len(rows) + 1, "image_id": image_id, "category_id": 1, "bbox": bbox,
                    "area": bbox[2] * bbox[3], "iscrowd": 0, "score": -float(rank),
                })  # fmt: skip
        return rows

    with contextlib.redirect_stdout(io.StringIO()):
        sides = []
        for rows in (records(truths), records(boxes)):
            coco = COCO()
            coco.dataset = {
                "images": [{"id": number + 1} for number in range(len(truths))],
                "categories": [{"id": 1}],
                "annotations": rows,
            }
            coco.createIndex()
            sides.append(coco)
        evaluation = COCOeval(*sides, "bbox")
        evaluation.params.useCats = 0
        evaluation.params.maxDets = [first]
        evaluation.evaluate()
        evaluation.accumulate()
    recalls = evaluation.eval["recall"][:, 0, 0, 0]
    return float(recalls.mean())


def toy(rng: np.random.Generator, apart: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Twenty images of objects `apart` pixels from each other, with boxes scattered around."""
    boxes, truths = [], []
    for _ in range(20):
        corners = np.array([[x, y] for x in (0, 1, 2) for y in (0, 1)]) * apart + 50
        objects = np.hstack([corners, corners + rng.integers(20, 60, (6, 2))])[: rng.integers(1, 7)]
        near = objects[rng.integers(0, len(objects), 40)] + rng.integers(-9, 10, (40, 4))
        boxes.append(near.astype(np.float32))
        truths.append(objects.astype(np.float32))
    return boxes, truths


@pytest.mark.parametrize("first", [1, 3, 10, 40])
def test_average_recall_equals_pycocotools_to_the_last_digit(first: int) -> None:
    boxes, truths = toy(np.random.default_rng(first), apart=100)
    report = measure_recall(boxes, truths, [[0] * len(objects) for objects in truths])
    expected = coco_average_recall(boxes, truths, first)
    assert 0.02 < expected < 0.98
    assert report.average_recall(first) == pytest.approx(expected, rel=0, abs=1e-15)


def test_one_box_covers_two_objects_unlike_in_coco() -> None:
    box = [0.0, 0.0, 100.0, 100.0]
    boxes, truths = [np.array([box])], [np.array([box, box])]
    report = measure_recall(boxes, truths, [[0, 0]])
    assert (report.average_recall(), coco_average_recall(boxes, truths, 40)) == (1, 0.5)


def test_800_images_take_about_a_second() -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 300, (800, 1300, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(20, 200, corners.shape)], axis=2)
    started = time.perf_counter()
    report = measure_recall(boxes, boxes[:, 5:8], np.zeros((800, 3), int))
    assert report.table() and report.to_dict()
    assert time.perf_counter() - started < 5  # 0.2 s on a quiet machine
    assert report.recall(0.95, first=8) == 1
