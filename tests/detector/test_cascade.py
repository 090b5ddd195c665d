"""Which network classifies which region, and how their predictions are combined."""

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

import detector.networks.scoring
import detector.region_scores
from detector import Detector
from detector.networks.ensemble import Member, without_vote
from detector.networks.regions import RegionClassifier
from detector.networks.scoring import Reader
from detector.region_scores import Stage, predict_in_stages, stages_of
from tests.made_up import NAMES, rectangles


@pytest.fixture(scope="module")
def single(small_weights: Path) -> Detector:
    return Detector.load(small_weights, device="cpu")


def some_boxes(count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 80, (count, 2))
    return np.concatenate([low, low + rng.uniform(10, 40, (count, 2))], 1).astype(np.float32)


def described(stages: Sequence[Stage]) -> list[tuple[list[str], int, float]]:
    return [
        ([reader.member.mode for reader in stage.readers], stage.votes, stage.least)
        for stage in stages
    ]


def test_every_network_but_the_last_is_a_stage_while_there_are_scores() -> None:
    modes = ("proposer", "warp", "shared")
    readers = [Reader(Member(RegionClassifier(2), mode), ()) for mode in modes]
    in_two = [(["proposer"], 0, 0.1), (["warp", "shared"], 2, 1.0)]
    assert described(stages_of(readers, (0.1,))) == in_two
    in_three = [(["proposer"], 0, 0.1), (["warp"], 1, 0.2), (["shared"], 1, 1.0)]
    assert described(stages_of(readers, (0.1, 0.2))) == in_three
    assert described(stages_of(readers, (0.1, 0.2, 0.3))) == in_three
    assert described(stages_of(readers[1:2], (0.1,))) == [(["warp"], 1, 1.0)]
    assert stages_of(readers, (0.1, 0.2))[0].readers[0] is readers[0]


@pytest.mark.parametrize(
    ("average", "expected"),
    [
        # (0.9 + 0.5 + 0.5) / 3; the geometric mean's odds are the cube root of 9 * 1 * 1
        ("arithmetic", 1.9 / 3),
        ("geometric", 9 ** (1 / 3) / (1 + 9 ** (1 / 3))),
    ],
)
def test_a_region_goes_on_by_its_score_and_has_the_mean_of_its_votes(
    average: str, expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Probability of the one class by network and region; regions are known by their first number
    chances = {0: [0.01, 0.5, 0.5, 0.5, 0.5], 1: [0.9, 0.9, 0.2, 0.9, 0.9], 2: [0.5] * 5}
    moved = {0: 9.0, 1: 1.0, 2: 2.5}
    classified: list[tuple[int, list[int]]] = []

    def predicted(readers: Any, _: Any, boxes: np.ndarray, how: str) -> Any:
        assert how == average
        number, rows = readers[0].member.model.number, boxes[:, 0].astype(int)
        classified.append((number, rows.tolist()))
        chance = np.array(chances[number], np.float32)[rows]
        deltas = np.full((len(rows), 1, 4), moved[number], np.float32)
        return np.stack([1 - chance, chance], 1), deltas

    monkeypatch.setattr(detector.region_scores, "predict", predicted)
    models = [RegionClassifier(1) for _ in range(3)]
    for number, model in enumerate(models):
        model.number = number  # type: ignore[assignment]
    scout, first, last = (Reader(Member(model, "warp"), ()) for model in models)
    stages = [Stage([scout], 0, 0.1), Stage([first], 1, 0.25), Stage([last, last], 2, 1.0)]
    boxes = np.zeros((5, 4), np.float32)
    boxes[:, 0] = range(5)
    likely = np.array([1, 1, 1, 0.15, 0.25], np.float32)
    probabilities, deltas = predict_in_stages(stages, Any, boxes, likely, average)  # type: ignore[arg-type]
    # The proposer rules out 0, and 3 (0.5 * 0.15); the first voter rules out 2 and 4 (0.9 * 0.25)
    assert classified == [(0, [0, 1, 2, 3, 4]), (1, [1, 2, 4]), (2, [1])]
    np.testing.assert_allclose(probabilities[:, 1], [0, expected, 0.2, 0, 0.9], rtol=1e-5)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-6)
    np.testing.assert_allclose(deltas[:, 0, 0], [0, (1 + 2 * 2.5) / 3, 1, 0, 1], rtol=1e-6)


