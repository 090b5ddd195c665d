"""Run folders: recipe, description, metrics and curves."""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from detector.errors import DetectorError
from detector.recipes import Recipe, load_recipe, recipe_from_dict
from detector.training_loop.curves import add_validation, draw_curves, read_curves, smooth
from detector.training_loop.machine import DEFAULT_MACHINE, Machine
from detector.training_loop.run_folder import (
    Origin,
    forget_after,
    log_metrics,
    read_metrics,
    start_run_folder,
)
from detector.training_loop.tensorboard import _note_missing
from tests.detector import tiny_run
from tests.made_up import SMALL_RECIPE

CPU = torch.device("cpu")
RECIPE = recipe_from_dict(SMALL_RECIPE)


def start(
    folder: Path, data: Path, recipe: Recipe = RECIPE, content: str = "red", initial: str = "one",
    machine: Machine = DEFAULT_MACHINE,
) -> dict[str, Any]:  # fmt: skip
    start_run_folder(folder, recipe, Origin(data, content, 12, initial), 4, CPU, machine)
    return json.loads((folder / "run.json").read_text())


def test_a_run_is_described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "größe.json"
    data.write_bytes(b"{}")
    monkeypatch.setattr(sys, "argv", ["detect", "train", "--data", "my file.json"])
    folder = tmp_path / "runs" / "one"
    about = start(folder, data)
    assert load_recipe(folder / "recipe.yaml") == RECIPE
    assert about["command"] == "detect train --data 'my file.json'"
    assert about["seed"] == 4 and about["processes"] == 1 and about["device"].startswith("cpu (")
    digest = hashlib.sha256(b"{}").hexdigest()
    assert about["data"] == {
        "file": str(data), "sha256": digest, "content": "red", "photographs": 12
    }  # fmt: skip
    assert about["versions"]["torch"] == torch.__version__
    assert about["versions"]["numpy"] == np.__version__
    assert {"python", "opencv", "googlenet-rcnn"} <= about["versions"].keys()
    assert about["started"].endswith("+00:00") and "continued" not in about
    assert {path.name for path in folder.iterdir()} == {"recipe.yaml", "run.json"}


def test_a_continued_run_keeps_its_first_description(tmp_path: Path) -> None:
    first = start(tmp_path, tmp_path / "none.json")
    assert first["data"]["sha256"] is None
    (tmp_path / "checkpoint.safetensors").touch()
    recipe = (tmp_path / "recipe.yaml").read_bytes()
    start(tmp_path, tmp_path)
    again = start(tmp_path, tmp_path)
    assert len(again.pop("continued")) == 2 and again == first
    assert (tmp_path / "recipe.yaml").read_bytes() == recipe


def test_another_machine_may_continue_a_run(tmp_path: Path) -> None:
    first = start(tmp_path, tmp_path)
    (tmp_path / "checkpoint.safetensors").touch()
    other = Machine("fp32", 60.0, 16.0, images_per_pass=4, crops_per_pass=128)
    again = start(tmp_path, tmp_path, machine=other)
    assert len(again["continued"]) == 1 and again["machine"] == first["machine"]
    assert first["machine"]["crops_per_pass"] == 32


def test_another_recipe_is_refused_whatever_the_file_looks_like(tmp_path: Path) -> None:
    start(tmp_path, tmp_path)
    (tmp_path / "member1").mkdir()
    (tmp_path / "member1" / "checkpoint.safetensors").touch()
    path = tmp_path / "recipe.yaml"
    path.write_text("# a remark\n" + path.read_text())
    start(tmp_path, tmp_path)
    other = replace(RECIPE, training=replace(RECIPE.training, photometric=True))
    with pytest.raises(DetectorError, match=r"recipe\.yaml: another recipe .* --output"):
        start(tmp_path, tmp_path, other)


def test_the_folder_of_a_run_that_learned_nothing_is_free(tmp_path: Path) -> None:
    (tmp_path / "member1").mkdir()
    start(tmp_path / "member1", tmp_path)
    start(tmp_path, tmp_path)
    other = replace(RECIPE, training=replace(RECIPE.training, photometric=True))
    about = start(tmp_path, tmp_path, other, initial="another")
    assert load_recipe(tmp_path / "recipe.yaml") == other
    assert about["initial_weights"] == "another" and "continued" not in about


def test_a_run_that_started_from_other_weights_is_refused(tmp_path: Path) -> None:
    for _ in range(2):
        start(tmp_path, tmp_path)
        (tmp_path / "checkpoint.safetensors").touch()
    with pytest.raises(DetectorError, match=r"run\.json: .* started from other weights; .* --outp"):
        start(tmp_path, tmp_path, initial="another")


