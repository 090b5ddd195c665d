"""The Detector: every form of pictures and boxes, and the errors for unusable ones."""

from __future__ import annotations

import copy
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from detector import Detector, DetectorError
from detector.networks.ensemble import Member
from detector.networks.precision import mixed_precision
from detector.networks.scoring import predict_objectness
from detector.recipes import Recipe, override
from detector.region_scores import likeliest
from proposals import Proposals
from tests.made_up import CATEGORY_IDS, NAMES, rectangles


@pytest.fixture(scope="module")
def detector(small_weights: Path) -> Detector:
    return Detector.load(small_weights, device="cpu")


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return rectangles(11)[0]


def some_boxes(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 80, (count, 2))
    return np.concatenate([low, low + rng.uniform(10, 40, (count, 2))], 1).astype(np.float32)


def test_path_bytes_pil_and_array_give_identical_detections(
    detector: Detector, image: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "picture.png"
    Image.fromarray(image).save(path)
    first = detector(path)
    assert len(first) > 1 and first.class_names == NAMES and first.category_ids == CATEGORY_IDS
    for source in (str(path), path.read_bytes(), Image.open(path), image):
        assert detector(source) == first
    np.testing.assert_array_equal(first.image, image)


def test_a_detector_is_described_on_one_line(detector: Detector) -> None:
    assert detector.class_names == NAMES
    assert repr(detector) == "Detector small: 2 classes; networks: 1 shared; on cpu, by torch"
    both = Detector.combine([detector, detector])
    assert repr(both) == "Detector small: 2 classes; networks: 2 shared; on cpu, by torch"


def test_detections_lie_in_the_picture_and_fall_in_score(
    detector: Detector, image: np.ndarray
) -> None:
    found = detector(image, threshold=0.0)
    assert len(found) > 3
    assert (found.boxes_xyxy >= 0).all() and (found.boxes_xyxy <= [128, 96, 128, 96]).all()
    assert (np.diff(found.scores) <= 0).all() and found.scores[0] <= 1


def scored_once(detector: Detector) -> Recipe:
    """The detector's recipe without refinement and box voting."""
    options = replace(detector.recipe.postprocess, refine_boxes=0, vote_iou=0.0)
    return replace(detector.recipe, postprocess=options)


def test_the_network_s_deltas_move_the_boxes(detector: Detector, image: np.ndarray) -> None:
    # (1, -2, 0, 0): a tenth of the width to the right and a fifth of the height up
    model = copy.deepcopy(detector.model)
    with torch.no_grad():
        model.classifier.weight.zero_()  # every class is as likely
        model.regressor.weight.zero_()
        model.regressor.bias.copy_(torch.tensor([1.0, -2, 0, 0]))
    found = Detector([Member(model)], scored_once(detector), detector.info, "cpu")(
        image, proposals=[[20, 30, 60, 80]], threshold=0.0, agnostic_nms=False
    )
    boxes = dict(zip(found.labels.tolist(), found.boxes_xyxy, strict=True))
    np.testing.assert_allclose(boxes[0], [24, 20, 64, 70], atol=0.1)
    np.testing.assert_allclose(boxes[1], boxes[0])


def test_threshold_and_count_can_be_chosen_per_picture(
    detector: Detector, image: np.ndarray
) -> None:
    every = detector(image, threshold=0.0)
    middle = float(every.scores[len(every) // 2])
    assert detector(image, threshold=middle) == every[every.scores >= middle]
    by_class = detector(image, threshold={"red": middle, "green": 0.0})
    assert by_class == every.above({"red": middle}) and len(by_class) > len(every.above(middle))
    with pytest.raises(DetectorError, match="class 'rad': no such class; did you mean 'red'"):
        detector(image, threshold={"rad": 0.5})
    assert detector(image, threshold=0.0, max_detections=2) == every[:2]
    few = Detector(
        detector.members,
        replace(
            detector.recipe, postprocess=replace(detector.recipe.postprocess, max_detections=2)
        ),
        detector.info,
        "cpu",
    )
    assert few(image, threshold=0.0) == every[:2]
    # a caller may set more than the recipe's number
    assert few(image, threshold=0.0, max_detections=100) == every


def test_a_preset_names_one_of_the_recipe_s_thresholds(
    detector: Detector, image: np.ndarray
) -> None:
    options = detector.recipe.postprocess
    for preset, threshold, agnostic in (
        ("visualize", options.visualize_threshold, True),
        ("evaluate", options.evaluate_threshold, False),
    ):
        same = detector(image, threshold=threshold, agnostic_nms=agnostic)
        assert detector(image, preset=preset) == same
    assert len(detector(image, preset="evaluate")) > len(detector(image))
    with pytest.raises(DetectorError, match="preset 'draw': use one of visualize, evaluate"):
        detector(image, preset="draw")


def test_a_preset_decides_whether_an_object_has_one_class(
    detector: Detector, image: np.ndarray
) -> None:
    # Every class is as likely, and has the same box.
    model = copy.deepcopy(detector.model)
    with torch.no_grad():
        model.classifier.weight.zero_()
        model.regressor.weight.zero_()
    equal = Detector([Member(model)], scored_once(detector), detector.info, "cpu")
    words = {"proposals": [[20, 30, 60, 80]], "threshold": 0.0}
    assert len(equal(image, **words, preset="evaluate")) == len(NAMES)
    assert len(equal(image, **words)) == 1
    assert len(equal(image, **words, agnostic_nms=False)) == len(NAMES)
    assert len(equal(image, **words, preset="evaluate", agnostic_nms=True)) == 1


def test_own_proposals_take_the_place_of_selective_search(
    detector: Detector, image: np.ndarray
) -> None:
    searched = detector.propose(image)
    assert isinstance(searched, Proposals)
    expected = detector(image)
    boxes = searched.boxes_xyxy
    for own in (searched, boxes, boxes.astype(np.float64), boxes.tolist()):
        assert detector(image, proposals=own) == expected
    assert detector(image, proposals=some_boxes(5)) != expected


@pytest.mark.parametrize("nothing", [[], np.zeros((0, 4), np.float32)])
def test_no_proposals_mean_no_detections(
    detector: Detector, image: np.ndarray, nothing: Any
) -> None:
    assert len(detector(image, proposals=nothing, threshold=0.0)) == 0
    assert detector.classify(image, nothing).shape == (0, 3)


@pytest.mark.parametrize(
    "boxes",
    [
        [1, 2, 3, 4],
        [[1, 2, 3]],
        [[[1, 2, 3, 4]]],
        [[1, 2, 3, float("nan")]],
        [[1, 2, 3, 4], [5, 6]],
        [["left", 2, 3, 4]],
        [[1, 2, None, 4]],
        {"x1": 1},
        "boxes",
    ],
)
def test_proposals_of_another_shape_are_refused_in_one_line(
    detector: Detector, image: np.ndarray, boxes: Any
) -> None:
    with pytest.raises(DetectorError) as caught:
        detector(image, proposals=boxes)
    message = str(caught.value)
    assert "\n" not in message and "(N, 4)" in message and "x1, y1, x2, y2" in message


def test_sides_in_place_of_corners_are_told(detector: Detector, image: np.ndarray) -> None:
    with pytest.raises(DetectorError, match=r"box 1 is \[60.0, 40.0, 30.0, 45.0\], .* not sides"):
        detector(image, proposals=[[1, 2, 3, 4], [60, 40, 30, 45]])


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_a_box_that_is_not_finite_is_named(
    detector: Detector, image: np.ndarray, number: str
) -> None:
    message = rf"finite .* got \[5\.0, 6\.0, {number}, 8\.0\] as box 1$"
    with pytest.raises(DetectorError, match=message):
        detector(image, proposals=[[1, 2, 3, 4], [5, 6, float(number), 8], [float(number)] * 4])


def test_boxes_lie_in_memory_as_they_like(detector: Detector, image: np.ndarray) -> None:
    boxes = some_boxes(5)
    fixed = boxes.copy()
    fixed.setflags(write=False)
    expected = detector.classify(image, boxes)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(detector.classify(image, fixed), expected)
        np.testing.assert_array_equal(detector.classify(image, np.asfortranarray(boxes)), expected)
        np.testing.assert_array_equal(
            detector.classify(image, boxes[::-1])[::-1].argmax(1), expected.argmax(1)
        )


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"threshold": 40}, "threshold is 40; scores are 0 to 1"),
        ({"threshold": float("nan")}, "threshold is nan"),
        ({"threshold": "high"}, "threshold is 'high'; scores are 0 to 1"),
        ({"threshold": [0.5]}, r"threshold is \[0.5\]; scores are 0 to 1"),
        ({"max_detections": -1}, "max_detections is -1; use 1 or more"),
        ({"max_detections": 2.5}, "max_detections is 2.5; use 1 or more, a whole number"),
        ({"max_detections": "few"}, "max_detections is 'few'; use 1 or more, a whole number"),
    ],
)
def test_numbers_out_of_their_bounds_are_refused(
    detector: Detector, image: np.ndarray, numbers: dict[str, Any], message: str
) -> None:
    with pytest.raises(DetectorError, match=message):
        detector(image, **numbers)


