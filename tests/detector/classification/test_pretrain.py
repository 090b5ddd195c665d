"""Pretraining: runs that continue exactly, the form of the weights, order of crops, losses."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from detector.classification.class_folder import read_class_folder
from detector.classification.classifier import load_classifier
from detector.classification.pretrain import classification_losses, pretrain
from detector.classification.pretrain_data import Crops, CropSteps
from detector.errors import DetectorError
from detector.networks.googlenet import GoogLeNet
from detector.networks.regions import RegionClassifier
from detector.recipes import PretrainOptions
from detector.training_loop.machine import Machine
from detector.training_loop.splits import split_by_class
from detector.weights_file import IMAGENET_WEIGHTS, load_imagenet, load_tensors, save_tensors
from tests.made_up import altered, colour_noise

CPU = torch.device("cpu")
COLOURS = {"blue": (40, 60, 220), "red": (220, 40, 40)}
QUIET = Console(quiet=True)
# Ten pictures, four a step in two parts, from scratch: three steps.
OPTIONS = altered(PretrainOptions(), epochs=1.2, images_per_step=4, crop_side=32)
MACHINE = Machine(crops_per_pass=2, checkpoint_minutes=0.0)
USUAL: dict[str, Any] = {"device": "cpu", "machine": MACHINE, "console": Console(quiet=True)}

# The run of the test, killed in the middle of a step.
KILLED_RUN = """
import os, signal, sys
from pathlib import Path
from typing import Any
import detector.classification.pretrain_data
from tests.detector.classification.test_pretrain import OPTIONS, USUAL
from detector.classification.pretrain import pretrain

part = detector.classification.pretrain_data.CropSteps.part

def part_or_death(self, step, place):
    if (step, place) == (1, 1):
        os.kill(os.getpid(), signal.SIGKILL)
    return part(self, step, place)

detector.classification.pretrain_data.CropSteps.part = part_or_death
pretrain(*map(Path, sys.argv[1:]), OPTIONS, **USUAL)
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes: five pictures of each to train on, two of each to validate."""
    root = tmp_path_factory.mktemp("colours")
    for name, colour in COLOURS.items():
        for number in range(7):
            part = "train" if number < 5 else "val"
            colour_noise(root / part / name / f"{number}.png", colour, number)
    return root


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted run."""
    folder = tmp_path_factory.mktemp("runs") / "finished"
    weights = pretrain(data, folder, OPTIONS, **USUAL)
    assert weights == folder / "weights.safetensors"
    return folder


