"""`--set`: values that may change in a trained detector, and values that its weights fix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from detector import Detector
from detector.networks.ensemble import Member
from detector.recipes import Recipe, override
from tests.detector.command import detect, save


def in_modes(weights: Path, path: Path, *modes: str) -> Path:
    """The same network several times, read in these modes."""
    one = Detector.load(weights, device="cpu")
    members = [Member(one.model, mode) for mode in modes]
    Detector(members, one.recipe, one.info, "cpu").save(path)
    return path


@pytest.mark.parametrize("command", ["image", "evaluate"])
@pytest.mark.parametrize(
    ("modes", "mode", "message"),
    [
        (["shared"], "warp", "in mode shared; "),
        (["proposer", "warp"], "shared", "in mode warp; "),
        (["shared", "warp"], "warp", "in mode shared and warp; "),
        (["shared", "warp"], "shared", "in mode shared and warp; "),
    ],
)
def test_a_mode_that_the_weights_were_not_trained_in_is_rejected(
    command: str, modes: list[str], mode: str, message: str, small_weights: Path,
    small_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    weights = in_modes(small_weights, tmp_path / "some.safetensors", *modes)
    source = [small_dataset.parent / "1.png"] if command == "image" else ["--data", small_dataset]
    run = detect(command, *source, "--weights", weights, "--set", f"network.mode={mode}")
    assert run.code == 1 and len(run.errors.splitlines()) == 1
    assert f"--set network.mode={mode}: these weights were trained {message}" in run.errors


def test_the_mode_of_the_weights_may_be_set(small_weights: Path, tmp_path: Path) -> None:
    picture, words = save(tmp_path / "street.png"), ["--weights", small_weights, "--json", "-"]
    plain = detect(*words, picture)
    same = detect(*words, picture, "--set", "network.mode=shared")
    assert plain.code == same.code == 0 and same.out == plain.out


@pytest.mark.parametrize("key", ["training.epochs", "more_weights", "proposer"])
def test_settings_without_effect_on_a_trained_detector_are_rejected(
    key: str, small_weights: Path, tmp_path: Path
) -> None:
    value = {"training.epochs": "2", "more_weights": "[]", "proposer": "voc20"}[key]
    picture = save(tmp_path / "street.png")
    run = detect(picture, "--weights", small_weights, "--set", f"{key}={value}")
    assert run.code == 2 and len(run.errors.splitlines()) == 1
    assert f"--set {key}: has no effect on a trained detector; " in run.errors


@pytest.mark.parametrize(
    ("mode", "setting"), [("shared", "network.context=[2]"), ("warp", "network.padding=40")]
)
def test_the_view_of_a_trained_network_cannot_be_set(
    mode: str, setting: str, small_weights: Path, tmp_path: Path
) -> None:
    one = Detector.load(small_weights, device="cpu")
    recipe = override(one.recipe, [f"network.mode={mode}"])
    members = [Member(one.model, mode)]
    Detector(members, recipe, one.info, "cpu").save(tmp_path / "w.safetensors")
    words = ["--weights", tmp_path / "w.safetensors", "--set", setting]
    run = detect(save(tmp_path / "street.png"), *words)
    assert run.code == 1 and len(run.errors.splitlines()) == 1
    assert f"--set {setting.partition('=')[0]}: the weights determine what" in run.errors


def test_training_may_continue_in_another_mode(
    small_weights: Path, small_dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}

    def train(data: Path, output: Path, recipe: Recipe, **options: Any) -> None:
        given.update(options, recipe=recipe)

    monkeypatch.setattr("detector.training.run.train", train)
    words = ["train", "--data", small_dataset, "--weights", small_weights, "--device", "cpu"]
    assert detect(*words, "--set", "network.mode=warp").code == 0
    assert given["recipe"].network.mode == "warp" and given["start"].members[0].mode == "shared"
