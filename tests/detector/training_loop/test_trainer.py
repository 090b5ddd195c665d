"""Training: the loss falls, a killed run continues exactly, and the result is a detector."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file

from detector import Detector
from detector.errors import DetectorError
from detector.files.locking import locked
from detector.networks.googlenet import GoogLeNet
from detector.networks.regions import RegionClassifier
from detector.pictures.reading import read_image
from detector.recipes import LoopOptions, Recipe, TrainingOptions, recipe_from_dict
from detector.training.photographs import Photographs, StepData
from detector.training.run import train
from detector.training.shared_mode import detector_losses, freeze_until, part_losses
from detector.training_loop.machine import Machine
from detector.training_loop.optimization import learning_rate_factor, make_optimizer
from detector.training_loop.trainer import Trainer
from detector.weights_file import load_imagenet, load_tensors
from eval import read_dataset
from proposals.cache import ProposalCache
from tests.made_up import CATEGORY_IDS, NAMES, SMALL_RECIPE, altered

CPU = torch.device("cpu")
# Five of the six pictures are trained on, two per step and pass: seven steps.
RECIPE = recipe_from_dict(
    {
        **SMALL_RECIPE,
        "training": {**SMALL_RECIPE["training"], "epochs": 3.0, "seed": 4, "images_per_scale": 2},
    }
)

OFTEN = Machine(checkpoint_minutes=0.0)

# The run of the test, killed in the middle of a step.
KILLED_RUN = """
import os, signal, sys
from pathlib import Path
import detector.training_loop.trainer
from tests.detector.training_loop.test_trainer import RECIPE, run

factor = detector.training_loop.trainer.learning_rate_factor

def factor_or_death(step, total, options):
    if step == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return factor(step, total, options)

detector.training_loop.trainer.learning_rate_factor = factor_or_death
run(*map(Path, sys.argv[1:]))
"""


def run(data: Path, output: Path, cache: Path, recipe: Recipe = RECIPE) -> Path:
    words = {"cache": ProposalCache(cache), "console": Console(quiet=True), "machine": OFTEN}
    return train(data, output, recipe, device="cpu", **words)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def finished(small_dataset: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted run."""
    folder = tmp_path_factory.mktemp("runs") / "finished"
    assert run(small_dataset, folder, cache) == folder / "weights.safetensors"
    return folder


