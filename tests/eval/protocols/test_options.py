"""Options that replace a protocol's thresholds, limits and areas, and figures named after them."""

from __future__ import annotations

import contextlib
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from eval import EvaluationError, Options, evaluate, read_dataset
from eval.evaluate import all_matches, evaluated
from eval.matching import CUT
from tests.eval.cases import Box, dataset_of, found, truth
from tests.eval.protocols.test_coco import problems

A: Box = (0, 0, 100, 100)
HALF: Box = (0, 0, 100, 60)  # IoU 0.6 with A
THIRD: Box = (0, 0, 100, 35)  # IoU 0.35
SMALL: Box = (0, 0, 10, 10)


def report_of(folder: Path, rows: Any, truths: Any, protocol: str, **options: Any) -> Any:
    dataset = dataset_of(folder, truths, 2, ["cat", "dog"])
    return evaluate(rows, dataset, protocol, options=Options(**options))


ONE_IOU = ["voc", "voc2007", "coco", "ilsvrc", "open_images", "open_images_v2"]


@pytest.mark.parametrize("protocol", ONE_IOU)
def test_one_iou_for_every_protocol(protocol: str, tmp_path: Path) -> None:
    truths, rows = [truth(1, 1, A)], [found(1, 1, THIRD, 0.9)]
    for iou, expected in ((0.3, 1.0), (0.35, 1.0), (0.36, 0.0), (0.5, 0.0)):
        report = report_of(tmp_path, rows, truths, protocol, iou_thresholds=iou)
        assert report.map == pytest.approx(expected)
        assert report.matches.iou_threshold == iou and f"IoU {iou:g}" in report.title
        assert report.table().startswith(report.title)


def test_ilsvrc_keeps_its_rule_for_small_objects(tmp_path: Path) -> None:
    # min(0.75, 100 * 100 / (20 * 20)) for a side of 10: the threshold of the object is 0.25.
    truths = [truth(1, 1, SMALL), truth(2, 1, A)]
    rows = [found(1, 1, (0, 0, 10, 3), 0.9), found(2, 1, (0, 0, 100, 74), 0.8)]
    report = report_of(tmp_path, rows, truths, "ilsvrc", iou_thresholds=0.75)
    assert report.matches.outcomes.tolist() == [1, 0]
    assert "IoU 0.75 or less for small objects" in report.title
    report = report_of(tmp_path, rows, truths, "ilsvrc", iou_thresholds=0.2)
    assert report.matches.outcomes.tolist() == [1, 1]


def test_thresholds_are_found_despite_their_last_bit(tmp_path: Path) -> None:
    truths, rows = [truth(1, 1, A)], [found(1, 1, (0, 0, 100, 92), 0.9)]
    report = report_of(tmp_path, rows, truths, "coco")
    figures = {iou: report.coco.average_precision(iou=iou) for iou in (0.55, 0.6, 0.7, 0.85, 0.9)}
    assert figures == pytest.approx(dict.fromkeys(figures, 1.0))
    assert report.coco.average_precision(iou=0.95) == 0
    assert np.isnan(report.coco.average_precision(iou=0.91))
    assert report.coco.average_recall(iou=0.9) == 1


def test_figures_are_named_after_what_is_in_force(tmp_path: Path) -> None:
    truths = [truth(1, 1, A, area=10000), truth(2, 2, SMALL, area=100)]
    rows = [found(1, 1, HALF, 0.9), found(2, 2, SMALL, 0.8)]
    report = report_of(tmp_path, rows, truths, "coco")
    names = ["AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl"]
    assert list(report.stats) == names
    assert report.title == "COCO boxes: mean over IoU 0.5 to 0.95"
    report = report_of(
        tmp_path, rows, truths, "coco", iou_thresholds=(0.3, 0.7), max_detections=(1, 1000),
        areas={"tiny": (0, 400), "large": (96**2, 1e10)},
    )  # fmt: skip
    assert report.stats == pytest.approx({
        "AP": 0.75, "AP30": 1, "AP70": 0.5, "AP tiny": 1, "APl": 0.5,
        "AR1": 0.75, "AR1000": 0.75, "AR tiny": 1, "ARl": 0.5,
    })  # fmt: skip
    assert report.title == (
        "COCO boxes: mean over IoU 0.3 and 0.7; at most 1,000 detections per class and image; "
        "areas in square pixels: all 0 to 1e+10, tiny 0 to 400, large 9216 to 1e+10"
    )
    assert report.class_stats["cat"] == pytest.approx(
        {"AP": 0.5, "AP30": 1, "AP70": 0, "AR1000": 0.5}
    )
    assert report.per_class == pytest.approx({"cat": 0.5, "dog": 1})


