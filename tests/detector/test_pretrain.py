"""Pretraining: crops as section 6 draws them, runs that resume, weights that others can read."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from rich.console import Console
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from configs import PretrainOptions, Recipe, RecipeError
from detector.class_folder import find_parts, read_class_folder
from detector.classification import ClassificationReport, measure, rank
from detector.classifier import Classifier, load_classifier
from detector.errors import DetectorError
from detector.googlenet import GoogLeNet
from detector.pretrain import classification_losses, pretrain
from detector.pretrain_data import Crops, CropSteps
from detector.regions import RegionClassifier
from detector.training_crops import draw_crop, training_crop
from detector.weights_file import IMAGENET_WEIGHTS, load_imagenet, load_tensors

CPU = torch.device("cpu")
COLOURS = {"blue": (40, 60, 220), "red": (220, 40, 40)}
QUIET = Console(quiet=True)
# Ten pictures, four a step in two parts, from scratch: three steps.
OPTIONS = PretrainOptions(
    epochs=1.2, images_per_step=4, images_per_part=2, crop_side=32, checkpoint_minutes=0.0
)
RECIPE = Recipe(name="small", pretrain=OPTIONS)

# Trains like the test itself, and is killed in the middle of a step.
KILLED_RUN = """
import os, signal, sys
from pathlib import Path
import detector.pretrain_data
from tests.detector.test_pretrain import RECIPE, QUIET
from detector.pretrain import pretrain

part = detector.pretrain_data.CropSteps.part

def part_or_death(self, step, place):
    if (step, place) == (1, 1):
        os.kill(os.getpid(), signal.SIGKILL)
    return part(self, step, place)

detector.pretrain_data.CropSteps.part = part_or_death
pretrain(*map(Path, sys.argv[1:]), RECIPE, device="cpu", console=QUIET)
"""


def picture(path: Path, colour: tuple[int, int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    pixels = np.clip(np.array(colour) + rng.normal(0, 25, (40, 56, 3)), 0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes: five pictures of each to train on, two of each to validate."""
    root = tmp_path_factory.mktemp("colours")
    for name, colour in COLOURS.items():
        for number in range(7):
            part = "train" if number < 5 else "val"
            picture(root / part / name / f"{number}.png", colour, number)
    return root


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("runs") / "finished"
    weights = pretrain(data, folder, RECIPE, device="cpu", console=QUIET)
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

    pretrain(data, folder, RECIPE, device="cpu", console=QUIET)
    expected = load_file(finished / "weights.safetensors")
    continued = load_file(folder / "weights.safetensors")
    assert continued.keys() == expected.keys()
    assert not [name for name in expected if not torch.equal(continued[name], expected[name])]

    metrics = (folder / "metrics.jsonl").read_bytes()
    assert metrics.count(b"validation_top1_error") == 1
    pretrain(data, folder, RECIPE, device="cpu", console=QUIET)  # there is nothing left to do
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
    with pytest.raises(DetectorError, match="its classes or its crops are not those of"):
        load_classifier([IMAGENET_WEIGHTS, path], device="cpu")


def test_another_recipe_or_other_data_in_the_run_folder_are_refused(
    finished: Path, data: Path, tmp_path: Path
) -> None:
    changed = replace(RECIPE, pretrain=replace(OPTIONS, learning_rate=0.5))
    with pytest.raises(DetectorError, match=r"recipe\.yaml: another recipe .* --output"):
        pretrain(data, finished, changed, device="cpu", console=QUIET)
    for name, colour in COLOURS.items():
        for number in range(5):
            picture(tmp_path / name / f"other{number}.png", colour, number)
    val = data / "val"
    with pytest.raises(DetectorError, match="other data"):
        pretrain(tmp_path, finished, RECIPE, validation=val, device="cpu", console=QUIET)


def test_it_learns_to_tell_two_colours_from_the_imagenet_weights(
    data: Path, tmp_path: Path
) -> None:
    options = replace(
        OPTIONS, epochs=5.0, images_per_step=10, images_per_part=10, photometric=False,
        averaging=0.5, checkpoint_minutes=60.0,
    )  # fmt: skip
    recipe = replace(RECIPE, pretrain=options)
    weights = pretrain(
        data, tmp_path, recipe, weights=IMAGENET_WEIGHTS, device="cpu", console=QUIET
    )
    validation = json.loads(load_tensors(weights)[1]["validation"])
    assert validation["top1_error"] == 0 and validation["pictures"] == 4


# Section 6: area 8 % to 100 %, aspect ratio 3/4 to 4/3


@given(st.integers(1, 700), st.integers(1, 700), st.integers(0, 2**32))
@settings(max_examples=300, deadline=None)
def test_crops_keep_area_and_aspect_up_to_rounding(height: int, width: int, seed: int) -> None:
    x1, y1, x2, y2 = draw_crop(height, width, np.random.default_rng(seed))
    assert 0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height
    # sides are off by half a pixel at most
    w, h, half = x2 - x1, y2 - y1, 0.5 + 1e-9
    assert (w + half) / max(h - half, 0.01) >= 3 / 4 or w == width
    assert (w - half) / (h + half) <= 4 / 3 or h == height
    fits = min(height, width) ** 2 * 3 / 4 >= 0.08 * height * width
    if fits and max(height, width) <= 2 * min(height, width):
        assert (w + half) * (h + half) >= 0.08 * height * width


