"""The vote: means of the members' predictions, and nothing computed twice."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import detector.networks.pyramid
import detector.networks.scoring
import detector.pipeline
from detector import Detector
from detector.networks.ensemble import Member, pack, proposer_for_classes, unpack
from detector.networks.regions import RegionClassifier
from detector.networks.scoring import average_members, predict, predict_objectness, see
from detector.recipes import NetworkOptions
from proposals.boxes import flip_boxes
from tests.made_up import NAMES, rectangles

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def full_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some processors would compute in half of it, in which predictions differ by a hundredth."""
    monkeypatch.setattr(detector.networks.scoring, "mixed_precision", lambda _: nullcontext())
    monkeypatch.setattr(detector.networks.scoring, "REGIONS_PER_PASS", 4)


@pytest.fixture(scope="module")
def single(small_weights: Path) -> Detector:
    return Detector.load(small_weights, device="cpu")


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return rectangles(11)[0]


def some_boxes(count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 80, (count, 2))
    return np.concatenate([low, low + rng.uniform(10, 40, (count, 2))], 1).astype(np.float32)


def other(model: RegionClassifier, seed: int, trunk: bool = False) -> RegionClassifier:
    """A network of other opinions, on the same trunk or on one of its own."""
    torch.manual_seed(seed)
    model = copy.deepcopy(model)
    torch.nn.init.normal_(model.classifier.weight, std=0.3)
    torch.nn.init.normal_(model.regressor.weight, std=0.01)
    if trunk:
        with torch.no_grad():
            model.network.inception_3a.one.weight *= 1.5
    return model


def together(models: Sequence[RegionClassifier], modes: Sequence[str]) -> list[Member]:
    """The members as they come from a file: layers in common are one object."""
    members = [Member(model, mode) for model, mode in zip(models, modes, strict=True)]
    found = unpack(pack(members), tuple(modes), len(NAMES))
    for member in found:
        member.model.to(memory_format=torch.channels_last).eval()
    return found


def as_detector(single: Detector, members: Sequence[Member], **network: Any) -> Detector:
    """These members under the small recipe, without refinement and box voting."""
    recipe = replace(
        single.recipe,
        postprocess=replace(single.recipe.postprocess, refine_boxes=0, vote_iou=0.0),
        network=replace(single.recipe.network, **network),
    )
    return Detector(members, recipe, single.info, "cpu")


def test_probabilities_and_deltas_are_the_means_of_the_members(
    single: Detector, image: np.ndarray
) -> None:
    models = [single.model, other(single.model, 1), other(single.model, 2, trunk=True)]
    members = together([*models, other(single.model, 3)], ["shared", "shared", "shared", "warp"])
    boxes, options = some_boxes(6), single.recipe.network

    def predictions(members: Sequence[Member]) -> tuple[np.ndarray, np.ndarray]:
        features = see(members, image, options, CPU)
        return predict(features.readers, features, boxes)

    alone = [predictions([member]) for member in members]
    probabilities, deltas = predictions(members)
    assert probabilities.shape == (6, 3) and deltas.shape == (6, 2, 4)
    for found, index in ((probabilities, 0), (deltas, 1)):
        expected = np.mean([prediction[index] for prediction in alone], axis=0)
        np.testing.assert_allclose(found, expected, atol=1e-4)
        for prediction in alone:  # and is no single one's
            assert np.abs(found - prediction[index]).max() > 0.01
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)


def test_deltas_are_those_of_the_members_that_learned_any(
    single: Detector, image: np.ndarray
) -> None:
    fixed = other(single.model, 1)
    for parameter in fixed.regressor.parameters():
        torch.nn.init.zeros_(parameter)
    assert not fixed.moves_boxes and single.model.moves_boxes
    first, second = together([single.model, fixed], ["shared", "shared"])
    boxes, options = some_boxes(6), single.recipe.network

    def predictions(*members: Member) -> tuple[np.ndarray, np.ndarray]:
        features = see(members, image, options, CPU)
        return predict(features.readers, features, boxes)

    both, alone, unmoved = predictions(first, second), predictions(first), predictions(second)
    np.testing.assert_allclose(both[1], alone[1], atol=1e-6)
    np.testing.assert_allclose(both[0], (alone[0] + unmoved[0]) / 2, atol=1e-5)
    assert np.abs(alone[1]).max() > 0 and not unmoved[1].any()


