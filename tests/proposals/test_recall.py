"""Measuring proposals, against tables worked out by hand, against pycocotools, and in general."""

from __future__ import annotations

import contextlib
import io
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from proposals import ProposalError, RecallMeter, RecallReport, measure_recall
from proposals.recall_plot import _spread, plot_reports
from proposals.recall_report import THRESHOLDS

# Objects of 100 x 100 pixels; a box that shares n of the 100 columns, and no more, has IoU n/100.
OBJECT = [0.0, 0.0, 100.0, 100.0]
OTHER = [200.0, 0.0, 300.0, 100.0]


def covering(percent: int, left: float = 0.0) -> list[float]:
    """A box inside the object at `left`, of IoU percent / 100."""
    return [left, 0.0, left + percent, 100.0]


@pytest.fixture
def by_hand() -> RecallReport:
    """Two images, four objects that count, three classes of which one has no object.

    image 0: class 0 is covered by 40 %, then 70 %, then 100 %; class 1 by 60 % as the 4th box
    image 1: class 0 by 80 % as the 2nd box; class 1 by nothing; a difficult one that is covered
    """
    first = [covering(40), covering(70), covering(100), covering(60, 200)]
    second = [[500.0, 500.0, 510.0, 510.0], covering(80)]
    return measure_recall(
        [first, second],
        [[OBJECT, OTHER], [OBJECT, OTHER, [500, 500, 510, 510]]],
        [[0, 1], [0, 1, 1]],
        [[False, False], [False, False, True]],
        class_names=("cat", "dog", "emu"),
    )


def test_counts_by_hand(by_hand: RecallReport) -> None:
    assert (by_hand.images, by_hand.objects) == (2, 4)
    assert by_hand.mean_boxes() == 3 and by_hand.mean_boxes(first=3) == 2.5


@pytest.mark.parametrize(
    ("iou", "first", "expected"),
    [
        (0.5, None, 3 / 4), (0.6, None, 3 / 4), (0.65, None, 2 / 4), (0.8, None, 2 / 4),
        (0.85, None, 1 / 4), (0.95, None, 1 / 4),
        (0.5, 1, 0), (0.5, 2, 2 / 4), (0.7, 2, 2 / 4), (0.75, 2, 1 / 4), (0.75, 3, 2 / 4),
        (0.5, 3, 2 / 4), (0.5, 4, 3 / 4), (0.5, 1000, 3 / 4),
    ],
)  # fmt: skip
def test_recall_by_hand(
    by_hand: RecallReport, iou: float, first: int | None, expected: float
) -> None:
    assert by_hand.recall(iou, first) == expected


def test_average_recall_by_hand(by_hand: RecallReport) -> None:
    # Of ten thresholds, 100 % reaches all, 80 % seven (.5 to .8), 60 % three.
    assert by_hand.average_recall() == pytest.approx((1 + 0.7 + 0.3 + 0) / 4, abs=0)
    # The first two boxes: 70 % reaches five.
    assert by_hand.average_recall(first=2) == pytest.approx((0.5 + 0.7) / 4, abs=1e-15)


def test_best_overlaps_by_hand(by_hand: RecallReport) -> None:
    assert by_hand.average_best_overlap == pytest.approx((1 + 0.6 + 0.8 + 0) / 4)
    cat, dog, emu = (by_hand.of_class(name) for name in by_hand.class_names)
    assert cat.average_best_overlap == pytest.approx(0.9)
    assert dog.average_best_overlap == pytest.approx(0.3)
    assert by_hand.mabo == pytest.approx(0.6)  # the class without objects does not count
    assert (cat.recall(), dog.recall(), cat.objects, emu.objects) == (1, 0.5, 2, 0)