def test_areas_are_uniform_and_aspects_symmetric() -> None:
    rng = np.random.default_rng(5)
    edges = np.array([draw_crop(1000, 1000, rng) for _ in range(6000)])
    w, h = edges[:, 2] - edges[:, 0], edges[:, 3] - edges[:, 1]
    area = w * h / 1e6
    # up to 3/4 of a square every aspect ratio fits, so that none is drawn again
    counts = np.histogram(area, np.linspace(0.08, 0.75, 5))[0]
    assert counts.std() / counts.mean() < 0.06
    assert area.min() < 0.085 and area.max() > 0.95
    assert np.mean(w > h) == pytest.approx(0.5, abs=0.03)
    assert np.quantile(w / h, [0, 1]) == pytest.approx([3 / 4, 4 / 3], abs=0.01)
    # places: centres of small crops spread over the picture
    small = area < 0.2
    assert np.mean(edges[small, 0] / (1000 - w[small])) == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((10, 1000), (493, 0, 506, 10)),  # 13 x 10 is the widest of 4/3
        ((1000, 9), (0, 494, 9, 506)),  # 9 x 12, 3/4
        ((1, 1000), (499, 0, 500, 1)),
    ],
)
def test_the_crop_of_a_strip_is_its_largest_central_one(
    size: tuple[int, int], expected: tuple[int, int, int, int]
) -> None:
    # 8 % of these areas fit at no allowed aspect ratio
    assert {draw_crop(*size, np.random.default_rng(seed)) for seed in range(20)} == {expected}


def test_a_training_crop_is_a_window_of_the_picture_or_its_mirror() -> None:
    y, x = np.mgrid[:96, :120]
    image = np.stack([2 * x, 2 * y, 0 * x], 2).astype(np.uint8)
    mirrored = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        crop = training_crop(image, 48, rng, photometric=False).astype(int)
        assert crop.shape == (48, 48, 3)
        across, down = crop[24, -1, 0] - crop[24, 0, 0], crop[-1, 24, 1] - crop[0, 24, 1]
        mirrored += across < 0
        assert down > 0 and 3 / 4 - 0.1 < abs(across) / down < 4 / 3 + 0.1
        again = training_crop(image, 48, np.random.default_rng(seed), photometric=False)
        np.testing.assert_array_equal(crop, again)
    assert 20 < mirrored < 40


@pytest.mark.parametrize("side", [20, 200])
def test_without_random_interpolation_crops_shrink_by_area_and_grow_linearly(side: int) -> None:
    image = np.random.default_rng(1).integers(0, 256, (90, 110, 3), np.uint8)
    for seed in range(5):
        crop = training_crop(
            image, side, np.random.default_rng(seed), photometric=False, random_interpolation=False
        )
        x1, y1, x2, y2 = draw_crop(90, 110, np.random.default_rng(seed))
        method = cv2.INTER_AREA if side == 20 else cv2.INTER_LINEAR
        expected = cv2.resize(image[y1:y2, x1:x2], (side, side), interpolation=method)
        assert np.array_equal(crop, expected) or np.array_equal(crop, expected[:, ::-1])


def test_every_epoch_shows_every_picture_once_and_each_time_otherwise(data: Path) -> None:
    folder = read_class_folder(data / "train")
    steps = CropSteps(folder, replace(OPTIONS, epochs=3.0))
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
    steps = CropSteps(folder, OPTIONS)
    found = {key: steps.part(*key).pixels for key in [(3, 1), (0, 0), (4, 0), (3, 0)]}
    fresh = CropSteps(folder, OPTIONS)
    for key, pixels in found.items():
        assert torch.equal(fresh.part(*key).pixels, pixels)
    assert found[3, 1].shape == (2, 3, 32, 32)
    other = CropSteps(folder, replace(OPTIONS, seed=1))
    assert not torch.equal(other.part(3, 1).pixels, found[3, 1])


def test_a_step_that_no_parts_fill_is_refused(data: Path) -> None:
    folder = read_class_folder(data / "train")
    with pytest.raises(RecipeError, match=r"images_per_step is 5; use a multiple of .*part \(2\)"):
        CropSteps(folder, replace(OPTIONS, images_per_step=5))
    assert CropSteps(folder, replace(OPTIONS, images_per_step=1)).parts_per_step == 1


class Fixed(nn.Module):
    """Answers with the same logits always."""

    def __init__(self, *answers: list[float]) -> None:
        super().__init__()
        self.answers = torch.tensor(answers)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(answer.expand(len(x), -1) for answer in self.answers)


