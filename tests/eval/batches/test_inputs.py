"""What MeanAveragePrecision takes as predictions and targets, and one line for each fault."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from detector import Detections
from eval import EvaluationError, MeanAveragePrecision, Options, evaluate
from eval.why import explain

# Found: the cat, exactly. Missed: the dog. False: a dog in the second image.
PREDICTIONS = [
    {"boxes": [[10, 10, 60, 50]], "scores": [0.75], "labels": [0]},
    {"boxes": [[0, 0, 8, 8]], "scores": [0.5], "labels": [1]},
]
TARGETS = [
    {"boxes": [[10, 10, 60, 50], [70, 70, 90, 90]], "labels": [0, 1]},
    {"boxes": [], "labels": []},
]
NAMES = ["cat", "dog"]


def metric(**options: Any) -> MeanAveragePrecision:
    return MeanAveragePrecision(NAMES, **options)


def computed(predictions: Any, targets: Any, **options: Any) -> dict[str, float]:
    made = metric(**options)
    made.update(predictions, targets)
    return made.compute().per_class


def tensors(dtype: torch.dtype, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The records as torch's detectors return them; the model's parameters need gradients."""
    return [
        {
            name: torch.tensor(value)
            if name == "labels"
            else torch.tensor(value, dtype=dtype, requires_grad=True)
            for name, value in record.items()
        }
        for record in records
    ]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_tensors_of_every_type_are_taken(dtype: torch.dtype) -> None:
    found = computed(tensors(dtype, PREDICTIONS), tensors(dtype, TARGETS))
    assert found == {"cat": pytest.approx(1), "dog": 0.0}


def test_lists_arrays_and_whole_numbers_are_taken() -> None:
    arrays = [{name: np.array(value) for name, value in one.items()} for one in PREDICTIONS]
    assert computed(PREDICTIONS, TARGETS) == computed(tuple(arrays), TARGETS)
    assert computed(PREDICTIONS, TARGETS)["cat"] == pytest.approx(1)


def test_box_formats_mean_the_same_box() -> None:
    expected = metric()
    expected.update(PREDICTIONS[:1], TARGETS[:1])
    for box_format, box, other in [
        ("xywh", [10, 10, 50, 40], [70, 70, 20, 20]),
        ("cxcywh", [35, 30, 50, 40], [80, 80, 20, 20]),
    ]:
        made = metric(box_format=box_format)
        made.update([{**PREDICTIONS[0], "boxes": [box]}], [{**TARGETS[0], "boxes": [box, other]}])
        assert (made.detections.boxes == [[10, 10, 50, 40]]).all()
        assert (made.dataset.all_truths.boxes == expected.dataset.all_truths.boxes).all()
        assert made.dataset.all_truths.areas.tolist() == [2000, 400]


def test_half_precision_corners_are_subtracted_in_double_precision() -> None:
    # bfloat16 has 8 significant bits: it holds 258 but not the width, 257.
    boxes = torch.tensor([[1.0, 0, 258, 4]], dtype=torch.bfloat16)
    assert float(boxes[0, 2] - boxes[0, 0]) != 257
    made = metric()
    made.update([{"boxes": boxes, "scores": [1], "labels": [0]}], TARGETS[1:])
    assert made.detections.boxes.tolist() == [[1, 0, 257, 4]]


def test_later_changes_of_the_arrays_have_no_effect() -> None:
    prediction = {
        "boxes": np.array([[10.0, 10, 60, 50]]), "scores": np.array([0.75]),
        "labels": np.array([0]),
    }  # fmt: skip
    for box_format in ("xyxy", "xywh"):
        made = metric(box_format=box_format)
        made.update([prediction], TARGETS[:1])
        before = made.compute().stats
        copy = {name: array.copy() for name, array in prediction.items()}
        for array in prediction.values():
            array[:] = 1
        assert made.compute().stats == before
        prediction = copy