def test_numbers_may_be_numpy_s(detector: Detector, image: np.ndarray) -> None:
    expected = detector(image, threshold=0.25, max_detections=2)
    for lowest, most in ((np.float32(0.25), np.int64(2)), (np.float64(0.25), np.uint8(2))):
        assert detector(image, threshold=lowest, max_detections=most) == expected


def test_a_threshold_is_the_lowest_score_that_is_shown(
    detector: Detector, image: np.ndarray
) -> None:
    scores = detector(image, threshold=0.0).scores
    assert len(detector(image, threshold=float(scores[2]))) == 3


def test_classify_gives_a_distribution_per_box(detector: Detector, image: np.ndarray) -> None:
    boxes = some_boxes(37)  # not a multiple of the batch
    probabilities = detector.classify(image, boxes)
    assert probabilities.shape == (37, 3) and probabilities.dtype == np.float32
    assert (probabilities >= 0).all() and probabilities.std(0).max() > 0.01
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    # each box is answered for itself, whatever the others are
    np.testing.assert_allclose(
        detector.classify(image, boxes[20:23]), probabilities[20:23], atol=1e-3
    )


@torch.inference_mode()
def test_only_the_likeliest_objects_reach_the_head(detector: Detector, image: np.ndarray) -> None:
    boxes = some_boxes(100)
    features = detector.see(image)
    likely = predict_objectness(features, boxes)
    with mixed_precision(detector.device):
        logits = detector.model.objectness(features.pyramid, torch.from_numpy(boxes)).float()
    np.testing.assert_allclose(likely, 1 / (1 + np.exp(-logits.numpy())), rtol=1e-4)
    three = np.array([0.1, 0.9, 0.3], np.float32)
    options = detector.recipe.network
    assert likeliest(boxes[:3], three, options).tolist() == [1, 2, 0]
    best = likeliest(boxes, likely, options)
    assert len(best) == options.keep == 30
    assert likely[best].min() >= np.delete(likely, best).max()