def test_a_killed_run_continues_to_the_same_weights(
    finished: Path, data: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "killed"
    words = [sys.executable, "-c", KILLED_RUN, str(data), str(folder)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    killed = subprocess.run(words, capture_output=True, text=True, env=environment)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert load_tensors(folder / "checkpoint.safetensors")[1]["step"] == "1"
    assert not (folder / "weights.safetensors").exists()

    pretrain(data, folder, OPTIONS, **USUAL)
    expected = load_file(finished / "weights.safetensors")
    continued = load_file(folder / "weights.safetensors")
    assert continued.keys() == expected.keys()
    assert not [name for name in expected if not torch.equal(continued[name], expected[name])]

    metrics = (folder / "metrics.jsonl").read_bytes()
    assert metrics.count(b"validation_top1_error") == 1
    pretrain(data, folder, OPTIONS, **USUAL)  # there is nothing left to do
    again = load_file(folder / "weights.safetensors")
    assert all(torch.equal(again[name], expected[name]) for name in expected)
    assert (folder / "metrics.jsonl").read_bytes() == metrics


def test_the_weights_have_the_form_of_the_bundled_ones(finished: Path) -> None:
    tensors, metadata = load_tensors(finished / "weights.safetensors")
    bundled, keys = load_tensors(IMAGENET_WEIGHTS)
    assert tensors.keys() == bundled.keys()
    assert {name for name in bundled if tensors[name].shape != bundled[name].shape} == {
        "loss3/classifier.weight", "loss3/classifier.bias",
    }  # fmt: skip
    assert {t.dtype for t in tensors.values()} == {t.dtype for t in bundled.values()}
    assert json.loads(metadata["class_names"]) == ["blue", "red"]
    assert json.loads(metadata["recipe"])["epochs"] == 1.2 and "preprocessing" in keys
    validation = json.loads(metadata["validation"])
    assert validation["pictures"] == 4 and 0 <= validation["top1_error"] <= 1


def test_a_detector_and_a_classifier_start_from_the_weights(finished: Path) -> None:
    path = finished / "weights.safetensors"
    detector = RegionClassifier(20)
    load_imagenet(detector.network, path)
    name = "inception_5b.one.weight"
    expected = load_tensors(path)[0]["inception_5b/1x1.weight"].float()
    assert torch.equal(detector.network.state_dict()[name], expected)
    classifier = load_classifier([finished, path], device="cpu")
    assert classifier.class_names == ("blue", "red") and classifier.side == 32
    found = classifier([np.zeros((50, 60, 3), np.uint8)], crops=10)
    assert found.shape == (1, 2) and found.sum() == pytest.approx(1)
    with pytest.raises(DetectorError, match="its classes or its crop size differ from those of"):
        load_classifier([IMAGENET_WEIGHTS, path], device="cpu")


def test_another_recipe_or_other_data_in_the_run_folder_are_refused(
    finished: Path, data: Path, tmp_path: Path
) -> None:
    other = altered(OPTIONS, learning_rate=0.5)
    with pytest.raises(DetectorError, match=r"recipe\.yaml: another recipe .* --output"):
        pretrain(data, finished, other, **USUAL)
    with pytest.raises(DetectorError, match=r"started from other weights; .* --output"):
        pretrain(data, finished, OPTIONS, weights=IMAGENET_WEIGHTS, **USUAL)
    for name, colour in COLOURS.items():
        for number in range(5):
            colour_noise(tmp_path / name / f"other{number}.png", colour, number)
    val = data / "val"
    with pytest.raises(DetectorError, match="other data"):
        pretrain(tmp_path, finished, OPTIONS, validation=val, **USUAL)


def test_a_run_folder_stands_for_its_weights_however_their_file_was_written(
    finished: Path, data: Path, tmp_path: Path
) -> None:
    once = altered(OPTIONS, epochs=1.0)
    path = finished / "weights.safetensors"
    tensors, metadata = load_tensors(path)
    try:
        for turned in (False, True):  # the same tensors, the metadata in another order
            items = list(metadata.items())[:: -1 if turned else 1]
            save_tensors(path, tensors, dict(items))
            weights = path if turned else finished
            pretrain(data, tmp_path, once, weights=weights, **USUAL)
    finally:
        save_tensors(path, tensors, metadata)
    assert "continued" in json.loads((tmp_path / "run.json").read_text())
    with pytest.raises(DetectorError, match="no such file"):
        pretrain(data, tmp_path / "x", once, weights=tmp_path / "none", **USUAL)


def test_it_learns_to_tell_two_colours_from_the_imagenet_weights(
    data: Path, tmp_path: Path
) -> None:
    options = altered(OPTIONS, epochs=5.0, images_per_step=10, averaging=0.5)
    words = {"device": "cpu", "console": QUIET}
    weights = pretrain(data, tmp_path, options, weights=IMAGENET_WEIGHTS, **words)
    validation = json.loads(load_tensors(weights)[1]["validation"])
    assert validation["top1_error"] == 0 and validation["pictures"] == 4


def test_every_epoch_shows_every_picture_once_and_each_time_otherwise(data: Path) -> None:
    folder = read_class_folder(data / "train")
    steps = CropSteps(folder, altered(OPTIONS, epochs=3.0), MACHINE)
    assert (len(steps), steps.parts_per_step) == (7, 2)  # 30 pictures in steps of 4
    epochs = [[steps.index(epoch * 10 + place) for place in range(10)] for epoch in range(3)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(10))] * 3
    assert epochs[0] != epochs[1] != epochs[2]
    # step 2 takes the last two pictures of the first epoch and the first two of the second
    labels = [steps.part(2, place).labels.tolist() for place in (1, 0)]
    expected = [folder.labels[index] for index in (*epochs[0][8:], *epochs[1][:2])]
    assert labels[1] + labels[0] == expected


def test_a_part_depends_on_its_place_alone(data: Path) -> None:
    folder = read_class_folder(data / "train")
    steps = CropSteps(folder, OPTIONS, MACHINE)
    found = {key: steps.part(*key).pixels for key in [(3, 1), (0, 0), (4, 0), (3, 0)]}
    fresh = CropSteps(folder, OPTIONS, MACHINE)
    for key, pixels in found.items():
        assert torch.equal(fresh.part(*key).pixels, pixels)
    assert found[3, 1].shape == (2, 3, 32, 32)
    other = CropSteps(folder, altered(OPTIONS, seed=1), MACHINE)
    assert not torch.equal(other.part(3, 1).pixels, found[3, 1])


@pytest.mark.parametrize(
    ("step", "part", "parts"), [(1, 2, 1), (4, 2, 2), (5, 2, 5), (48, 32, 2), (100, 32, 4)]
)
def test_a_step_is_cut_into_the_largest_equal_parts(
    step: int, part: int, parts: int, data: Path
) -> None:
    options, machine = altered(OPTIONS, images_per_step=step), Machine(crops_per_pass=part)
    steps = CropSteps(read_class_folder(data / "train"), options, machine)
    assert steps.parts_per_step == parts
    assert len(steps.part(0, 0).labels) == step // parts


def test_a_step_of_many_small_parts_is_refused(data: Path) -> None:
    options = altered(OPTIONS, images_per_step=97)
    with pytest.raises(DetectorError, match=r"is 97; use a multiple of .*pass \(32"):
        CropSteps(read_class_folder(data / "train"), options)


def test_a_run_whose_validation_cannot_be_read_has_its_weights(tmp_path: Path, data: Path) -> None:
    val = tmp_path / "val"
    for name in sorted(path.name for path in (data / "train").iterdir()):
        (val / name).mkdir(parents=True)
        (val / name / "1.png").write_bytes(b"no picture")
    with pytest.raises(DetectorError, match=r"none of its .* pictures can be read"):
        pretrain(data / "train", tmp_path / "run", OPTIONS, validation=val, **USUAL)
    assert load_classifier((tmp_path / "run",), "cpu").side == OPTIONS.crop_side


def test_what_is_held_out_leaves_every_class_a_picture() -> None:
    labels = np.repeat(np.arange(100), 2)  # of which a draw without classes would empty one
    for seed in range(5):
        kept, held = split_by_class(labels, 0.1, seed)
        assert sorted(kept + held) == list(range(200)) and len(held) == 20
        assert set(labels[kept]) == set(range(100))
    uneven = np.repeat([0, 1, 3], [1, 10, 30])
    assert np.bincount(uneven[split_by_class(uneven, 0.2, 0)[1]]).tolist() == [0, 2, 0, 6]
    assert split_by_class(uneven, 0.0, 0) == (list(range(41)), [])
    assert split_by_class(labels, 0.1, 0)[1] != split_by_class(labels, 0.1, 1)[1]


class Fixed(nn.Module):
    """A network that always predicts the same logits."""

    def __init__(self, *logits: list[float]) -> None:
        super().__init__()
        self.logits = torch.tensor(logits)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(row.expand(len(x), -1) for row in self.logits)


def test_auxiliary_losses_count_three_tenths() -> None:
    model = Fixed([2.0, 0.0], [0.0, 0.0], [0.0, 1.0])
    part = Crops(torch.zeros(3, 3, 8, 8, dtype=torch.uint8), torch.tensor([0, 0, 0]), ())
    found = classification_losses(QUIET)(model, part, CPU)
    assert float(found["classes"]) == pytest.approx(0.126928, abs=1e-6)  # log(1 + e^-2)
    # log 2 + log(1 + e) = 0.693147 + 1.313262
    assert float(found["auxiliary"]) == pytest.approx(0.3 * 2.006409, abs=1e-6)


@torch.inference_mode()
def test_auxiliary_heads_average_as_published_at_224_and_take_other_sizes() -> None:
    network = GoogLeNet(3, auxiliary=True)
    x = torch.randn(1, 512, 14, 14, generator=torch.Generator().manual_seed(0))
    seen: list[Tensor] = []
    network.auxiliary_4a.conv.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    network.eval().auxiliary_4a(x)
    torch.testing.assert_close(seen[0], F.avg_pool2d(x, 5, 3))
    assert network.auxiliary_4a(x[:, :, :4, :4]).shape == (1, 3)
    torch.testing.assert_close(seen[1], x[:, :, :4, :4])


def test_an_unreadable_picture_is_reported_once_and_replaced(data: Path, tmp_path: Path) -> None:
    for number in range(3):
        colour_noise(tmp_path / "red" / f"{number}.png", (220, 40, 40), number)
    (tmp_path / "red" / "1.png").write_bytes(b"no picture")
    steps = CropSteps(read_class_folder(tmp_path), altered(OPTIONS, epochs=10.0), MACHINE)
    console = Console(record=True, file=io.StringIO(), width=1000)
    losses = classification_losses(console)
    for step in range(len(steps)):
        for place in range(2):
            part = steps.part(step, place)
            assert len(part.pixels) == 2
            losses(Fixed([0.0], [0.0], [0.0]), part, CPU)
    assert console.export_text().count("1.png: not a picture") == 1
    for number in (0, 2):
        (tmp_path / "red" / f"{number}.png").write_bytes(b"")
    with pytest.raises(
        DetectorError,
        match="3 pictures in a row cannot be read; check the disk",
    ):
        steps.part(0, 0)