def test_the_mean_of_members_by_hand() -> None:
    sure, torn = torch.tensor([[0.9, 0.1]]), torch.tensor([[0.5, 0.5]])
    arithmetic = average_members([sure, torn], "arithmetic")
    torch.testing.assert_close(arithmetic, torch.tensor([[0.7, 0.3]]))
    # sqrt(0.9 * 0.5) is three times sqrt(0.1 * 0.5)
    geometric = average_members([sure, torn], "geometric")
    torch.testing.assert_close(geometric, torch.tensor([[0.75, 0.25]]))
    never = torch.tensor([[1.0, 0.0]])
    assert average_members([never, torn], "geometric").isfinite().all()
    assert torch.equal(average_members([sure], "geometric"), sure)


def test_seen_mirrored_too_a_photograph_and_its_mirror_image_have_one_prediction(
    single: Detector, image: np.ndarray
) -> None:
    members = together([single.model, other(single.model, 1)], ["shared", "warp"])
    boxes = some_boxes(3)
    flipped = np.ascontiguousarray(image[:, ::-1])

    def predictions(mirror: bool) -> list[tuple[np.ndarray, np.ndarray]]:
        # The photograph as large as it is: scaling might not be symmetric
        options = NetworkOptions(short_side=96, long_side=128, mirror=mirror)
        pairs = ((image, boxes), (flipped, flip_boxes(boxes, 128)))
        seen = [(see(members, picture, options, CPU), own) for picture, own in pairs]
        return [predict(features.readers, features, own) for features, own in seen]

    (probabilities, deltas), mirrored = predictions(True)
    np.testing.assert_allclose(mirrored[0], probabilities, atol=1e-3)
    np.testing.assert_allclose(mirrored[1], deltas * [-1, 1, 1, 1], atol=1e-3)
    one, two = predictions(False)
    assert np.abs(one[0] - two[0]).max() > 0.01
    # Each view counts as much
    np.testing.assert_allclose(probabilities, (one[0] + two[0]) / 2, atol=1e-3)