def test_no_objects_are_nan_and_not_0(by_hand: RecallReport) -> None:
    for empty in (
        measure_recall([], [], []),
        measure_recall([[OBJECT]], [[]], [[]]),
        by_hand.of_class("emu"),
        by_hand.of_size("small"),
    ):
        figures = [empty.recall(), empty.average_recall(), empty.average_best_overlap, empty.mabo]
        assert all(math.isnan(figure) for figure in figures)
        assert empty.table() and "NaN" not in json.dumps(empty.to_dict())
    assert by_hand.to_dict()["per_class"]["emu"]["recall"] == {
        "0.5": None,
        "0.7": None,
        "0.9": None,
    }


def test_an_image_without_boxes_misses_its_objects() -> None:
    report = measure_recall([[]], [[OBJECT]], [[0]])
    assert (report.recall(), report.average_best_overlap, report.mean_boxes()) == (0, 0, 0)


def test_sizes_are_those_of_coco() -> None:
    sides = [10.0, 31.9, 32.0, 95.9, 96.0, 500.0]
    truths = [[0.0, 0.0, side, side] for side in sides]
    report = measure_recall([truths[:3]], [truths], [[0] * 6])
    sizes = [report.of_size(name) for name in ("small", "medium", "large")]
    assert [size.objects for size in sizes] == [2, 2, 2]
    assert [size.recall(0.95) for size in sizes] == [1, 0.5, 0]
    # a mask's area, where it is given, decides instead of the box's
    by_mask = measure_recall([truths], [truths], [[0] * 6], areas=[[9.0] * 6])
    assert by_mask.of_size("small").objects == 6


def test_the_table_and_the_json_hold_the_same_figures(
    by_hand: RecallReport, tmp_path: Path
) -> None:
    lines = {line.split("  ")[0]: line.split()[-5:] for line in by_hand.table().splitlines()}
    assert lines["cat"] == ["1.000", "1.000", "0.500", "0.850", "0.900"]
    assert lines["emu"] == ["-"] * 5
    assert lines["mean of classes (MABO)"][-1] == "0.600"
    assert "2 images, 4 objects, 3 boxes per image" in by_hand.table()
    by_hand.save_json(tmp_path / "recall.json")
    saved = json.loads((tmp_path / "recall.json").read_text())
    assert saved == by_hand.to_dict()
    assert saved["per_class"]["cat"]["average_recall"] == pytest.approx(0.85)
    assert (saved["images"], saved["objects"], saved["boxes_per_image"]) == (2, 4, 3)


def test_cuts_are_shown_as_far_as_there_are_boxes() -> None:
    boxes = np.tile(np.array(OBJECT, np.float32), (101, 1))
    report = measure_recall([boxes[:3], boxes], [[OBJECT], []], [[0], []])
    assert report.cuts() == (10, 20, 50, 100) and list(report.to_dict()["first"]) == [
        *("10", "20", "50", "100")
    ]


def test_an_overlap_of_exactly_the_threshold_counts() -> None:
    for percent in range(50, 100, 5):
        report = measure_recall([[covering(percent)]], [[OBJECT]], [[0]])
        assert report.recall(percent / 100) == 1
        assert math.isclose(report.average_recall(), (percent - 45) / 50)


boxes_strategy = arrays.arrays(
    np.int64, st.tuples(st.integers(0, 12), st.just(4)), elements=st.integers(0, 60)
).map(lambda a: np.hstack([a[:, :2], a[:, :2] + a[:, 2:]]).astype(np.float32))


