"""COCOeval against pycocotools: every figure, array, match and printed line."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from eval import EvaluationError
from eval.pycocotools import COCO, COCOeval
from tests.eval.pycocotools.problems import (
    MANY,
    SIGMAS,
    Problem,
    assert_identical,
    box_problems,
    choices,
    keypoint_problems,
    mask_problems,
)


@MANY
@given(box_problems())
def test_boxes_are_identical(problem: Problem) -> None:
    assert_identical(problem, "bbox")


@MANY
@given(box_problems(), choices())
def test_boxes_with_any_parameters_are_identical(
    problem: Problem, parameters: dict[str, Any]
) -> None:
    assert_identical(problem, "bbox", parameters)


@settings(MANY, max_examples=60)
@given(mask_problems(), choices())
def test_masks_are_identical(problem: Problem, parameters: dict[str, Any]) -> None:
    assert_identical(problem, "segm")
    assert_identical(problem, "segm", parameters)


@settings(MANY, max_examples=60)
@given(keypoint_problems(), choices(), SIGMAS)
def test_keypoints_are_identical(
    problem: Problem, parameters: dict[str, Any], sigmas: np.ndarray
) -> None:
    assert_identical(problem, "keypoints")
    assert_identical(problem, "keypoints", {**parameters, "maxDets": [20]})
    assert_identical(problem, "keypoints", {"kpt_oks_sigmas": sigmas})


@settings(MANY, max_examples=30)
@given(box_problems(), choices(), choices())
def test_curves_with_other_parameters_are_identical(
    problem: Problem, parameters: dict[str, Any], others: dict[str, Any]
) -> None:
    both = assert_identical(problem, "bbox", parameters)
    for one in both:
        changed = copy.deepcopy(one.params)
        changed.recThrs = others["recThrs"]
        changed.maxDets = sorted({*parameters["maxDets"][:2], *others["maxDets"]})
        changed.imgIds = changed.imgIds[-2:]
        one.accumulate(changed)
    for name in ("precision", "recall", "scores"):
        np.testing.assert_array_equal(both[0].eval[name], both[1].eval[name], name)


@settings(MANY, max_examples=30)
@given(box_problems())
def test_curves_of_gathered_images_are_identical(problem: Problem) -> None:
    # Programs on several machines gather evalImgs and give them to a fresh COCOeval.
    ours, reference = assert_identical(problem, "bbox")
    gathered = COCOeval(ours.cocoGt, ours.cocoDt, "bbox")
    images = np.asarray(ours.evalImgs).reshape(-1, 4, len(ours.params.imgIds))
    gathered.evalImgs = list(images.flatten())
    gathered._paramsEval = copy.deepcopy(gathered.params)
    gathered.accumulate()
    for name in ("precision", "recall", "scores"):
        np.testing.assert_array_equal(gathered.eval[name], reference.eval[name], name)


def small() -> tuple[COCO, list[dict[str, Any]]]:
    """One dog in one picture, and a detection that is right."""
    box = {"image_id": 1, "category_id": 1, "bbox": [10, 10, 20, 20]}
    truth = {
        "images": [{"id": 1}],
        "categories": [{"id": 1, "name": "dog"}],
        "annotations": [{"id": 1, "area": 400, "iscrowd": 0, **box}],
    }
    return COCO(truth), [{**box, "score": 0.9}]


def evaluation(truth: COCO, detections: list[dict[str, Any]]) -> COCOeval:
    found = COCOeval(truth, truth.loadRes(detections), "bbox")
    found.evaluate()
    found.accumulate()
    return found


def test_a_perfect_detector_has_ap_1(capsys: pytest.CaptureFixture[str]) -> None:
    found = evaluation(*small())
    found.summarize()
    # The object is smaller than 32 x 32 pixels, so that the other two sizes have none.
    assert found.stats.tolist() == pytest.approx([1, 1, 1, 1, -1, -1, 1, 1, 1, 1, -1, -1])
    assert " Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 1.000\n" in (
        capsys.readouterr().out
    )


def test_the_text_of_an_evaluation_is_its_summary(capsys: pytest.CaptureFixture[str]) -> None:
    found = evaluation(*small())
    capsys.readouterr()
    assert str(found) == ""
    printed = capsys.readouterr().out
    found.summarize()
    assert printed == capsys.readouterr().out
    assert printed.startswith(" Average Precision  (AP) @[ IoU=0.50:0.95")


def test_repeated_categories_count_again_without_categories() -> None:
    truth, detections = small()
    problem = truth.dataset, detections
    ours, _ = assert_identical(problem, "bbox", {"useCats": 0, "catIds": [1, 1]})
    assert ours.evalImgs[0]["gtIds"] == [1, 1]
    # With categories, each id counts once.
    ours, _ = assert_identical(problem, "bbox", {"catIds": [1, 1]})
    assert ours.evalImgs[0]["gtIds"] == [1]


def test_no_detections_are_no_error() -> None:
    truth, _ = small()
    found = evaluation(truth, [])
    found.summarize()
    assert found.stats[0] == 0


def test_objects_that_say_nothing_of_crowds_are_none() -> None:
    truth, detections = small()
    del truth.dataset["annotations"][0]["iscrowd"]
    found = evaluation(truth, detections)
    assert found.eval["recall"].max() == 1


def test_changed_matches_count() -> None:
    found = evaluation(*small())
    for image in found.evalImgs:
        image["dtMatches"][:] = 0
    found.accumulate()
    assert found.eval["recall"].max() == 0


def test_an_own_overlap_is_used() -> None:
    class Strict(COCOeval):
        def computeIoU(self, imgId: Any, catId: Any) -> Any:
            return super().computeIoU(imgId, catId) * 0.6

    truth, detections = small()
    found = Strict(truth, truth.loadRes(detections), "bbox")
    found.evaluate()
    found.accumulate()
    # An overlap of 0.6 reaches the thresholds 0.5, 0.55 and 0.6 only.
    assert found.eval["recall"][:, 0, 0, 2].tolist() == [1, 1, 1, *[0] * 7]


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda truth: truth.dataset["annotations"][0].pop("area"), "annotation 1 .* no 'area'"),
        (lambda truth: truth.dataset["annotations"][0].pop("bbox"), "annotation 1 .* no 'bbox'"),
    ],
)
def test_a_missing_field_is_named(break_it: Any, message: str) -> None:
    truth, detections = small()
    break_it(truth)
    with pytest.raises(EvaluationError, match=message):
        evaluation(truth, detections)


@pytest.mark.parametrize("from_file", [False, True])
@pytest.mark.parametrize(
    ("where", "field", "value", "shown"),
    [
        ("results", "score", "0.9", "'0.9'; the evaluation needs a number"),
        ("results", "score", None, "None; the evaluation needs a number"),
        ("results", "score", 10**400, "1000.*; the evaluation needs a number below 1e308"),
        ("truth", "area", "5", "'5'; the evaluation needs a number"),
        ("truth", "area", None, "None; the evaluation needs a number"),
    ],
)
def test_a_value_that_is_no_number_is_named(
    where: str, field: str, value: Any, shown: str, from_file: bool, tmp_path: Path
) -> None:
    truth, detections = small()
    records = detections if where == "results" else truth.dataset["annotations"]
    records[0][field] = value
    given_results: Any = detections
    if from_file:
        given_results = str(tmp_path / "results.json")
        Path(given_results).write_text(json.dumps(detections))
    found = COCOeval(truth, truth.loadRes(given_results), "bbox")
    with pytest.raises(EvaluationError, match=f"annotation 1 of image .*: '{field}' is {shown}"):
        found.evaluate()


def test_steps_in_the_wrong_order_are_errors() -> None:
    truth, detections = small()
    found = COCOeval(truth, truth.loadRes(detections), "bbox")
    with pytest.raises(EvaluationError, match="call evaluate"):
        found.accumulate()
    with pytest.raises(EvaluationError, match="call accumulate"):
        found.summarize()
    found.params.maxDets = [10]
    found.evaluate()
    found.accumulate()
    with pytest.raises(EvaluationError, match="three limits"):
        found.summarize()