def test_classes_have_figures_at_single_thresholds(tmp_path: Path) -> None:
    truths = [truth(1, 1, A), truth(2, 1, A), truth(2, 2, A)]
    rows = [found(1, 1, HALF, 0.9), found(2, 1, A, 0.8), found(2, 2, A, 0.9)]
    report = report_of(tmp_path, rows, truths, "coco")
    # HALF is true at 0.5, 0.55 and 0.6 only; above, the false detection comes first.
    late = 51 * 0.5 / 101
    expected = {"AP": (3 * 1 + 7 * late) / 10, "AP50": 1, "AP75": late, "AR100": 0.65}
    assert report.class_stats == {
        "cat": pytest.approx(expected),
        "dog": pytest.approx(dict.fromkeys(expected, 1)),
    }
    *_, head, cat, _ = report.table().splitlines()
    assert head.split() == ["class", *expected]
    assert cat.split() == ["cat", *(f"{value:.3f}" for value in expected.values())]
    voc = report_of(tmp_path, rows, truths, "voc")
    assert voc.class_stats == {"cat": {"AP": 1}, "dog": {"AP": 1}}


def test_the_limit_in_force_is_that_of_intervals_and_comparisons(tmp_path: Path) -> None:
    truths = [truth(1, 1, A)]
    rows = [found(1, 1, SMALL, 1 - i / 1000) for i in range(150)] + [found(1, 1, A, 0.1)]
    dataset = dataset_of(tmp_path, truths, 1, ["cat"])
    for limit, cut in ((100, 51), (200, 0), (10, 141)):
        report = evaluate(rows, dataset, "coco", options=Options(max_detections=(1, limit)))
        assert report.detections is not None
        several = all_matches(report, report.detections, dataset)
        assert {int((one.outcomes == CUT).sum()) for one in several} == {cut}


