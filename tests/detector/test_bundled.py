"""The detector that ships, on the photographs that ship."""

from pathlib import Path

import numpy as np
import pytest

from detector import Detector
from detector.weights_file import WEIGHTS_FOLDER

PHOTOS = Path(__file__).parents[2] / "docs" / "photos"


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector.load(device="cpu")


@pytest.fixture(scope="module")
def shared() -> Detector:
    return Detector.load("voc20", device="cpu")


@pytest.mark.parametrize(
    ("photo", "name", "points"),
    [
        ("cat.jpg", "cat", [(172, 95), (300, 125), (265, 235)]),  # eyes and nose
        ("astronaut.jpg", "person", [(205, 110), (245, 110), (130, 300)]),  # eyes and patch
    ],
)
def test_finds_what_anyone_sees(
    detector: Detector, photo: str, name: str, points: list[tuple[int, int]]
) -> None:
    detections = detector(PHOTOS / photo)
    best = detections[0]
    x1, y1, x2, y2 = best.box_xyxy
    assert best.name == name
    assert all(x1 < x < x2 and y1 < y < y2 for x, y in points)


def test_says_what_it_is_and_how_good(detector: Detector, shared: Detector) -> None:
    for one in (detector, shared):
        assert len(one.info.class_names) == 20
        assert {"background"}.isdisjoint(one.info.class_names)
        assert one.info.provenance["data"]
    assert 0.3 < shared.info.metrics["voc20_test_mAP50"] < 1


@pytest.mark.parametrize(
    ("name", "mode", "epochs"),
    [("voc20", "shared", 2.5), ("voc20-warp", "warp", 2.0), ("voc20-warp-wide", "warp", 1.9)],
)
def test_every_file_holds_the_recipe_it_was_trained_by(name: str, mode: str, epochs: float) -> None:
    """The model card and docs/training.md name the epochs."""
    recipe = Detector.load(WEIGHTS_FOLDER / f"{name}.safetensors", device="cpu").recipe
    assert (recipe.name, recipe.network.mode) == (name, mode)
    assert recipe.training.loop.epochs == epochs


def test_the_default_is_two_networks_that_see_unlike_and_voc20_proposes(
    detector: Detector, shared: Detector
) -> None:
    assert [member.mode for member in detector.members] == ["proposer", "warp", "warp"]
    assert [member.model.crop_padding for member in detector.members[1:]] == [48, 16]
    assert detector.recipe.network.cascade == (0.015, 0.2)  # the wide one predicts first
    assert [member.mode for member in shared.members] == ["shared"]
    assert detector.recipe.network.average == "geometric"
    face = np.array([[100, 20, 380, 290]], np.float32)
    both = detector.classify(PHOTOS / "cat.jpg", face)[0]
    first = shared.classify(PHOTOS / "cat.jpg", face)[0]
    assert both.argmax() == first.argmax() and not np.allclose(both, first, atol=1e-3)
    proposals = [one.propose(PHOTOS / "cat.jpg").boxes_xyxy for one in (detector, shared)]
    np.testing.assert_array_equal(*proposals)


def test_presets_differ_only_in_the_threshold(detector: Detector) -> None:
    every = detector(PHOTOS / "cat.jpg", preset="evaluate")
    shown = detector(PHOTOS / "cat.jpg")
    assert len(every) > len(shown) >= 1
    assert np.array_equal(every.boxes_xyxy[: len(shown)], shown.boxes_xyxy)


def test_one_proposal_is_one_row_of_probabilities(detector: Detector) -> None:
    whole = np.array([[0, 0, 451, 300]], np.float32)
    probabilities = detector.classify(PHOTOS / "cat.jpg", whole)
    assert probabilities.shape == (1, 21)
    assert detector.info.class_names[probabilities[0, 1:].argmax()] == "cat"


def test_its_proposals_come_from_both_methods(detector: Detector) -> None:
    proposals = detector.propose(PHOTOS / "cat.jpg")
    alone = detector.multibox_proposals(PHOTOS / "cat.jpg")
    assert len(alone) == 200 == np.count_nonzero(proposals.source == "multibox")
    assert np.count_nonzero(proposals.source == "selective_search") > 200
    stages = detector.trace(PHOTOS / "cat.jpg")[1]  # there the trunk sees more scales
    np.testing.assert_array_equal(stages.proposals_xyxy, proposals.boxes_xyxy)
    # its surest box holds the face
    x1, y1, x2, y2 = alone.boxes_xyxy[0]
    assert x1 < 172 and y1 < 95 and x2 > 300 and y2 > 235