def test_labels_count_from_the_first_or_have_names_of_their_own() -> None:
    moved = [[{**one, "labels": [k + 1 for k in one["labels"]]} for one in some]
             for some in (PREDICTIONS, TARGETS)]  # fmt: skip
    assert computed(*moved, first_label=1) == computed(PREDICTIONS, TARGETS)
    by_label = MeanAveragePrecision({2: "dog", 1: "cat"})
    by_label.update(*moved)
    report = by_label.compute()
    assert list(report.per_class) == ["dog", "cat"] and report.per_class["cat"] == pytest.approx(1)
    assert by_label.dataset.category_ids == (2, 1)


def test_without_names_every_label_is_a_class() -> None:
    made = MeanAveragePrecision()
    made.update([{**PREDICTIONS[0], "labels": [90]}], [{**TARGETS[0], "labels": [7, 90]}])
    made.update([{**PREDICTIONS[1], "labels": [3]}], [TARGETS[1]])
    figures = made.compute().per_class
    # No object has the label 3, so that it does not count; the detection of 90 fits no object.
    assert list(figures) == ["3", "7", "90"] and math.isnan(figures["3"])
    assert (figures["7"], figures["90"]) == (0, 0) and made.compute().map == 0


def test_crowds_difficult_objects_and_areas_are_those_of_the_targets() -> None:
    target = {**TARGETS[0], "iscrowd": torch.tensor([0, 1]), "area": np.array([900.0, 400])}
    assert math.isnan(computed(PREDICTIONS[:1], [target])["dog"])
    made = metric()
    made.update(PREDICTIONS[:1], [target])
    assert made.compute().stats["APs"] == pytest.approx(1)  # 900 < 32^2, unlike its box's 2,000
    difficult = {**TARGETS[0], "difficult": [False, True]}
    assert math.isnan(computed(PREDICTIONS[:1], [difficult], protocol="voc")["dog"])


def test_detections_are_matched_by_the_names_of_their_classes() -> None:
    found = Detections(
        [[10, 10, 60, 50], [70, 70, 90, 90], [0, 0, 5, 5]], [0.75, 0.5, 0.25], [2, 1, 0],
        ("bird", "dog", "cat"), (100, 100),
    )  # fmt: skip
    made = metric(first_label=1, box_format="xywh")  # boxes_xyxy state their own format
    made.update([found], [{"boxes": [[10, 10, 50, 40], [70, 70, 20, 20]], "labels": [1, 2]}])
    report = made.compute()
    assert report.per_class == {"cat": pytest.approx(1), "dog": pytest.approx(1)}
    assert "left out 1 detection of classes that are not in class_names" in report.notes
    with pytest.raises(EvaluationError, match=r"none of its classes \(cat\) is among class_names"):
        MeanAveragePrecision(["chair"]).update(
            [Detections([[1, 1, 2, 2]], [1], [0], ("cat",), (9, 9))], TARGETS[1:]
        )
    with pytest.raises(EvaluationError, match="pass class_names to MeanAveragePrecision"):
        MeanAveragePrecision().update([found], TARGETS[:1])


def test_the_report_can_be_explained_and_computed_again() -> None:
    made = metric(options=Options(max_detections=(1, 10, 500)))
    with pytest.raises(EvaluationError, match="there is no image yet; call update first"):
        made.compute()
    made.update(PREDICTIONS[:1], TARGETS[:1])
    first = made.compute()
    assert first.stats["AP50"] == pytest.approx(0.5)
    assert first.matches is not None
    assert explain(made.detections, made.dataset, first.matches).classes
    made.update(PREDICTIONS[1:], TARGETS[1:])
    again = evaluate(made.detections, made.dataset, "coco", options=made.options)
    assert made.compute().stats == again.stats
    made.reset()
    made.update(PREDICTIONS[:1], TARGETS[:1])
    assert made.compute().stats == first.stats