def without_classes(truth: dict[str, Any], rows: list[Any], options: Options) -> Any:
    """pycocotools' COCOeval with useCats = 0."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        ground = COCO()
        ground.dataset = truth
        ground.createIndex()
        reference = COCOeval(ground, ground.loadRes(rows), "bbox")
        reference.params.useCats = 0
        if options.max_detections is not None:
            reference.params.maxDets = list(options.max_detections)  # type: ignore[arg-type]
        reference.evaluate()
        reference.accumulate()
        reference.summarize()
    return reference


@settings(
    max_examples=150,
    phases=[Phase.explicit, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(problems(), st.sampled_from([None, (1, 2, 100)]), st.booleans())
def test_classes_taken_as_one_are_identical_to_pycocotools(
    tmp_path: Path, problem: Any, limits: Any, official: bool
) -> None:
    ground, rows = problem
    path = tmp_path / "truth.json"
    path.write_bytes(orjson.dumps(ground))
    options = Options(max_detections=limits, class_agnostic=True)
    report = evaluate(rows, read_dataset(path), "coco", official=official, options=options)
    reference = without_classes(ground, rows, options)
    for name in ("precision", "recall", "scores"):
        np.testing.assert_array_equal(getattr(report.coco, name), reference.eval[name], name)
    ours = [-1.0 if np.isnan(value) else value for value in report.stats.values()]
    assert [float(value).hex() for value in ours] == [float(v).hex() for v in reference.stats]


@pytest.mark.parametrize("protocol", ONE_IOU)
def test_classes_taken_as_one(protocol: str, tmp_path: Path) -> None:
    truths = [truth(1, 1, A), truth(2, 2, A)]
    rows = [found(1, 2, A, 0.9), found(2, 2, A, 0.8)]
    dataset = dataset_of(tmp_path, truths, 2, ["cat", "dog"])
    assert evaluate(rows, dataset, protocol).map < 0.6
    report = evaluate(rows, dataset, protocol, options=Options(class_agnostic=True))
    assert report.map == pytest.approx(1) and list(report.per_class) == ["any class"]
    assert "all classes taken as one" in report.title
    assert report.detections is not None and report.dataset is not None
    assert evaluated(report, report.detections, dataset)[1] is report.dataset
    assert report.dataset.class_names == ("any class",) and not report.dataset.excluded.size


def test_one_class_of_data_that_were_checked_in_part(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, [truth(1, 1, A)], 2, ["cat", "dog"])
    dataset = replace(dataset, verified=np.array([[1, 0]]))
    # Nobody looked for dogs; the cat of the first image verifies its own pair.
    rows = [found(1, 2, SMALL, 0.9), found(2, 2, A, 0.8), found(2, 1, A, 0.7), found(1, 1, A, 0.6)]
    one = Options(class_agnostic=True)
    report = evaluate(rows, dataset, "open_images", options=one)
    assert report.map == pytest.approx(1 / 2) and len(report.detections or ()) == 2
    assert not any("no verified image labels" in note for note in report.notes)
    # The other protocols count all four.
    for protocol in ("voc", "coco", "open_images_v2"):
        assert evaluate(rows, dataset, protocol, options=one).map == pytest.approx(1 / 4, abs=0.003)


def test_thresholds_limits_and_areas_of_lvis() -> None:
    second: Box = (200, 0, 300, 100)
    areas = {A: 10000, second: 10000, SMALL: 100}
    objects = [truth(1, 1, box, area=area) for box, area in areas.items()]
    document = {
        "images": [{"id": 1, "neg_category_ids": [2], "not_exhaustive_category_ids": []}],
        "annotations": [{**one, "id": 1 + i} for i, one in enumerate(objects)],
        "categories": [{"id": 1, "name": "cat", "frequency": "r"}, {"id": 2, "name": "dog"}],
    }
    dataset = read_dataset(document)
    rows = [found(1, 1, (0, 0, 100, 60), 0.9), found(1, 2, A, 0.8), found(1, 1, second, 0.7)]
    chosen = Options(
        iou_thresholds=(0.3, 0.7), max_detections=2, areas={"tiny": (0, 400), "large": (9216, 1e10)}
    )
    report = evaluate(rows, dataset, "lvis", options=chosen)
    # Of two detections one is a cat, which is true at 0.3 only: a recall of 1/3, or of 1/2 of the
    # large ones.
    assert report.stats == pytest.approx({
        "AP": 34 / 202, "AP30": 34 / 101, "AP70": 0, "AP tiny": 0, "APl": 51 / 202,
        "APr": 34 / 202, "APc": np.nan, "APf": np.nan,
        "AR@2": 1 / 6, "AR tiny@2": 0, "ARl@2": 1 / 4,
    }, nan_ok=True)  # fmt: skip
    assert report.title == (
        "LVIS boxes: mean over IoU 0.3 and 0.7; at most 2 detections per image; areas in square "
        "pixels: all 0 to 1e+10, tiny 0 to 400, large 9216 to 1e+10; each image checked for some "
        "classes only"
    )
    assert list(report.class_stats["cat"]) == ["AP", "AP30", "AP70", "AR@2"]
    with pytest.raises(EvaluationError, match="max_detections 1, 2: the protocol 'lvis' has one"):
        evaluate(rows, dataset, "lvis", options=Options(max_detections=(1, 2)))
    with pytest.raises(EvaluationError, match="class_agnostic: the protocol 'lvis' has none"):
        evaluate(rows, dataset, "lvis", options=Options(class_agnostic=True))


def test_an_option_that_is_no_number() -> None:
    with pytest.raises(EvaluationError, match="areas: expected one or more ranges"):
        Options(areas=[(0, 9)])  # type: ignore[arg-type]