def test_auxiliary_losses_count_three_tenths() -> None:
    model = Fixed([2.0, 0.0], [0.0, 0.0], [0.0, 1.0])
    part = Crops(torch.zeros(3, 3, 8, 8, dtype=torch.uint8), torch.tensor([0, 0, 0]), ())
    found = classification_losses(OPTIONS, QUIET)(model, part, CPU)
    assert float(found["classes"]) == pytest.approx(0.126928, abs=1e-6)  # log(1 + e^-2)
    # log 2 + log(1 + e) = .693147 + 1.313262
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


# Folders of classes, and pictures that cannot be read


def test_classes_are_sorted_by_name_and_pictures_found_below(tmp_path: Path) -> None:
    for name in ("b/2.png", "b/10.png", "a/deeper/1.png", "C/1.png", ".hidden/1.png"):
        picture(tmp_path / name, (1, 2, 3), 0)
    (tmp_path / "b" / "notes.txt").write_text("no picture")
    folder = read_class_folder(tmp_path)
    assert folder.class_names == ("C", "a", "b")
    assert folder.files == ("C/1.png", "a/deeper/1.png", "b/2.png", "b/10.png")
    assert folder.labels.tolist() == [0, 1, 2, 2]
    assert find_parts(tmp_path) == (tmp_path, None)
    assert folder.subset([1, 3]).labels.tolist() == [1, 2]


def test_folders_without_pictures_or_classes_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match="holds no folders; sort its pictures"):
        read_class_folder(tmp_path)
    picture(tmp_path / "full" / "1.png", (1, 2, 3), 0)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DetectorError, match="empty: a class without pictures; add some"):
        read_class_folder(tmp_path)
    with pytest.raises(DetectorError, match="gone: no such folder"):
        find_parts(tmp_path / "gone")


def test_a_picture_that_cannot_be_read_is_named_once_and_replaced(
    data: Path, tmp_path: Path
) -> None:
    for number in range(3):
        picture(tmp_path / "red" / f"{number}.png", (220, 40, 40), number)
    (tmp_path / "red" / "1.png").write_bytes(b"no picture")
    steps = CropSteps(read_class_folder(tmp_path), replace(OPTIONS, epochs=10.0))
    console = Console(record=True, file=io.StringIO(), width=1000)
    losses = classification_losses(OPTIONS, console)
    for step in range(len(steps)):
        for place in range(2):
            part = steps.part(step, place)
            assert len(part.pixels) == 2
            losses(Fixed([0.0], [0.0], [0.0]), part, CPU)
    assert console.export_text().count("1.png: not a picture") == 1
    for number in (0, 2):
        (tmp_path / "red" / f"{number}.png").write_bytes(b"")
    with pytest.raises(DetectorError, match="3 pictures in a row cannot be read, the last: "):
        steps.part(0, 0)


class Reddest(nn.Module):
    """Six classes; the redder a picture, the higher the class."""

    def forward(self, x: Tensor) -> Tensor:
        red = x[:, 2].mean((1, 2)) + 123
        return -(red[:, None] - torch.tensor([0.0, 20, 40, 60, 80, 250])).abs()


def test_error_rates_of_a_folder(tmp_path: Path) -> None:
    # reds 0, 41, 79 and 250 are nearest to classes a, c, e, f; a stands sixth for 250, f for 0
    for name, red in (("a/1", 0), ("c/1", 41), ("f/1", 79), ("a/2", 250)):
        path = tmp_path / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (30, 20), (red, 0, 0)).save(path)
    (tmp_path / "c" / "2.png").write_bytes(b"no picture")
    network = Reddest()
    classifier = Classifier((network,), tuple("abcdef"), (), 224, CPU)  # type: ignore[arg-type]
    report = measure(classifier, read_class_folder(tmp_path), 1, QUIET)
    assert report == ClassificationReport(4, 1, 3, 1, 1, top1_error=0.5, top5_error=0.5)
    assert report.table().splitlines()[1].split() == [
        "4", "1", "3", "1", "1", "50.00%", "50.00%",
    ]  # fmt: skip


def test_an_answer_of_equals_is_not_a_right_one() -> None:
    assert rank(np.array([0.2, 0.5, 0.3], np.float32), 1) == 0
    assert rank(np.array([0.2, 0.5, 0.3], np.float32), 0) == 2
    assert rank(np.full(10, 0.1, np.float32), 3) == 9


def test_folders_may_be_named_by_class_by_first_word_or_by_synset(tmp_path: Path) -> None:
    classifier = load_classifier(device="cpu")
    columns = {"tabby, tabby cat": 281, "espresso": 967, "n02124075": 285, "tench": 0}
    for name in columns:
        picture(tmp_path / name / "1.png", (1, 2, 3), 0)
    folder = read_class_folder(tmp_path)
    assert classifier.columns(folder).tolist() == [columns[name] for name in folder.class_names]
    picture(tmp_path / "unicorn" / "1.png", (1, 2, 3), 0)
    with pytest.raises(DetectorError, match=r"unicorn: no class of that name among the 1000"):
        classifier.columns(read_class_folder(tmp_path))