def test_a_trunk_of_three_heads_is_passed_once_and_there_is_one_suppression(
    single: Detector, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = [single.model, other(single.model, 1), other(single.model, 2)]
    members = together(models, ["shared"] * 3)
    passes = []
    for layer in {id(m.model.network.conv1): m.model.network.conv1 for m in members}.values():
        layer.register_forward_hook(lambda *_: passes.append("trunk"))
    calls = []
    suppress, roi_align = detector.pipeline.suppress, detector.networks.pyramid.roi_align_levels
    monkeypatch.setattr(
        detector.pipeline,
        "suppress",
        lambda *a, **k: calls.append("suppress") or suppress(*a, **k),
    )
    monkeypatch.setattr(
        detector.networks.pyramid,
        "roi_align_levels",
        lambda *a: calls.append("align") or roi_align(*a),
    )
    ensemble = as_detector(single, members, keep=0)
    assert len(ensemble(image, proposals=some_boxes(7), threshold=0.0))
    assert passes == ["trunk"]
    # objectness of all; then regions of two batches, cut out once for the three heads
    assert calls == ["align", "align", "align", "suppress"]


def test_each_of_two_trunks_is_passed_once(single: Detector, image: np.ndarray) -> None:
    members = together([single.model, other(single.model, 1, trunk=True)], ["shared", "shared"])
    passes = []
    for member in members:
        member.model.network.inception_3a.register_forward_hook(
            lambda layer, *_: passes.append(layer)
        )
    features = see(members, image, single.recipe.network, CPU)
    assert passes == [member.model.network.inception_3a for member in members]
    one, two = (reader.views[0].pyramid for reader in features.readers)
    assert features.pyramid is one is not two
    assert features.atlas is None  # nobody reads crops


def test_crops_are_made_once_for_all_members_that_read_them(
    single: Detector, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = together([single.model, other(single.model, 1)], ["warp", "warp"])
    warp_regions = detector.networks.scoring.warp_regions
    made = []

    def watched(atlas: Any, boxes: torch.Tensor, **others: Any) -> torch.Tensor:
        made.append(len(boxes))
        return warp_regions(atlas, boxes, **others)

    monkeypatch.setattr(detector.networks.scoring, "warp_regions", watched)
    features = see(members, image, single.recipe.network, CPU)
    assert all(reader.views[0].pyramid is None for reader in features.readers)
    predict(features.readers, features, some_boxes(6))
    assert made == [4, 2]


def test_each_padding_has_its_crops_and_first_layers_in_common_are_passed_once(
    single: Detector, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = [other(single.model, seed) for seed in range(4)]
    for model, padding in zip(models, (16, 16, 40, 40), strict=True):
        model.padding = torch.tensor(padding) if padding != 16 else None
    with torch.no_grad():
        models[3].network.conv1.bias += 1  # its first layers are its own
        models[1].network.inception_4a.one.bias += 1  # its others are
    members = together(models, ["warp"] * 4)
    assert [member.model.crop_padding for member in members] == [16, 16, 40, 40]
    made, passes = [], []
    warp_regions = detector.networks.scoring.warp_regions

    def watched(atlas: Any, boxes: torch.Tensor, **others: Any) -> torch.Tensor:
        made.append(others["padding"])
        return warp_regions(atlas, boxes, **others)

    monkeypatch.setattr(detector.networks.scoring, "warp_regions", watched)
    for layer in {id(m.model.network.conv1): m.model.network.conv1 for m in members}.values():
        layer.register_forward_hook(lambda layer, inputs, _: passes.append(len(inputs[0])))
    boxes = some_boxes(6)
    monkeypatch.setattr(detector.networks.scoring, "REGIONS_PER_PASS", 8)

    def predicted(members: Sequence[Member]) -> tuple[np.ndarray, np.ndarray]:
        features = see(members, image, single.recipe.network, CPU)
        return predict(features.readers, features, boxes)

    found = predicted(members)
    assert made == [16, 40]
    assert passes == [6, 6, 6]  # of two paddings, and of the network with layers of its own
    alone = [predicted([member]) for member in members]
    for mean, own in zip(found, zip(*alone, strict=True), strict=True):
        np.testing.assert_allclose(mean, np.mean(own, 0), atol=1e-5)
    assert np.abs(alone[0][0] - alone[2][0]).max() > 0.01


def test_a_network_that_reads_crops_alone_scores_all_proposals(
    single: Detector, image: np.ndarray
) -> None:
    boxes = some_boxes(5)
    alone = as_detector(single, [Member(single.model, "warp")], keep=2)
    found, trace = alone.trace(image, proposals=boxes, threshold=0.0)
    np.testing.assert_array_equal(trace.regions_xyxy, boxes)
    # Its scores are the probabilities: there is no objectness score to multiply them with
    probabilities = alone.classify(image, boxes)[:, 1:]
    limit = alone.recipe.postprocess.evaluate_threshold
    expected = np.sort(probabilities[probabilities > limit])
    np.testing.assert_allclose(np.sort(trace.scored.scores), expected, rtol=1e-4)
    assert len(found) and alone.propose(image).boxes_xyxy.shape[1] == 4


def test_a_proposer_chooses_the_regions_and_has_no_vote(
    single: Detector, image: np.ndarray
) -> None:
    boxes, voter = some_boxes(8), Member(other(single.model, 1, trunk=True), "warp")
    pair = as_detector(single, [proposer_for_classes(single.members, len(NAMES)), voter], keep=3)
    alone = as_detector(single, [voter])
    trace = pair.trace(image, proposals=boxes, threshold=0.0)[1]
    likely = predict_objectness(single.see(image), boxes)
    best = np.argsort(-likely)[:3]
    np.testing.assert_array_equal(trace.regions_xyxy, boxes[best])
    probabilities = alone.classify(image, boxes[best])
    np.testing.assert_allclose(pair.classify(image, boxes[best]), probabilities, atol=1e-5)
    scores = probabilities[:, 1:] * likely[best, None]
    expected = np.sort(scores[scores > pair.recipe.postprocess.evaluate_threshold])
    np.testing.assert_allclose(np.sort(trace.scored.scores), expected, rtol=1e-3)