@pytest.mark.parametrize(
    ("prediction", "target", "message"),
    [
        ({"boxes": [[1, 2, 3]]}, {}, "prediction: boxes of shape (1, 3); expected (N, 4)"),
        ({"boxes": [1, 2, 3, 4]}, {}, "prediction: boxes of shape (4,); expected (N, 4)"),
        ({"boxes": [[1, 2, 3], [4]]}, {}, "prediction: boxes: list is no array of numbers"),
        ({"boxes": [["a"] * 4]}, {}, "prediction: boxes of dtype <U1; expected numbers"),
        (
            {"boxes": [[0, 0, 9, math.nan]]}, {},
            "prediction: boxes[0] is [0.0, 0.0, 9.0, nan]; expected finite numbers",
        ),
        ({"scores": [math.nan]}, {}, "prediction: scores[0] is nan; expected finite numbers"),
        (
            {"scores": [0.5, 0.5]}, {},
            "prediction: scores of shape (2,); expected (1,), one for each box",
        ),
        ({"scores": None}, {}, "prediction: scores of shape (); expected (1,), one for each box"),
        ({"labels": [0.5]}, {}, "prediction: labels of dtype float64; expected whole numbers"),
        (
            {"labels": np.array([2**63], np.uint64)}, {},
            "prediction: labels[0] is 9223372036854775808; expected at most 9223372036854775807",
        ),
        (
            {"boxes": torch.empty(1, 4, device="meta")}, {},
            "prediction: boxes: a tensor (device meta, torch.strided, torch.float32) that does not",
        ),
        (
            {"boxes": torch.ones(1, 4).to_sparse()}, {},
            "prediction: boxes: a tensor (device cpu, torch.sparse_coo, torch.float32) that does",
        ),
        (
            {}, {"image_id": torch.empty(1, device="meta")},
            "target: image_id: a tensor (device meta",
        ),
        (
            {"labels": [2]}, {},
            "prediction: labels[0] is 2, but the labels of class_names are 0 to 1; if labels count "
            "from another number, set first_label",
        ),
        ({}, {"labels": [-1, 0]}, "target: labels[0] is -1, but the labels of class_names are"),
        ({}, {"labels": [0]}, "target: labels of shape (1,); expected (2,), one for each box"),
        (
            {}, {"boxes": [[10, 10, 60, 50], [70, 70, 20, 20]]},
            "target: boxes[1] has a negative side; is box_format 'xyxy' right?",
        ),
        ({}, {"iscrowd": [0, 2]}, "target: iscrowd[1] is 2; expected 0 or 1"),
        ({}, {"area": [1, math.inf]}, "target: area[1] is inf; expected finite numbers"),
        (
            {}, {"image_id": 1.5},
            "target: image_id is 1.5; expected one whole number or a text",
        ),
        ({}, {"image_id": [1, 2]}, "target: image_id is [1, 2]; expected one whole number"),
    ],
)  # fmt: skip
def test_a_fault_is_one_line_with_batch_image_and_field(
    prediction: dict[str, Any], target: dict[str, Any], message: str
) -> None:
    made = metric()
    made.update(PREDICTIONS[1:], TARGETS[1:])
    before = made.compute().stats
    faulty = [
        [PREDICTIONS[1], {**PREDICTIONS[0], **prediction}],
        [TARGETS[1], {**TARGETS[0], **target}],
    ]
    with pytest.raises(EvaluationError) as caught:
        made.update(*faulty)
    assert str(caught.value).startswith(f"batch 1, image 1: {message}")
    assert "\n" not in str(caught.value)
    assert repr(made.compute().stats) == repr(before)  # nothing of a faulty batch is kept