def test_of_regions_that_nearly_coincide_the_likeliest_is_kept(detector: Detector) -> None:
    # IoU with the first: 90 / 110, 60 / 140, 0
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [4, 0, 14, 10], [50, 0, 60, 10]], np.float32)
    likely = np.array([0.5, 0.4, 0.0, 0.6], np.float32)

    def kept(*settings: str) -> list[int]:
        options = override(detector.recipe, settings).network
        return likeliest(boxes, likely, options).tolist()

    assert kept() == kept("network.keep_iou=0.82") == [3, 0, 1, 2]
    assert kept("network.keep_iou=0.81") == [3, 0, 2]
    assert kept("network.keep_iou=0.42") == [3, 0]
    assert kept("network.keep_iou=0.42", "network.keep=1") == [3]
    boxes, likely = boxes[:0], likely[:0]
    assert kept("network.keep_iou=0.5") == []


def test_a_score_is_class_probability_times_objectness(
    detector: Detector, image: np.ndarray
) -> None:
    boxes = some_boxes(1)
    likely = predict_objectness(detector.see(image), boxes)
    expected = detector.classify(image, boxes)[0, 1:] * likely[0]
    once = scored_once(detector)
    found = Detector(detector.members, once, detector.info, "cpu")(
        image, proposals=boxes, threshold=0.0
    )
    expected = np.sort(expected[expected > once.postprocess.evaluate_threshold])[::-1]
    assert len(expected)
    np.testing.assert_allclose(found.scores, expected, rtol=1e-4)


@pytest.mark.parametrize("exponent", [0.0, 0.5])
def test_objectness_enters_a_score_by_its_exponent(
    detector: Detector, image: np.ndarray, exponent: float
) -> None:
    """With 0 a score is the class's probability."""
    boxes, once = some_boxes(1), scored_once(detector)
    likely = predict_objectness(detector.see(image), boxes)
    recipe = replace(once, postprocess=replace(once.postprocess, objectness=exponent))
    found = Detector(detector.members, recipe, detector.info, "cpu")(
        image, proposals=boxes, threshold=0.0
    )
    expected = detector.classify(image, boxes)[0, 1:] * likely[0] ** exponent
    expected = np.sort(expected[expected > recipe.postprocess.evaluate_threshold])[::-1]
    assert len(expected)
    np.testing.assert_allclose(found.scores, expected, rtol=1e-4)


def test_another_recipe_over_the_same_weights(small_weights: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("network: {keep: 7}\n")
    assert Detector.load(recipe, weights=small_weights, device="cpu").recipe.network.keep == 7
    with pytest.raises(DetectorError, match="names no weights; give --weights"):
        Detector.load(recipe)


def test_unknown_names_and_devices_are_refused(small_weights: Path, tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match="'voc2': no such recipe; did you mean 'voc20'"):
        Detector.load("voc2")
    with pytest.raises(DetectorError, match=r"none\.safetensors: no such file"):
        Detector.load(tmp_path / "none.safetensors")
    (tmp_path / "run").mkdir()
    with pytest.raises(DetectorError, match="no such file; finish the run with `detect train`"):
        Detector.load(tmp_path / "run")
    (tmp_path / "model.pt").write_bytes(b"pickled")
    with pytest.raises(DetectorError, match=r"model\.pt: .* a \.safetensors file"):
        Detector.load(tmp_path / "model.pt")
    with pytest.raises(DetectorError, match=r"nonsense: .*use cpu, cuda"):
        Detector.load(small_weights, device="nonsense")


def test_a_folder_with_a_recipe_s_name_does_not_hide_the_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "voc20").mkdir()
    with pytest.raises(DetectorError) as caught:  # its weights first, or then the device
        Detector.load("voc20", device="nonsense")
    assert "run folder" not in str(caught.value)


def test_one_result_however_often(detector: Detector, image: np.ndarray) -> None:
    assert detector(image) == detector(image)