def test_a_killed_run_continues_to_the_same_weights(
    finished: Path, small_dataset: Path, cache: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "killed"
    words = [sys.executable, "-c", KILLED_RUN, *map(str, (small_dataset, folder, cache))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    killed = subprocess.run(words, capture_output=True, text=True, env=environment)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert load_tensors(folder / "checkpoint.safetensors")[1]["step"] == "4"
    assert not (folder / "weights.safetensors").exists()

    run(small_dataset, folder, cache)
    expected = load_file(finished / "weights.safetensors")
    continued = load_file(folder / "weights.safetensors")
    assert continued.keys() == expected.keys()
    different = [name for name in expected if not torch.equal(continued[name], expected[name])]
    assert not different
    assert not [file.name for file in folder.iterdir() if file.suffix == ".tmp"]


def test_a_run_folder_is_a_detector(finished: Path, small_dataset: Path) -> None:
    detector = Detector.load(finished, device="cpu")
    assert detector.info.class_names == NAMES and detector.info.category_ids == CATEGORY_IDS
    assert 0 <= detector.info.metrics["validation_mAP50"] <= 1
    assert detector.info.provenance["images"] == 5 and detector.recipe == RECIPE
    found = detector(small_dataset.parent / "1.png", threshold=0.0)
    assert len(found) > 0 and {item.name for item in found} <= set(NAMES)


def test_a_finished_run_is_not_trained_further(
    finished: Path, small_dataset: Path, cache: Path
) -> None:
    before = (finished / "weights.safetensors").read_bytes()
    run(small_dataset, finished, cache)
    assert (finished / "weights.safetensors").read_bytes() == before


def test_another_recipe_in_the_run_folder_is_refused(
    finished: Path, small_dataset: Path, cache: Path
) -> None:
    before = (finished / "weights.safetensors").read_bytes()
    other = replace(RECIPE, training=altered(RECIPE.training, learning_rate=0.5))
    with pytest.raises(DetectorError, match=r"recipe\.yaml: another recipe .* --output"):
        run(small_dataset, finished, cache, other)
    assert (finished / "weights.safetensors").read_bytes() == before


def test_two_runs_in_one_folder_are_refused(
    finished: Path, small_dataset: Path, cache: Path
) -> None:
    before = {path.name: path.read_bytes() for path in finished.iterdir() if path.is_file()}
    with locked(finished), pytest.raises(DetectorError, match="another process is at work there"):
        run(small_dataset, finished, cache)
    assert before == {p.name: p.read_bytes() for p in finished.iterdir() if p.is_file()}
    run(small_dataset, finished, cache)


def test_other_data_in_the_run_folder_is_refused(
    finished: Path, small_dataset: Path, cache: Path, tmp_path: Path
) -> None:
    content = json.loads(small_dataset.read_text())
    content["annotations"][0]["bbox"][0] += 1
    other = small_dataset.with_name("moved.json")
    other.write_text(json.dumps(content))
    folder = shutil.copytree(finished, tmp_path / "run")
    with pytest.raises(DetectorError, match=r"run\.json: .* other data"):
        run(other, folder, cache)


def trainer(data: Path, folder: Path, context: tuple[float, ...] = (), **options: Any) -> Trainer:
    """A run over the first picture of a data set alone."""
    torch.manual_seed(0)
    folder.mkdir(exist_ok=True)
    model = RegionClassifier(len(NAMES), context=context)
    load_imagenet(model.network)
    dataset = read_dataset(data)
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 90, (60, 2))
    boxes = np.concatenate([low, low + rng.uniform(8, 40, (60, 2))], 1).astype(np.float32)
    one = {"images_per_step": 1, "images_per_scale": 1, "short_sides": (64,)}
    training = altered(RECIPE.training, **one, **options)
    source = Photographs(dataset, data.parent, [boxes] * len(dataset))
    steps = StepData(source, [0], RECIPE.network, training)
    freeze_until(model, training.freeze)
    return Trainer(model, steps, detector_losses(training), training.loop, folder)


def total_loss(run: Trainer, options: TrainingOptions) -> float:
    """The loss of the first example, without dropout."""
    with torch.no_grad():
        losses = part_losses(run.model.eval(), run.data.part(0, 0), options, CPU)
    return sum(float(value) for value in losses.values())


def test_the_loss_falls_on_a_picture_that_is_repeated(small_dataset: Path, tmp_path: Path) -> None:
    run = trainer(small_dataset, tmp_path, epochs=12.0, learning_rate=1e-3)
    frozen = run.model.network.inception_4e.one.weight.clone()
    options = run.data.options
    before = total_loss(run, options)
    assert [progress.step for progress in run.run()] == list(range(1, 13))
    assert total_loss(run, options) < before / 2
    assert torch.equal(run.model.network.inception_4e.one.weight, frozen)


def test_a_checkpoint_of_other_classes_is_refused(small_dataset: Path, tmp_path: Path) -> None:
    run = trainer(small_dataset, tmp_path, epochs=1.0)
    run.save_checkpoint()
    other = RegionClassifier(7)
    with pytest.raises(DetectorError, match=r"checkpoint\.safetensors: belongs to another model"):
        Trainer(other, run.data, run.losses, run.options, tmp_path)


def test_the_learning_rate_warms_up_and_falls_like_a_cosine() -> None:
    options = LoopOptions(warmup_steps=99)
    factors = [learning_rate_factor(step, 1000, options) for step in range(1000)]
    assert factors[0] == pytest.approx(0.01) and factors[49] == pytest.approx(0.5)
    assert factors[99] == 1.0 == max(factors)
    longer = LoopOptions(warmup_steps=100)
    assert learning_rate_factor(550, 1000, longer) == pytest.approx(0.5)
    assert learning_rate_factor(325, 1000, longer) == pytest.approx(0.5 + 0.5 * 0.5**0.5)
    assert 0 < factors[-1] < 1e-4
    # a short run warms up for a tenth of its steps at most
    assert learning_rate_factor(2, 20, LoopOptions(warmup_steps=200)) == 1.0


def test_the_paper_s_learning_rate_falls_by_4_percent_every_8_epochs() -> None:
    options = LoopOptions(schedule="paper", epochs=20.0, warmup_steps=10)
    # ten steps an epoch: the rate falls at steps 80 and 160
    expected = {0: 1 / 11, 10: 1, 79: 1, 80: 0.96, 159: 0.96, 160: 0.9216, 199: 0.9216}
    found = {step: learning_rate_factor(step, 200, options) for step in expected}
    assert found == pytest.approx(expected)


def test_a_picture_that_is_missing_stops_the_run_by_name(
    small_dataset: Path, cache: Path, tmp_path: Path
) -> None:
    data = tmp_path / "instances.json"
    data.write_text(small_dataset.read_text().replace('"3.png"', '"gone.png"'))
    for name in ("1", "2", "4", "5", "6"):
        (tmp_path / f"{name}.png").symlink_to(small_dataset.parent / f"{name}.png")
    with pytest.raises(DetectorError, match=r"gone\.png: no such file"):
        run(data, tmp_path / "run", cache)
    data.write_text(data.read_text().replace('"1.png"', '"lost.png"'))
    with pytest.raises(DetectorError, match=r"lost\.png is not beside it; give --images"):
        run(data, tmp_path / "other", cache)
    assert read_image(tmp_path / "2.png").shape == (96, 128, 3)


def test_long_gradients_are_shortened(
    small_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen by SGD, whose first step is as long as the gradients."""
    lengths = []
    for clip in (1e9, 1e-3):
        monkeypatch.setattr("detector.training_loop.trainer.GRADIENT_CLIP", clip)
        words = {"optimizer": "sgd", "weight_decay": 0.0, "head_factor": 1.0, "learning_rate": 1.0}
        run = trainer(small_dataset, tmp_path / str(clip), epochs=1.0, **words)
        before = [p.detach().clone() for p in run.state.parameters.values()]
        list(run.run())
        pairs = zip(run.state.parameters.values(), before, strict=True)
        lengths.append(sum(float((p.detach() - b).square().sum()) for p, b in pairs) ** 0.5)
    assert lengths[0] > 0.01 and lengths[1] == pytest.approx(1e-3, rel=0.01)


def test_a_gradient_that_is_not_finite_ends_the_run_before_it_is_learned(
    small_dataset: Path, tmp_path: Path
) -> None:
    run = trainer(small_dataset, tmp_path, epochs=2.0)
    before = run.model.classifier.weight.detach().clone()
    run.model.classifier.weight.register_hook(lambda gradient: gradient * torch.inf)
    with pytest.raises(DetectorError, match="step 0: the gradient is not finite; lower the learn"):
        list(run.run())
    assert torch.equal(run.model.classifier.weight, before)


def test_a_run_killed_before_its_first_checkpoint_begins_its_log_anew(
    small_dataset: Path, tmp_path: Path
) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"step": 10, "classes": 0.5}\n{"step": 20, "cla')
    assert trainer(small_dataset, tmp_path).step == 0
    assert (tmp_path / "metrics.jsonl").read_text() == ""


def test_the_head_factor_changes_the_rate_of_new_layers_alone() -> None:
    options = LoopOptions(head_factor=10.0, learning_rate=0.01)
    network = GoogLeNet(5, auxiliary=True)
    groups = make_optimizer(dict(network.named_parameters()), options).param_groups
    fast = {id(p) for group in groups if group["peak"] == 0.1 for p in group["params"]}
    slow = {id(p) for group in groups if group["peak"] == 0.01 for p in group["params"]}
    new = {id(p) for n, p in network.named_parameters() if n.startswith(("classif", "auxil"))}
    assert fast == new and len(fast) + len(slow) == len(list(network.parameters()))