@pytest.mark.parametrize(
    ("predictions", "targets", "message"),
    [
        (PREDICTIONS, TARGETS[:1], "batch 0: 2 predictions but 1 target; expected one of each"),
        (PREDICTIONS[0], TARGETS, "batch 0: predictions: expected a list with one element for"),
        (PREDICTIONS, iter(TARGETS), "batch 0: targets: expected a list with one element for"),
        ([3], TARGETS[:1], "batch 0, image 0: prediction is int; expected a dict with boxes"),
        (PREDICTIONS[:1], [[]], "batch 0, image 0: target is list; expected a dict with boxes"),
        ([{"boxes": []}], TARGETS[1:], "batch 0, image 0: prediction has no 'scores'; it has: b"),
        (
            PREDICTIONS, [{**TARGETS[0], "image_id": 4}, TARGETS[1]],
            "batch 0: some targets have an image_id and others have none; give all of them one",
        ),
        (
            PREDICTIONS, [{**one, "image_id": torch.tensor([7])} for one in TARGETS],
            "batch 0: image_id 7 was added before; update every image once",
        ),
    ],
)  # fmt: skip
def test_a_faulty_batch_is_one_line(predictions: Any, targets: Any, message: str) -> None:
    made = metric()
    with pytest.raises(EvaluationError) as caught:
        made.update(predictions, targets)
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value)


def test_an_image_in_two_batches_or_two_parts_is_an_error() -> None:
    target = {**TARGETS[0], "image_id": "a"}
    made, other = metric(), metric()
    made.update(PREDICTIONS[:1], [target])
    other.update(PREDICTIONS[:1], [target])
    with pytest.raises(EvaluationError, match="batch 1: image_id 'a' was added before"):
        made.update(PREDICTIONS[:1], [target])
    with pytest.raises(EvaluationError, match="merge: image_id 'a' was added before"):
        made.merge(other)
    without = metric()
    without.update(PREDICTIONS, TARGETS)
    with pytest.raises(EvaluationError, match="merge: an image was added before"):
        without.merge(without)
    with pytest.raises(EvaluationError, match="merge: some targets have an image_id"):
        without.merge(made)
    with pytest.raises(EvaluationError, match="merge: the evaluators have different class_names"):
        without.merge(MeanAveragePrecision(NAMES, first_label=1))
    with pytest.raises(EvaluationError, match="merge: expected a MeanAveragePrecision; got list"):
        without.merge([made])  # type: ignore[arg-type]


def test_boxes_of_torchvision_state_their_format() -> None:
    from torchvision.tv_tensors import BoundingBoxes

    boxes = BoundingBoxes([[10, 10, 50, 40]], format="XYWH", canvas_size=(100, 100))
    with pytest.raises(EvaluationError, match="boxes are marked as XYWH, but box_format is 'xyxy'"):
        computed([{**PREDICTIONS[0], "boxes": boxes}], TARGETS[:1])
    target = {**TARGETS[0], "boxes": [[10, 10, 50, 40], [70, 70, 20, 20]]}
    figures = computed([{**PREDICTIONS[0], "boxes": boxes}], [target], box_format="xywh")
    assert figures["cat"] == pytest.approx(1)


def test_predictions_with_a_negative_side_are_noted() -> None:
    made = metric()
    made.update([{**PREDICTIONS[0], "boxes": [[50, 50, 20, 20]]}], TARGETS[:1])
    assert "kept 1 box with a negative side; is box_format right?" in made.compute().notes


@pytest.mark.parametrize(
    ("class_names", "options", "message"),
    [
        ("cat", {}, "class_names is 'cat'; expected a list of texts"),
        ([], {}, "class_names: expected one or more texts"),
        (["cat", 3], {}, "class_names: expected one or more texts"),
        (["cat", "cat"], {}, "class_names: 'cat' names two classes"),
        ({"1": "cat"}, {}, "class_names: expected whole numbers as labels"),
        (None, {"first_label": 1}, "first_label 1 applies only to a list of class_names"),
        (NAMES, {"box_format": "yxyx"}, "box_format 'yxyx' is unknown; choose from 'xyxy', 'xywh'"),
        (NAMES, {"protocol": "COCO"}, "protocol 'COCO' is unknown"),
        (NAMES, {"protocol": "lvis"}, "protocol 'lvis': targets do not state which classes"),
        (
            NAMES,
            {"protocol": "voc", "options": Options(areas={"s": (0, 9)})},
            "areas: the protocol",
        ),
    ],
)
def test_a_wrong_parameter_is_one_line(
    class_names: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(EvaluationError) as caught:
        MeanAveragePrecision(class_names, **options)
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value)
