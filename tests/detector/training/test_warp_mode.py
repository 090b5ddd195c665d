"""Training in warp mode: the windows of a part, their losses, and runs that continue exactly."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from detector.errors import DetectorError
from detector.networks.googlenet import MEAN_BGR
from detector.networks.regions import DELTA_SCALE, CropPredictions, RegionClassifier
from detector.recipes import NetworkOptions, TrainingOptions
from detector.training.photograph_store import PhotographStore
from detector.training.photographs import Photographs
from detector.training.shared_mode import freeze_until
from detector.training.warp_mode import (
    Part,
    WindowSteps,
    part_crops,
    window_losses,
    without_regression,
)
from detector.training_loop.machine import Machine
from detector.training_loop.trainer import Trainer
from detector.weights_file import load_imagenet
from eval import read_dataset
from proposals.boxes import decode_boxes, intersection_over_union
from tests.made_up import COLOURS, NAMES, altered

CPU = torch.device("cpu")
# Eight crops a step in two passes; freezing nearly everything makes a step cheap.
OPTIONS = altered(
    TrainingOptions(),
    images_per_step=2,
    regions_per_image=4,
    epochs=4 / 3,
    freeze="5a",
    warmup_steps=1,
    learning_rate=2e-4,
)


def source(data: Path) -> Photographs:
    dataset = read_dataset(data)
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 90, (len(dataset), 60, 2))
    boxes = np.concatenate([low, low + rng.uniform(8, 40, low.shape)], 2).astype(np.float32)
    return Photographs(dataset, data.parent, list(boxes))


def steps(data: Path, **changes: Any) -> WindowSteps:
    network = NetworkOptions(long_side=changes.pop("long_side", 960))
    of_machine = {item.name for item in fields(Machine)} & changes.keys()
    machine = Machine(**{"crops_per_pass": 4, **{key: changes.pop(key) for key in of_machine}})
    options = altered(OPTIONS, **changes)
    return WindowSteps(source(data), range(6), network, options, CPU, machine)


def same(one: Part, other: Part) -> bool:
    arrays = ("photograph", "boxes_xyxy", "labels", "deltas", "mirrored", "colours")
    equal = all(np.array_equal(getattr(one, name), getattr(other, name)) for name in arrays)
    return equal and one.photographs == other.photographs


def test_a_step_is_dealt_out_to_its_parts(small_dataset: Path) -> None:
    data = steps(small_dataset, regions_per_image=64, crops_per_pass=24, photometric=True)
    assert len(data) == 4 and data.parts_per_step == 6  # 128 windows in passes of at most 24
    parts = [data.part(3, place) for place in range(6)]
    labels = np.concatenate([part.labels for part in parts])
    assert len(labels) == 128 and (labels > 0).sum() == 32
    assert max(len(part.labels) for part in parts) == 22
    numbers = [part.photographs[row] for part in parts for row in part.photograph]
    assert numbers == sorted(numbers) and set(numbers) == set(range(6))
    assert same(parts[2], data.part(3, 2)) and not same(parts[2], data.part(4, 2))
    other = steps(small_dataset, regions_per_image=64, crops_per_pass=24, seed=1)
    assert not same(parts[2], other.part(3, 2))


@pytest.mark.parametrize(("long_side", "padding"), [(960, 16), (64, 16), (960, 40)])
def test_crops_show_what_their_labels_say(
    small_dataset: Path, long_side: int, padding: int
) -> None:
    # The photographs are 128 x 96; at a long side of 64 they and their boxes are halved
    data = steps(small_dataset, regions_per_image=64, crops_per_pass=128, long_side=long_side)
    part = data.part(0, 0)
    crops = part_crops(part, data.store, padding, CPU)
    colours = (crops[:, :, 96:128, 96:128].mean((2, 3)) + torch.tensor(MEAN_BGR)).flip(1)
    for name, colour in enumerate(COLOURS):
        here = part.labels == name + 1
        assert here.any()
        # The middle of an object's window is the object, whatever its size
        np.testing.assert_allclose(colours[here], np.tile(colour, (here.sum(), 1)), atol=25)
    # Undone, the deltas lead to a box of the data set, in the mirrored photograph where mirrored
    factor = min(1, long_side / 128)
    objects = np.flatnonzero(part.labels)
    assert part.mirrored[objects].any() and not part.mirrored[objects].all()
    for row in objects:
        deltas = part.deltas[row] * DELTA_SCALE * ([-1, 1, 1, 1] if part.mirrored[row] else 1)
        found = decode_boxes(part.boxes_xyxy[row : row + 1], deltas[None])
        truths = data.photographs.truths(part.photographs[part.photograph[row]])
        truth = truths.boxes_xyxy[truths.labels == part.labels[row]] * factor
        assert intersection_over_union(found, truth).max() > 0.99
    assert not part.deltas[part.labels == 0].any()


def test_mirrored_deltas_point_the_other_way(
    small_dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = {"regions_per_image": 16, "crops_per_pass": 32}
    flipped = steps(small_dataset, **wide).part(0, 0)
    monkeypatch.setattr("detector.training.warp_mode.MIRRORED", 0.0)
    plain = steps(small_dataset, **wide).part(0, 0)
    assert not plain.mirrored.any() and plain.deltas[:, 0].any()
    sign = np.where(flipped.mirrored, -1, 1)
    np.testing.assert_array_equal(flipped.deltas[:, 0], plain.deltas[:, 0] * sign)
    np.testing.assert_array_equal(flipped.deltas[:, 1:], plain.deltas[:, 1:])


def test_photographs_that_exceed_the_memory_are_in_the_part(small_dataset: Path) -> None:
    two = 2 * 3 * 96 * 128 / 1e9  # the first two photographs
    data = steps(small_dataset, regions_per_image=16, crops_per_pass=32, memory_gb=two)
    part = data.part(0, 0)
    assert set(part.pixels) == {2, 3, 4, 5}
    held = steps(small_dataset, regions_per_image=16, crops_per_pass=32)
    assert not held.part(0, 0).pixels
    assert torch.equal(part_crops(part, data.store, 16, CPU), part_crops(part, held.store, 16, CPU))


def test_losses_are_those_of_all_windows_of_the_step(small_dataset: Path) -> None:
    torch.manual_seed(0)
    model = RegionClassifier(len(NAMES), auxiliary=True).eval()
    data = steps(small_dataset, crops_per_pass=3, photometric=True, random_interpolation=True)
    assert data.parts_per_step == 3
    losses = window_losses(data)
    with torch.no_grad():
        parts = [data.part(0, place) for place in range(3)]
        found = [losses(model, part, CPU) for part in parts]
        crops = torch.cat([part_crops(part, data.store, 16, CPU) for part in parts])
        predicted = model.predict_crops(crops)
    labels = torch.from_numpy(np.concatenate([part.labels for part in parts]))
    deltas = torch.from_numpy(np.concatenate([part.deltas for part in parts]))
    mean = {key: sum(loss[key] for loss in found) / 3 for key in found[0]}
    torch.testing.assert_close(mean["classes"], F.cross_entropy(predicted.logits, labels))
    sides = sum(F.cross_entropy(side, labels) for side in predicted.auxiliary)
    torch.testing.assert_close(mean["auxiliary"], 0.3 * sides)
    rows = labels.nonzero()[:, 0]
    error = (predicted.deltas[rows, labels[rows] - 1] - deltas[rows]).abs()
    smooth = torch.where(error < 1, error**2 / 2, error - 0.5).sum() / 8
    torch.testing.assert_close(mean["boxes"], smooth)


def test_half_precision_is_the_networks_and_not_the_crops(small_dataset: Path) -> None:
    data = steps(small_dataset, photometric=True)
    part = data.part(0, 0)
    seen = []

    def network(crops: torch.Tensor) -> CropPredictions:
        seen.append(crops)
        return CropPredictions(torch.zeros(len(crops), 3), torch.zeros(len(crops), 2, 4), [])

    model = SimpleNamespace(predict_crops=network)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        window_losses(data)(model, part, CPU)
    assert torch.equal(seen[0], part_crops(part, data.store, 16, CPU))


def trainer(data: Path, folder: Path, **changes: Any) -> Trainer:
    torch.manual_seed(0)
    model = RegionClassifier(len(NAMES), auxiliary=True)
    load_imagenet(model.network)
    training = steps(data, **changes)
    freeze_until(model, OPTIONS.freeze)
    if not training.options.box_regression:
        without_regression(model)
    folder.mkdir(exist_ok=True)
    return Trainer(model, training, window_losses(training), training.options.loop, folder)


def first_loss(run: Trainer) -> float:
    """The class loss of the first step, without dropout."""
    losses = window_losses(run.data)
    model = run.model.eval()
    with torch.no_grad():
        found = [losses(model, run.data.part(0, place), CPU)["classes"] for place in range(2)]
    return float(sum(found)) / 2


def test_it_learns_and_a_run_cut_short_ends_with_the_same_weights(
    small_dataset: Path, tmp_path: Path
) -> None:
    whole = trainer(small_dataset, tmp_path / "whole")
    before = first_loss(whole)
    assert [progress.step for progress in whole.run()] == [1, 2, 3, 4]
    assert first_loss(whole) < 0.8 * before

    cut = trainer(small_dataset, tmp_path / "cut")
    for done in cut.run():
        if done.step == 2:
            cut.save_checkpoint()
            break
    continued = trainer(small_dataset, tmp_path / "cut")
    assert continued.step == 2
    list(continued.run())
    state = continued.model.state_dict()
    different = [
        n for n, value in whole.model.state_dict().items() if not torch.equal(state[n], value)
    ]
    assert not different


def test_without_regression_boxes_stay_where_they_are(small_dataset: Path, tmp_path: Path) -> None:
    run = trainer(small_dataset, tmp_path / "run", box_regression=False, epochs=1 / 3)
    losses = [progress.losses for progress in run.run()]
    assert losses[-1].keys() == {"classes", "auxiliary"}
    with torch.no_grad():
        deltas = run.model.eval().predict_crops(torch.randn(2, 3, 224, 224) * 50)[1]
    assert not deltas.any()


def test_a_data_set_of_crowds_has_nothing_to_learn_from(
    small_dataset: Path, tmp_path: Path
) -> None:
    text = small_dataset.read_text().replace('"bbox"', '"iscrowd": 1, "bbox"')
    data = tmp_path / "crowds.json"
    data.write_text(text)
    with pytest.raises(DetectorError, match=r"crowds\.json: no object to learn from in 6 "):
        steps(data)


def test_a_picture_of_twice_the_size_in_its_data_set_is_refused(
    small_dataset: Path, tmp_path: Path
) -> None:
    """Shrunk to the long side both look alike, but its proposals would be in other pixels."""
    image = np.zeros((192, 256, 3), np.uint8)
    Image.fromarray(image).save(tmp_path / "1.png")
    store = PhotographStore([tmp_path / "1.png"], [(96, 128)], 64, 1.0, CPU)
    with pytest.raises(DetectorError, match=r"1\.png: is 256 x 192 pixels, .* states 128 x 96"):
        store.get(0)
    Image.fromarray(image[::2, ::2]).save(tmp_path / "1.png")
    assert store.get(0).shape == (3, 48, 64)