def test_a_run_on_data_that_have_changed_is_refused(tmp_path: Path) -> None:
    data, run = tmp_path / "mine", tmp_path / "run"  # a folder: it has no SHA-256 of its own
    data.mkdir()
    start(run, data)
    start(run, data, content="blue")  # nothing was learned yet
    (run / "checkpoint.safetensors").touch()
    start(run, data.rename(tmp_path / "elsewhere"), content="blue")
    with pytest.raises(DetectorError, match=r"run\.json: .* other data than .*elsewhere holds"):
        start(run, tmp_path / "elsewhere", content="red")


@pytest.mark.parametrize("content", [b"", b'{"seed": ', b"[]", b"\xff"])
def test_a_damaged_description_is_refused(content: bytes, tmp_path: Path) -> None:
    start(tmp_path, tmp_path)
    (tmp_path / "checkpoint.safetensors").touch()
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(DetectorError, match=r"run\.json: not the description of a run; .* --outp"):
        start(tmp_path, tmp_path)


def test_metrics_are_forgotten_after_the_checkpoint_and_survive_a_crash(tmp_path: Path) -> None:
    assert read_metrics(tmp_path) == []
    forget_after(tmp_path, 3)
    for step in (10, 20, 30):
        log_metrics(tmp_path, step, {"loss": 1 / 3 / step})
    with open(tmp_path / "metrics.jsonl", "a") as file:
        file.write('{"step": 40, "lo')
    assert [line["step"] for line in read_metrics(tmp_path)] == [10, 20, 30]
    assert read_metrics(tmp_path)[0]["loss"] == 0.033333
    forget_after(tmp_path, 20)
    assert (tmp_path / "metrics.jsonl").read_text().count("\n") == 2


def test_curves_come_by_name_and_validation_last(tmp_path: Path) -> None:
    assert draw_curves(tmp_path) is None
    add_validation(tmp_path, {"validation_mAP50": 0.5})  # an ensemble's folder: no losses
    assert read_metrics(tmp_path) == [{"step": 0, "validation_mAP50": 0.5}]
    (tmp_path / "metrics.jsonl").unlink()
    log_metrics(tmp_path, 10, {"validation_mAP50": 0.25, "classes": 2.0})
    log_metrics(tmp_path, 20, {"classes": 1.0, "boxes": 0.5})
    add_validation(tmp_path, {"validation_mAP50": 0.4})
    add_validation(tmp_path, {"validation_mAP50": 0.5})
    add_validation(tmp_path, {"validation_mAP50": 0.5})  # called again: nothing new
    assert len(read_metrics(tmp_path)) == 4
    curves = read_curves(tmp_path)
    assert list(curves) == ["classes", "boxes", "validation_mAP50"]
    for name, steps, values in (
        ("classes", [10, 20], [2, 1]), ("boxes", [20], [0.5]),
        ("validation_mAP50", [10, 20], [0.25, 0.5]),
    ):  # fmt: skip
        np.testing.assert_array_equal(curves[name][0], steps)
        np.testing.assert_array_equal(curves[name][1], values)
    with Image.open(tmp_path / "curves.png") as drawn:
        assert drawn.format == "PNG" and drawn.width > 3 * drawn.height
        assert len(drawn.convert("RGB").getcolors(10**6)) > 20
    assert not list(tmp_path.glob(".*"))


def test_smoothing_is_a_moving_average_over_5_percent() -> None:
    line = np.arange(200.0)
    np.testing.assert_allclose(smooth(line)[5:-5], line[5:-5])
    assert smooth(line)[0] == 2.5 and smooth(line)[-1] == 196.5  # means of six values
    peak = np.zeros(200)
    peak[100] = 11
    np.testing.assert_allclose(smooth(peak)[95:106], 1)  # eleven values wide
    assert smooth(peak).sum() == pytest.approx(11)
    assert smooth(np.array([3.0])).tolist() == [3.0]


class FakeWriter:
    """Notes what the loop writes."""

    seen: list[Any]

    def __init__(self, folder: str, purge_step: int) -> None:
        type(self).seen = [(folder, purge_step)]

    def add_scalar(self, *point: Any) -> None:
        self.seen.append(point)

    def close(self) -> None:
        self.seen.append("closed")


def test_tensorboard_gets_the_losses_where_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = FakeWriter  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    monkeypatch.setattr("detector.training_loop.trainer.LOG_EVERY", 4)
    tiny_run.finish(tiny_run.make(tmp_path))
    (opened, *points, closed) = FakeWriter.seen
    assert opened == (str(tmp_path), 1) and closed == "closed"
    assert [(name, step) for name, _, step in points] == [
        (name, step) for step in (4, 8, 9) for name in ("first", "second")
    ]
    logged = [round(line["first"], 4) for line in read_metrics(tmp_path)]
    assert logged == [round(value, 4) for name, value, _ in points if name == "first"]


def test_without_tensorboard_a_run_is_the_same_and_says_once_what_would_bring_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    _note_missing.cache_clear()
    for name in ("first", "second"):
        assert len(tiny_run.finish(tiny_run.make(tmp_path / name))) == tiny_run.STEPS
    assert capsys.readouterr().err.count('pip install ".[train]"') == 1