@st.composite
def images(draw: st.DrawFn) -> list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Up to five images: boxes, truths, labels, ignored."""
    found = []
    for _ in range(draw(st.integers(1, 5))):
        truths = draw(boxes_strategy)[:4]
        count = len(truths)
        labels = draw(arrays.arrays(np.int64, count, elements=st.integers(0, 2)))
        found.append((draw(boxes_strategy), truths, labels, draw(arrays.arrays(bool, count))))
    return found


def measured(data: list[Any]) -> RecallReport:
    return measure_recall(*zip(*data, strict=True), class_names=("a", "b", "c"))


@settings(max_examples=150, deadline=None)
@given(data=images())
def test_what_always_holds(data: list[Any]) -> None:
    report = measured(data)
    if report.objects == 0:
        return
    for first in (1, 2, 5, 12, None):
        by_iou = [report.recall(float(iou), first) for iou in THRESHOLDS]
        assert by_iou == sorted(by_iou, reverse=True)
        assert by_iou[0] >= report.average_recall(first) >= by_iou[-1]
    by_cut = [report.recall(0.5, first) for first in range(1, 14)]
    assert by_cut == sorted(by_cut) and by_cut[-1] == report.recall(0.5)
    # an object found at an IoU has a best overlap of at least that
    assert (
        report.average_best_overlap >= max(iou * report.recall(iou) for iou in (0.5, 0.95)) - 1e-6
    )
    # COCO's ten samples lie above Hosang's integral, by a tenth of recall(.5) at most
    integral = np.maximum(2 * report.best_overlaps.astype(np.float64) - 1, 0).mean()
    assert integral - 1e-6 <= report.average_recall() <= integral + by_cut[-1] / 10 + 1e-6


@settings(max_examples=60, deadline=None)
@given(data=images(), random=st.randoms(use_true_random=False))
def test_the_order_of_images_and_their_splitting_do_not_matter(
    data: list[Any], random: Any
) -> None:
    shuffled = random.sample(data, len(data))
    there, here = measured(shuffled).to_dict(), measured(data).to_dict()
    assert str(there) == str(here) or flat(there) == pytest.approx(flat(here), abs=1e-12)
    meter = RecallMeter()
    for image in data:
        meter.add(*image)
    assert meter.report(("a", "b", "c")).to_dict() == here


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
        found = [part.objects * part.recall() for part in parts if part.objects]
        assert sum(part.objects for part in parts) == report.objects
        assert not found or sum(found) == pytest.approx(report.objects * report.recall())


def coco_average_recall(boxes: list[np.ndarray], truths: list[np.ndarray], first: int) -> float:
    """pycocotools' AR at `first` detections per image, without classes."""
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
        judge = COCOeval(*sides, "bbox")
        judge.params.useCats = 0
        judge.params.maxDets = [first]
        judge.evaluate()
        judge.accumulate()
    recalls = judge.eval["recall"][:, 0, 0, 0]
    return float(recalls.mean())


