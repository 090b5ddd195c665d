"""Detectors combined: the first proposes, all vote, one file holds them."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from detector import Detector, DetectorError
from detector.networks.ensemble import Member, pack, proposer_for_classes
from detector.networks.scoring import predict_objectness
from tests.made_up import NAMES, altered, rectangles


@pytest.fixture(scope="module")
def first(small_weights: Path) -> Detector:
    return Detector.load(small_weights, device="cpu")


def biased(detector: Detector, amount: float, mode: str = "shared") -> Detector:
    """A copy that is read in this mode and likes the first class so much more."""
    model = copy.deepcopy(detector.model)
    with torch.no_grad():
        model.classifier.bias[1] += amount
    info = replace(detector.info, metrics={"validation_mAP50": 0.5}, version=f"{amount}")
    return Detector([Member(model, mode)], detector.recipe, info, "cpu")


def biases(detector: Detector) -> list[float]:
    return [member.model.classifier.bias[1].item() for member in detector.members]


def test_members_keep_their_order_and_the_first_is_everybody_s(first: Detector) -> None:
    one, two, three = biased(first, 1.0), biased(first, 2.0, "warp"), biased(first, 3.0)
    two.recipe = replace(first.recipe, name="of the second")
    ensemble = Detector.combine([one, Detector.combine([two, three])])
    assert biases(ensemble) == [1.0, 2.0, 3.0]
    assert ensemble.info.members == ("shared", "warp", "shared")
    assert ensemble.recipe == one.recipe and ensemble.info.version == "1.0"
    assert ensemble.info.metrics == {}  # what was measured was measured on one
    assert biases(Detector.combine([three, one])) == [3.0, 1.0]
    # nobody's networks have become another's
    assert biases(one) == [1.0] and len(one.members) == 1


def test_a_recipe_brings_the_networks_of_several_files(first: Detector, tmp_path: Path) -> None:
    for name, amount, mode in (("a", 1.0, "shared"), ("b", 2.0, "warp"), ("c", 3.0, "shared")):
        biased(first, amount, mode).save(tmp_path / f"{name}.safetensors")
    files = [str(tmp_path / f"{name}.safetensors") for name in "abc"]
    recipe = {"name": "all", "weights": files[0], "more_weights": files[1:]}
    (tmp_path / "all.yaml").write_text(yaml.safe_dump({**recipe, "network": {"keep": 7}}))
    detector = Detector.load(tmp_path / "all.yaml", device="cpu")
    assert biases(detector) == [1.0, 2.0, 3.0] and detector.recipe.network.keep == 7
    assert detector.info.members == ("shared", "warp", "shared")
    # Weights that are named stand instead of all of these, and one file may hold all
    assert biases(Detector.load(tmp_path / "all.yaml", weights=files[1], device="cpu")) == [2.0]
    detector.save(tmp_path / "one.safetensors")
    assert biases(Detector.load(tmp_path / "one.safetensors", device="cpu")) == [1.0, 2.0, 3.0]
    (tmp_path / "all.yaml").write_text(
        yaml.safe_dump({**recipe, "more_weights": ["none.safetensors"]})
    )
    with pytest.raises(DetectorError, match=r"none\.safetensors"):
        Detector.load(tmp_path / "all.yaml", device="cpu")


def test_weights_of_one_s_own_lie_where_the_path_says(
    first: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    biased(first, 2.0).save("mine.safetensors")
    Path("all.yaml").write_text("{name: all, weights: ./mine.safetensors}")
    assert biases(Detector.load("all.yaml", device="cpu")) == [2.0]
    Path("all.yaml").write_text("{name: all, weights: mine.safetensors}")  # one that ships
    with pytest.raises(DetectorError, match=r"detector/weights/mine\.safetensors: no such file"):
        Detector.load("all.yaml", device="cpu")


def test_a_recipe_s_proposer_has_no_vote(first: Detector, tmp_path: Path) -> None:
    for name, amount, mode in (("p", 1.0, "shared"), ("a", 2.0, "warp"), ("b", 3.0, "warp")):
        biased(first, amount, mode).save(tmp_path / f"{name}.safetensors")
    proposer, one, two = (str(tmp_path / f"{name}.safetensors") for name in "pab")
    recipe = {"name": "all", "proposer": proposer, "weights": one, "more_weights": [two]}
    (tmp_path / "all.yaml").write_text(yaml.safe_dump({**recipe, "network": {"keep": 3}}))
    found = Detector.load(tmp_path / "all.yaml", device="cpu")
    assert found.info.members == ("proposer", "warp", "warp") and found.recipe.name == "all"
    assert biases(found)[1:] == [2.0, 3.0]
    again = pack(Detector.load(tmp_path / "all.yaml", device="cpu").members)
    # nothing is drawn at random, or a run could not go on with the same command
    assert all(torch.equal(tensor, again[name]) for name, tensor in pack(found.members).items())
    image, boxes = rectangles(3)[0], np.array([[5, 5, 60 + n, 70] for n in range(9)], np.float32)
    stages = found.trace(image, proposals=boxes)[1]
    alike = Detector(first.members, found.recipe, first.info, "cpu")
    likely = predict_objectness(alike.see(image), boxes)
    np.testing.assert_array_equal(stages.regions_xyxy, boxes[np.argsort(-likely)[:3]])
    voters = Detector.combine([Detector.load(one, device="cpu"), Detector.load(two, device="cpu")])
    expected = voters.classify(image, boxes)
    np.testing.assert_allclose(found.classify(image, boxes), expected, atol=1e-2)

    (tmp_path / "all.yaml").write_text(yaml.safe_dump({**recipe, "proposer": two}))
    with pytest.raises(DetectorError, match="warp mode cannot choose regions"):
        Detector.load(tmp_path / "all.yaml", device="cpu")


def test_where_every_detector_comes_from_is_kept(first: Detector, tmp_path: Path) -> None:
    def made(data: str, seed: int) -> Detector:
        detector = biased(first, float(seed))
        detector.info = replace(detector.info, provenance={"data": data, "images": 5})
        training = altered(first.recipe.training, seed=seed)
        detector.recipe = replace(first.recipe, name=f"of {data}", training=training)
        return detector

    Detector.combine([Detector.combine([made("a", 1), made("b", 2)]), made("c", 3)]).save(
        tmp_path / "x.safetensors"
    )
    provenance = Detector.load(tmp_path / "x.safetensors", device="cpu").info.provenance
    assert (provenance["data"], provenance["images"]) == ("a", 5)  # the first one's, as before
    assert provenance["combined"] == [
        {"data": d, "images": 5, "recipe": f"of {d}", "seed": seed, "version": f"{seed}.0"}
        for seed, d in enumerate("abc", 1)
    ]


def test_proposers_of_the_others_are_left_out(first: Detector) -> None:
    voter = biased(first, 1.0, "warp").members[0]
    members = [proposer_for_classes(first.members, len(NAMES)), voter]
    pair = Detector(members, first.recipe, first.info, "cpu")
    assert Detector.combine([pair, pair]).info.members == ("proposer", "warp", "warp")
    assert Detector.combine([first, pair]).info.members == ("shared", "warp")


def test_a_combined_detector_is_the_same_when_it_comes_from_its_file(
    first: Detector, tmp_path: Path
) -> None:
    path = tmp_path / "ensemble.safetensors"
    ensemble = Detector.combine([first, biased(first, 1.0), biased(first, 0.5, "warp")])
    ensemble.recipe = replace(
        ensemble.recipe,
        network=replace(ensemble.recipe.network, keep=4),
        postprocess=replace(ensemble.recipe.postprocess, refine_boxes=0),
    )
    ensemble.save(path)
    image = rectangles(3)[0]
    found = ensemble(image, threshold=0.0)
    assert len(found) > 1 and Detector.load(path, device="cpu")(image, threshold=0.0) == found
    # 18 MB each, were the layers in common written thrice
    assert path.stat().st_size < 20e6


def test_what_cannot_vote_together_is_refused(first: Detector) -> None:
    info = replace(first.info, class_names=("red", "blue"))
    strange = Detector(first.members, first.recipe, info, "cpu")
    with pytest.raises(DetectorError, match=r"^detectors of different .*: red, green; red, blue$"):
        Detector.combine([first, strange])
    with pytest.raises(DetectorError, match="no detector to combine"):
        Detector.combine([])


def test_a_proposer_needs_an_objectness_score(first: Detector) -> None:
    with pytest.raises(DetectorError, match="warp mode cannot choose regions; name one in shared"):
        proposer_for_classes(biased(first, 1.0, "warp").members, 5)
    proposer = proposer_for_classes(first.members, 5)  # whatever the classes
    assert proposer.mode == "proposer" and proposer.model.classes == 5
    assert proposer.model.network is first.model.network
    assert np.isfinite(proposer.model.classifier.weight.detach().numpy()).all()
