"""Recipes: those that ship can be read, and an error names the key and the remedy."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from detector.errors import DetectorError
from detector.recipes import (
    LoopOptions,
    Recipe,
    TrainingOptions,
    load_recipe,
    recipe_from_dict,
    recipe_names,
)
from proposals.search.strategies import MODES


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_that_ships_can_be_read(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name and recipe.description


def test_a_file_sets_only_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nnetwork: {keep: 100}\ntraining: {short_sides: [320, 640]}\n")
    recipe = load_recipe(path)
    assert recipe.name == "mine" and recipe.network.keep == 100
    assert recipe.training.short_sides == (320, 640)
    assert recipe.postprocess == Recipe().postprocess and recipe.network.padding == 16
    path.write_text("")
    assert load_recipe(path) == Recipe()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"trainig": {}}, "unknown key 'trainig'; did you mean 'training'?"),
        ({"network": {"short_sid": 64}}, "network: unknown key 'short_sid'; did you mean 'short_s"),
        ({"training": {"xyz": 1}}, "unknown key 'xyz'; use one of: epochs, "),
        ({"network": {"keep": "many"}}, "keep: expected int, got 'many'"),
        ({"network": {"keep": 1.5}}, "keep: expected int, got 1.5"),
        ({"network": {"keep": True}}, "keep: expected int, got True"),
        ({"training": {"epochs": True}}, "epochs: expected float, got True"),
        ({"training": {"epochs": "some"}}, "epochs: expected float, got 'some'"),
        ({"training": {"photometric": 1}}, "photometric: expected bool, got 1"),
        ({"training": {"short_sides": 448}}, "short_sides: expected a list"),
        ({"training": {"short_sides": []}}, "short_sides: expected a list"),
        ({"training": {"short_sides": [448, 0]}}, "training.short_sides holds 0; use 32 to 4096"),
        ({"training": {"foreground_fraction": 25.0}}, "foreground_fraction is 25.0; use 0.0 to 1"),
        ({"network": {"average": "mean"}}, "network.average is 'mean'; use one of: arithmetic, ge"),
        ({"network": {"mode": "warp", "context": [2]}}, "context needs network.mode shared; in wa"),
        ({"network": {"cascade": [0.1, 2]}}, "network.cascade holds 2.0; use 0 to 1"),
        ({"network": {"padding": 40}}, "padding needs network.mode warp; leave it out"),
        ({"network": {"mode": "warp", "padding": 97}}, "network.padding is 97; use 0 to 96"),
        ({"training": {"short_sides": [448, "big"]}}, "short_sides: expected int, got 'big'"),
        ({"network": None}, "network: expected keys and values, got None"),
        ([1, 2], r"expected keys and values, got [1, 2]"),
        ({"network": {"keep": -1}}, "network.keep is -1; use 0 to 1000000"),
        ({"postprocess": {"nms_iou": 1.5}}, "postprocess.nms_iou is 1.5; use 0.0 to 1.0"),
        ({"training": {"epochs": float("nan")}}, "training.epochs is nan"),
        ({"training": {"images_per_step": 0}}, "training.images_per_step is 0"),
        ({"training": {"seed": -1}}, "training.seed is -1"),
        ({"multibox": {"seed": -1}}, "multibox.seed is -1"),
        ({"training": {"learning_rate": -1.0}}, "training.learning_rate is -1.0; use 0.0 to 100.0"),
        ({"training": {"warmup_steps": -3}}, "training.warmup_steps is -3"),
        ({"training": {"loop": {"epochs": 2}}}, "training: unknown key 'loop'"),
        ({"postprocess": {"objectness": -1}}, "postprocess.objectness is -1.0; use 0.0 to 10.0"),
        ({"postprocess": {"vote_iou": 7.0}}, "postprocess.vote_iou is 7.0; use 0.0 to 1.0"),
        ({"training": {"label_smoothing": 1.0}}, "training.label_smoothing is 1.0; use 0.0 to 0.9"),
        ({"training": {"optimizer": "adam"}}, "optimizer is 'adam'; did you mean 'adamw'?"),
        ({"proposals": {"mode": "qualty"}}, "proposals.mode is 'qualty'; did you mean 'quality'?"),
        (
            {"multibox": {"schedule": "step"}},
            "multibox.schedule is 'step'; use one of: cosine, paper",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place_and_remedy(content: Any, message: str) -> None:
    with pytest.raises(DetectorError) as caught:
        recipe_from_dict(content, where="mine.yaml")
    text = str(caught.value)
    assert text.startswith("mine.yaml: ") and message in text and "\n" not in text


def test_whole_numbers_and_powers_of_ten_are_floats_too() -> None:
    # YAML 1.1 takes 5e-5, without a point, for text
    recipe = recipe_from_dict({"training": {"epochs": 3, "learning_rate": "5e-5"}})
    loop = recipe.training.loop
    assert loop.epochs == 3.0 and isinstance(loop.epochs, float)
    assert loop.learning_rate == 5e-5


@pytest.mark.parametrize("mode", MODES)
def test_a_recipe_names_any_mode_of_selective_search(mode: str) -> None:
    assert recipe_from_dict({"proposals": {"mode": mode}}).proposals.mode == mode


def test_files_that_are_no_recipe_are_named(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match="'voc2': no such recipe; did you mean 'voc20'"):
        load_recipe("voc2")
    with pytest.raises(DetectorError, match=r"none\.yaml: cannot be read \(No such file"):
        load_recipe(tmp_path / "none.yaml")
    for content in (b"network: [1, 2", b"a: b: c", b"\xff\xfe\x00"):
        path = tmp_path / "broken.yaml"
        path.write_bytes(content)
        with pytest.raises(DetectorError, match=r"broken\.yaml: not valid YAML") as caught:
            load_recipe(path)
        assert "\n" not in str(caught.value)


def test_a_recipe_comes_back_from_the_metadata_of_weights() -> None:
    loop = LoopOptions(learning_rate=1e-5)
    training = TrainingOptions(short_sides=(64, 96), loop=loop)
    recipe = replace(load_recipe("voc20"), training=training)
    assert recipe_from_dict(recipe.to_dict()) == recipe
    assert recipe_from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe
