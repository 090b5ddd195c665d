"""Measured proposals against tables worked out by hand, and the errors of wrong input."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from proposals import ProposalError, RecallMeter, RecallReport, measure_recall
from proposals.recall.plot import _spread, plot_reports

# Objects of 100 x 100 pixels: a box that consists of n of the 100 columns has IoU n/100.
OBJECT = [0.0, 0.0, 100.0, 100.0]
OTHER = [200.0, 0.0, 300.0, 100.0]


def covering(percent: int, left: float = 0.0) -> list[float]:
    """A box inside the object at `left` with an IoU of percent / 100."""
    return [left, 0.0, left + percent, 100.0]


@pytest.fixture
def by_hand() -> RecallReport:
    """Two images, four objects that count, three classes, one of them without objects.

    image 0: boxes 1 to 3 cover class 0 by 40 %, 70 % and 100 %; box 4 covers class 1 by 60 %
    image 1: box 2 covers class 0 by 80 %; no box covers class 1; box 1 covers a difficult object
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
    # Of the ten thresholds, 100 % reaches all, 80 % reaches seven (0.5 to 0.8), 60 % three.
    assert by_hand.average_recall() == pytest.approx((1 + 0.7 + 0.3 + 0) / 4, abs=0)
    # Among the first two boxes of image 0 the best covers 70 %, which reaches five thresholds.
    assert by_hand.average_recall(first=2) == pytest.approx((0.5 + 0.7) / 4, abs=1e-15)


def test_best_overlaps_by_hand(by_hand: RecallReport) -> None:
    assert by_hand.average_best_overlap == pytest.approx((1 + 0.6 + 0.8 + 0) / 4)
    cat, dog, emu = (by_hand.of_class(name) for name in by_hand.class_names)
    assert cat.average_best_overlap == pytest.approx(0.9)
    assert dog.average_best_overlap == pytest.approx(0.3)
    assert by_hand.mabo == pytest.approx(0.6)  # the class without objects does not count
    assert (cat.recall(), dog.recall(), cat.objects, emu.objects) == (1, 0.5, 2, 0)


def test_figures_without_objects_are_nan(by_hand: RecallReport) -> None:
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
    # Given mask areas decide instead of the boxes' areas.
    by_mask = measure_recall([truths], [truths], [[0] * 6], areas=[[9.0] * 6])
    assert by_mask.of_size("small").objects == 6


def test_the_table_and_the_json_hold_the_same_figures(
    by_hand: RecallReport, tmp_path: Path
) -> None:
    lines = {line.split("  ")[0]: line.split()[-5:] for line in by_hand.table().splitlines()}
    assert lines["cat"] == ["1.000", "1.000", "0.500", "0.850", "0.900"]
    assert lines["emu"] == ["–"] * 5
    assert lines["mean of classes (MABO)"][-1] == "0.600"
    assert "2 images, 4 objects, 3 boxes per image" in by_hand.table()
    by_hand.save_json(tmp_path / "recall.json")
    saved = json.loads((tmp_path / "recall.json").read_text())
    assert saved == by_hand.to_dict()
    assert saved["per_class"]["cat"]["average_recall"] == pytest.approx(0.85)
    assert (saved["images"], saved["objects"], saved["boxes_per_image"]) == (2, 4, 3)


def test_cuts_end_below_the_largest_number_of_boxes() -> None:
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


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"boxes_xyxy": [[1, 2, 3]]}, r"image 1: boxes_xyxy: expected \(N, 4\) numbers"),
        ({"boxes_xyxy": [["a"] * 4]}, "image 1: boxes_xyxy: expected"),
        ({"truths_xyxy": [[0, 0, math.nan, 1]]}, "image 1: truths_xyxy: NaN or infinity"),
        ({"labels": [0, 1]}, r"image 1: labels: expected \(1,\) whole numbers"),
        ({"labels": [0.5]}, "image 1: labels: expected"),
        ({"labels": [-1]}, "image 1: labels go down to -1; number classes from 0"),
        ({"ignored": [0]}, r"image 1: ignored: expected \(1,\) bool"),
        ({"areas": [1.0, 2.0]}, r"image 1: areas: expected \(1,\) numbers"),
    ],
)
def test_wrong_arrays_are_named(wrong: dict[str, Any], message: str) -> None:
    right = {"boxes_xyxy": [OBJECT], "truths_xyxy": [OBJECT], "labels": [0]}
    meter = RecallMeter()
    meter.add(**right)
    with pytest.raises(ProposalError, match=message):
        meter.add(**{**right, **wrong})


def test_wrong_arguments_are_named(by_hand: RecallReport, tmp_path: Path) -> None:
    with pytest.raises(
        ProposalError, match=r"iou: expected one of 0.5, 0.55, \.\.\., 0.95, got 0.52"
    ):
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
    with pytest.raises(ProposalError, match="two classes have the same name"):
        measure_recall([[]], [[OBJECT]], [[1]], class_names=["cat", "cat"])
    with pytest.raises(ProposalError, match=r"'.txt' names no picture format"):
        by_hand.plot(tmp_path / "plot.txt")
    with pytest.raises(ProposalError, match="none given"):
        plot_reports({}, tmp_path / "plot.png")


def test_plots_are_pictures_of_twice_a_readmes_width(by_hand: RecallReport, tmp_path: Path) -> None:
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
