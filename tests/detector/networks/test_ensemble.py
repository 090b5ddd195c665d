"""Networks that vote: what they have in common is written, held and recognised once."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch

from detector import Detector, DetectorError
from detector.networks.ensemble import Member, pack, shared_layers, unpack
from detector.networks.regions import RegionClassifier
from detector.weights_file import WeightsInfo, load_tensors, save_weights
from tests.made_up import CATEGORY_IDS, NAMES


@pytest.fixture(scope="module")
def detector(small_weights: Path) -> Detector:
    return Detector.load(small_weights, device="cpu")


def other(model: RegionClassifier, *changed: str) -> RegionClassifier:
    """A copy in which these layers and the classifier are others."""
    model = copy.deepcopy(model)
    with torch.no_grad():
        for name in ("classifier", *changed):
            for parameter in model.get_submodule(name).parameters():
                parameter += 0.5
    return model


def same(one: RegionClassifier, two: RegionClassifier) -> bool:
    left, right = one.state_dict(), two.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[n], right[n]) for n in left)


def layers_of(tensors: dict[str, torch.Tensor], number: int) -> set[str]:
    """Which of GoogLeNet's layers a member has of its own."""
    prefix = f"members.{number}.network."
    return {n.removeprefix(prefix).split(".")[0] for n in tensors if n.startswith(prefix)}


def test_a_trunk_in_common_is_written_and_held_once(detector: Detector) -> None:
    first = detector.model
    heads = [other(first, "network.inception_5b") for _ in range(2)]
    tensors = pack([Member(first), *map(Member, heads)])
    assert layers_of(tensors, 1) == layers_of(tensors, 2) == {"inception_5b"}
    own = {"classifier.weight", "classifier.bias", "regressor.weight", "regressor.bias"}
    own |= {"reduce.weight", "reduce.bias"}
    assert {n.removeprefix("members.1.") for n in tensors if n.startswith("members.1.")} == own | {
        f"network.inception_5b.{n}" for n in first.network.inception_5b.state_dict()
    }
    assert {n: tensors[n] for n in first.state_dict()}.keys() == first.state_dict().keys()

    found = unpack(tensors, ("shared",) * 3, len(NAMES))
    assert [member.mode for member in found] == ["shared"] * 3
    assert all(
        same(member.model, model) for member, model in zip(found, [first, *heads], strict=True)
    )
    networks = [member.model.network for member in found]
    for name, layer in networks[0].named_children():
        held = {id(getattr(network, name)) for network in networks}
        assert len(held) == (3 if name == "inception_5b" else 1), name
        assert id(layer) in held
    assert len({id(member.model.objectness) for member in found}) == 1
    assert len({id(member.trunk) for member in found}) == 1


def test_unlike_trunks_are_written_and_held_each(detector: Detector) -> None:
    # The layers after 3a are the same, but what they are given is not
    members = [Member(detector.model), Member(other(detector.model, "network.inception_3a"))]
    assert shared_layers(members[1].model, detector.model) == ["conv1", "conv2_reduce", "conv2"]
    tensors = pack(members)
    assert layers_of(tensors, 1) == {
        f"inception_{name}" for name in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")
    }
    found = unpack(tensors, ("shared", "shared"), len(NAMES))
    assert found[0].trunk is not found[1].trunk
    assert found[0].model.network.conv2 is found[1].model.network.conv2
    assert same(found[1].model, members[1].model)


@pytest.mark.parametrize(
    "modes", [("warp", "shared"), ("proposer", "warp", "warp"), ("warp",), ("shared",)]
)
def test_every_mix_of_modes_comes_back_from_its_file(
    modes: tuple[str, ...], detector: Detector, tmp_path: Path
) -> None:
    models = [copy.deepcopy(detector.model)]
    models += [other(detector.model, "network.inception_4e") for _ in modes[1:]]
    members = [
        Member(model.half().float(), mode) for model, mode in zip(models, modes, strict=True)
    ]
    members[-1].model.padding = torch.tensor(40)
    path = tmp_path / "weights.safetensors"
    Detector(members, detector.recipe, detector.info, "cpu").save(path)
    found = Detector.load(path, device="cpu")
    assert found.info.members == modes == tuple(member.mode for member in found.members)
    assert found.model is found.members[0].model
    assert found.members[-1].model.crop_padding == 40
    assert all(same(a.model, b) for a, b in zip(found.members, models, strict=True))
    assert not any(n.startswith("members.1.objectness") for n in load_tensors(path)[0])


def test_a_network_may_go_on_from_one_of_another_padding(detector: Detector) -> None:
    wide = RegionClassifier(len(NAMES), padding=40)
    wide.continue_from(detector.model)
    assert wide.crop_padding == 40
    usual = RegionClassifier(len(NAMES))
    usual.continue_from(wide)
    assert usual.crop_padding == 16 and same(usual, detector.model)


@pytest.mark.parametrize(
    ("modes", "expected"),
    [
        (("shared", "attention"), "mode is 'attention', not one of shared, warp, proposer"),
        (("proposer",), "no member has a vote"),
        ((), "no member has a vote"),
        (("shared", "shared"), "its tensors do not fit"),  # the second has none
    ],
)
def test_members_that_cannot_be_are_refused_by_the_file_s_name(
    modes: tuple[str, ...], expected: str, detector: Detector, tmp_path: Path
) -> None:
    path = tmp_path / "odd.safetensors"
    info = WeightsInfo(NAMES, CATEGORY_IDS, detector.recipe.to_dict(), members=modes)
    save_weights(path, detector.model.state_dict(), info)
    with pytest.raises(DetectorError) as caught:
        Detector.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and expected in message and "\n" not in message
    assert "; " in message