def test_who_learned_no_boxes_has_no_say_in_where_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    models = [RegionClassifier(1) for _ in range(3)]
    for parameter in models[1].regressor.parameters():
        torch.nn.init.zeros_(parameter)
    moved = {id(models[0]): 3.0, id(models[1]): 0.0, id(models[2]): 6.0}

    def predicted(readers: Any, _: Any, boxes: np.ndarray, *__: Any) -> Any:
        deltas = np.full((len(boxes), 1, 4), moved[id(readers[0].member.model)], np.float32)
        return np.full((len(boxes), 2), 0.5, np.float32), deltas

    monkeypatch.setattr(detector.region_scores, "predict", predicted)
    boxes, likely = np.zeros((1, 4), np.float32), np.ones(1, np.float32)

    def mean_of(*order: int) -> float:
        stages = [Stage([Reader(Member(models[number], "warp"), ())], 1, 0.0) for number in order]
        deltas = predict_in_stages(stages, Any, boxes, likely, "arithmetic")[1]  # type: ignore[arg-type]
        return float(deltas[0, 0, 0])

    assert mean_of(0, 1, 2) == mean_of(1, 0, 2) == mean_of(0, 2, 1) == 4.5
    assert mean_of(0, 1) == mean_of(1, 0) == 3 and mean_of(1) == 0


def test_where_nothing_is_ruled_out_a_cascade_finds_the_same_and_else_warps_less(
    single: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detector.networks.scoring, "mixed_precision", lambda _: nullcontext())
    voters = []
    for seed in range(2):
        torch.manual_seed(seed)
        model = copy.deepcopy(single.model)
        torch.nn.init.normal_(model.classifier.weight, std=0.3)
        with torch.no_grad():
            model.network.inception_3a.one.weight *= 1.1 + seed  # its own first layers
        voters.append(Member(model, "warp"))
    members = [without_vote(single.members), *voters]
    together = Detector(members, single.recipe, single.info, "cpu")
    recipe, image, boxes = together.recipe, rectangles(11)[0], some_boxes(9)
    recipe = replace(recipe, postprocess=replace(recipe.postprocess, refine_boxes=0))
    warped: dict[int, int] = {}
    for number, member in enumerate(together.members[1:]):
        member.model.network.inception_4a.register_forward_hook(
            lambda _, inputs, __, n=number: warped.update({n: warped.get(n, 0) + len(inputs[0])})
        )

    def found(*cascade: float) -> tuple[Any, dict[int, int]]:
        network = replace(recipe.network, keep=0, cascade=cascade)
        together.recipe = replace(recipe, network=network)
        warped.clear()
        detections = together(image, proposals=boxes, preset="evaluate")
        return detections, dict(warped)

    everything, all_crops = found()
    assert len(everything) and all_crops == {0: 9, 1: 9}
    same, crops = found(0.0, 0.0)
    assert crops == all_crops
    np.testing.assert_allclose(same.boxes_xyxy, everything.boxes_xyxy, atol=1e-3)
    np.testing.assert_allclose(same.scores, everything.scores, atol=1e-5)
    nothing, crops = found(1.0)
    assert not len(nothing) and not crops
    _, crops = found(0.0, 0.999)  # the first network is as certain of no region
    assert crops == {0: 9}


def test_a_proposer_that_sees_surroundings_is_asked_with_them(single: Detector) -> None:
    torch.manual_seed(3)
    model = RegionClassifier(len(NAMES), context=(2.0,))
    torch.nn.init.normal_(model.classifier.weight[:, 1024:], std=0.03)  # what is around decides
    scout = Detector([Member(model)], single.recipe, single.info, "cpu")
    members = [Member(model, "proposer"), Member(single.model, "warp")]
    together = Detector(members, single.recipe, single.info, "cpu")
    image, boxes = rectangles(11)[0], some_boxes(9)
    chances = 1 - scout.classify(image, boxes)[:, 0]
    middle = float(np.sort(chances)[3:5].mean())  # between two, not on one
    assert 0 < chances.min() < middle < chances.max() < 1
    network = replace(together.recipe.network, cascade=(middle,))
    together.recipe = replace(together.recipe, network=network)
    features, likely = together.see(image), np.ones(9, np.float32)
    stages = stages_of(features.readers, network.cascade)
    deltas = predict_in_stages(stages, features, boxes, likely, "arithmetic").deltas
    np.testing.assert_array_equal(deltas.any((1, 2)), chances > middle)


def test_a_detector_without_its_vote_is_the_same_network(single: Detector) -> None:
    assert without_vote(single.members) == Member(single.model, "proposer")