def toy(rng: np.random.Generator, apart: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Twenty images of objects `apart` pixels from each other, boxes strewn around them."""
    boxes, truths = [], []
    for _ in range(20):
        corners = np.array([[x, y] for x in (0, 1, 2) for y in (0, 1)]) * apart + 50
        objects = np.hstack([corners, corners + rng.integers(20, 60, (6, 2))])[: rng.integers(1, 7)]
        near = objects[rng.integers(0, len(objects), 40)] + rng.integers(-9, 10, (40, 4))
        boxes.append(near.astype(np.float32))
        truths.append(objects.astype(np.float32))
    return boxes, truths


@pytest.mark.parametrize("first", [1, 3, 10, 40])
def test_average_recall_is_pycocotools_to_the_last_digit(first: int) -> None:
    boxes, truths = toy(np.random.default_rng(first), apart=100)
    report = measure_recall(boxes, truths, [[0] * len(objects) for objects in truths])
    expected = coco_average_recall(boxes, truths, first)
    assert 0.02 < expected < 0.98
    assert report.average_recall(first) == pytest.approx(expected, rel=0, abs=1e-15)


def test_one_box_serves_two_objects_which_coco_does_not_allow() -> None:
    boxes, truths = [np.array([OBJECT])], [np.array([OBJECT, OBJECT])]
    report = measure_recall(boxes, truths, [[0, 0]])
    assert (report.average_recall(), coco_average_recall(boxes, truths, 40)) == (1, 0.5)


def test_it_takes_a_second_for_800_images() -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 300, (800, 1300, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(20, 200, corners.shape)], axis=2)
    started = time.perf_counter()
    report = measure_recall(boxes, boxes[:, 5:8], np.zeros((800, 3), int))
    assert report.table() and report.to_dict()
    assert time.perf_counter() - started < 5  # .2 on a quiet machine
    assert report.recall(0.95, first=8) == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"boxes_xyxy": [[1, 2, 3]]}, r"image 1: boxes_xyxy: expected \(N, 4\) numbers"),
        ({"boxes_xyxy": [["a"] * 4]}, "image 1: boxes_xyxy: expected"),
        ({"truths_xyxy": [[0, 0, math.nan, 1]]}, "image 1: truths_xyxy: hold NaN"),
        ({"labels": [0, 1]}, r"image 1: labels: expected \(1,\) whole numbers"),
        ({"labels": [0.5]}, "image 1: labels: expected"),
        ({"labels": [-1]}, "image 1: labels go down to -1; count them from 0"),
        ({"ignored": [0]}, r"image 1: ignored: expected \(1,\) bool"),
        ({"areas": [1.0, 2.0]}, r"image 1: areas: expected \(1,\) numbers"),
    ],
)
def test_wrong_arrays_are_named(wrong: dict[str, Any], said: str) -> None:
    right = {"boxes_xyxy": [OBJECT], "truths_xyxy": [OBJECT], "labels": [0]}
    meter = RecallMeter()
    meter.add(**right)
    with pytest.raises(ProposalError, match=said):
        meter.add(**{**right, **wrong})


def test_wrong_questions_are_named(by_hand: RecallReport, tmp_path: Path) -> None:
    with pytest.raises(ProposalError, match=r"iou: expected one of .5, .55, ..., .95, got 0.52"):
        by_hand.recall(0.52)
    with pytest.raises(ProposalError, match="first: expected a whole number >= 1, got 0"):
        by_hand.average_recall(0)
    with pytest.raises(ProposalError, match="did you mean 'cat'"):
        by_hand.of_class("cats")
    with pytest.raises(ProposalError, match="expected one of small, medium, large"):
        by_hand.of_size("tiny")
    with pytest.raises(ProposalError, match="boxes_xyxy 1, truths_xyxy 2, labels 1"):
        measure_recall([[]], [[], []], [[]])
    with pytest.raises(ProposalError, match="1 names, but labels go up to 1"):
        measure_recall([[]], [[OBJECT]], [[1]], class_names=["cat"])
    with pytest.raises(ProposalError, match="a name comes twice"):
        measure_recall([[]], [[OBJECT]], [[1]], class_names=["cat", "cat"])
    with pytest.raises(ProposalError, match=r"'.txt' names no picture format"):
        by_hand.plot(tmp_path / "plot.txt")
    with pytest.raises(ProposalError, match="none given"):
        plot_reports({}, tmp_path / "plot.png")


def test_plots_are_pictures_twice_as_wide_as_a_readme(
    by_hand: RecallReport, tmp_path: Path
) -> None:
    empty = measure_recall([[]], [[]], [[]])
    by_hand.plot(tmp_path / "one.png")
    names = {f"report {number}": by_hand for number in range(9)} | {"empty": empty}
    plot_reports(names, tmp_path / "all.png", {"report 1": {"linestyle": ":"}})
    assert Image.open(tmp_path / "all.png").size == (1760, 700)
    assert {path.name for path in tmp_path.iterdir()} == {"one.png", "all.png"}


def test_labels_at_the_border_are_spread_apart() -> None:
    assert _spread([0.1, 0.5]) == [0.1, 0.5]
    levels = _spread([0.2, 0.9, 0.99, 0.99, 1.0])
    assert levels[0] == 0.2 and levels[-1] == 1.0
    assert np.diff(levels).min() > 0.054
