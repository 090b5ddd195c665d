"""Options of one mode: training in the other mode refuses them, unless they are defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import detector.training.run
from detector import DetectorError
from detector.recipes import Recipe, recipe_from_dict
from detector.training.job import Job
from detector.training.run import train


def recipe(mode: str, **training: Any) -> Recipe:
    return recipe_from_dict({"name": "mine", "network": {"mode": mode}, "training": training})


@pytest.mark.parametrize(
    ("mode", "key", "value"),
    [
        ("warp", "repeat_threshold", 0.1),
        ("shared", "box_regression", False),
        ("shared", "auxiliary_weight", 0.5),
        ("shared", "class_balance", 0.5),
    ],
)
def test_an_option_that_would_be_ignored_is_refused(
    mode: str, key: str, value: Any, small_dataset: Path, tmp_path: Path
) -> None:
    with pytest.raises(DetectorError) as caught:
        train(small_dataset, tmp_path / "run", recipe(mode, **{key: value}), device="cpu")
    assert str(caught.value) == (
        f"recipe 'mine': training.{key} is {value!r}, but network.mode {mode} has no such option; "
        "leave it out or use the other mode"
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("key", "value"), [("keep", 20), ("keep_iou", 0.75)])
def test_regions_cannot_be_ranked_without_objectness(
    key: str, value: float, small_dataset: Path, tmp_path: Path
) -> None:
    crops = recipe_from_dict({"name": "mine", "network": {"mode": "warp", key: value}})
    with pytest.raises(DetectorError, match=rf"network\.{key} ranks regions by objectness, which"):
        train(small_dataset, tmp_path / "run", crops, device="cpu")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("mode", "training"),
    [
        ("warp", {}),
        ("shared", {}),
        ("warp", {"repeat_threshold": 0.0, "class_balance": 0.5}),
        ("shared", {"auxiliary_weight": 0.0, "repeat_threshold": 0.1}),
        ("warp", {"label_smoothing": 0.1}),
        ("shared", {"label_smoothing": 0.1}),
    ],
)
def test_defaults_and_what_a_mode_does_anyway_are_accepted(
    mode: str, training: dict[str, Any], small_dataset: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def learn(job: Job, *_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(detector.training.run, "train_network", learn)
    with pytest.raises(KeyboardInterrupt):
        train(small_dataset, tmp_path / "run", recipe(mode, **training), device="cpu")
