"""Losses of photographs in shared mode, and frozen layers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from detector.errors import DetectorError
from detector.networks.regions import RegionClassifier
from detector.training.photographs import Example, StepData
from detector.training.region_sampling import Truths
from detector.training.shared_mode import detector_losses, freeze_until, part_losses
from tests.detector.training_loop.test_trainer import CPU, RECIPE, trainer
from tests.made_up import altered


def test_photographs_in_one_pass_have_the_mean_loss_of_single_passes(
    small_dataset: Path, tmp_path: Path
) -> None:
    """Losses and gradients are their mean; one has another shape, one has no regions."""
    run = trainer(small_dataset, tmp_path, (1.5, 10.0), epochs=1.0, freeze="3b")
    run.model.eval()  # without dropout
    network = replace(RECIPE.network, pyramid=(0.5, 2.0))
    source = run.data.photographs
    data = StepData(source, range(4), network, altered(run.data.options, images_per_step=4))
    examples = [data.part(0, place)[0] for place in range(4)]
    narrow = [image[:, :, : image.shape[2] // 2].contiguous() for image in examples[1].images]
    examples[1] = examples[1]._replace(images=narrow)
    assert len({image.shape for example in examples for image in example.images}) == 6
    crowd = examples[2].truths
    everywhere = np.repeat(np.array([[0, 0, 500, 500]], np.float32), len(crowd.labels), 0)
    ignored = np.ones(len(crowd.labels), bool)
    examples[2] = examples[2]._replace(truths=Truths(everywhere, crowd.labels, ignored))

    def learn(parts: list[list[Example]]) -> tuple[dict[str, float], torch.Tensor]:
        sums: dict[str, float] = {}
        run.model.zero_grad()
        for part in parts:
            losses = part_losses(run.model, part, run.data.options, CPU)
            (sum(losses.values()) / len(parts)).backward()
            for name, value in losses.items():
                sums[name] = sums.get(name, 0) + float(value.detach()) / len(parts)
        gradients = [p.grad.flatten() for p in run.model.parameters() if p.grad is not None]
        return sums, torch.cat(gradients)

    (alone, expected), (together, gradient) = learn([[e] for e in examples]), learn([examples])
    assert together == pytest.approx(alone, rel=1e-4) and min(alone.values()) > 0
    assert float((gradient - expected).norm() / expected.norm()) < 1e-3


def test_every_layer_learns_in_half_precision(small_dataset: Path, tmp_path: Path) -> None:
    """Scores without gradients are computed first; no cast made for them may be reused."""
    run = trainer(small_dataset, tmp_path, epochs=1.0)
    run.model.train()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = part_losses(run.model, run.data.part(0, 0), run.data.options, CPU)
        sum(losses.values()).backward()
    learned = {n: p for n, p in run.model.named_parameters() if p.requires_grad}
    silent = [n for n, p in learned.items() if p.grad is None or not p.grad.any()]
    assert learned and not silent


def test_a_picture_that_is_all_crowd_teaches_nothing_and_breaks_nothing(
    small_dataset: Path, tmp_path: Path
) -> None:
    """With and without context around the regions, of which there are none."""
    document = json.loads(small_dataset.read_text())
    crowd = {"image_id": 1, "category_id": 17, "bbox": [0, 0, 200, 200], "iscrowd": 1}
    data = tmp_path / "crowd.json"
    data.write_text(json.dumps({**document, "annotations": [crowd]}))
    (tmp_path / "1.png").symlink_to(small_dataset.parent / "1.png")
    nothing = {"classes": 0, "boxes": 0, "objectness": 0}
    for context in ((), (1.5, 10.0)):
        (progress,) = trainer(data, tmp_path / str(context), context, epochs=1.0).run()
        assert progress.losses == nothing


def test_layers_are_frozen_up_to_the_one_named() -> None:
    def trained(last: str) -> set[str]:
        model = RegionClassifier(2)
        freeze_until(model, last)
        parameters = {name for name, p in model.named_parameters() if p.requires_grad}
        return {name.removeprefix("network.").split(".")[0] for name in parameters}

    everything = trained("")
    assert {"conv1", "inception_5b", "classifier", "regressor", "objectness"} <= everything
    assert trained("conv2") == everything - {"conv1", "conv2_reduce", "conv2"}
    assert trained("5b") == {"classifier", "reduce", "regressor", "objectness"}
    with pytest.raises(DetectorError, match="no layer 'conv3'; use one of conv1, "):
        trained("conv3")


def test_as_many_of_multibox_s_boxes_are_learned_from_as_wanted(
    small_dataset: Path, tmp_path: Path
) -> None:
    counts = []

    class Heads:
        def propose(self, feature_map: torch.Tensor, height: int, width: int, count: int) -> Any:
            counts.append(count)
            return SimpleNamespace(boxes_xyxy=np.zeros((0, 4), np.float32))

    run = trainer(small_dataset, tmp_path, epochs=1.0)
    losses = detector_losses(run.data.options, Heads(), multibox_boxes=7)  # type: ignore[arg-type]
    losses(run.model, run.data.part(0, 0), CPU)
    assert counts == [7]
