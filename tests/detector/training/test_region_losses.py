"""Losses of regions, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from detector.recipes import TrainingOptions
from detector.training.region_losses import region_losses
from detector.training.region_sampling import Regions


def regions(labels: list[int], deltas: list[list[float]]) -> Regions:
    boxes = np.zeros((len(labels), 4), np.float32)
    return Regions(boxes, np.array(labels), np.array(deltas, np.float32))


def test_losses_by_hand() -> None:
    # Logits of background, red, green: background is right, red is right, green is right
    logits = torch.tensor([[math.log(2), 0.0, 0.0], [0.0, math.log(6), 0.0], [0.0, 0.0, 0.0]])
    deltas = torch.zeros(3, 2, 4)
    deltas[1, 1] = 99.0  # green's box of a red region counts for nothing
    deltas[2, 1] = torch.tensor([0.5, 3.0, 0.0, 0.0])
    wanted = regions([0, 1, 2], [[9, 9, 9, 9], [0, 0, 0, 0], [0, 0, 0, 0]])
    found = region_losses(logits, deltas, wanted, TrainingOptions(box_weight=2.0))
    # 2 of 4, 6 of 8, 1 of 3
    expected = [math.log(2), math.log(4 / 3), math.log(3)]
    np.testing.assert_allclose(found.classes, expected, rtol=1e-6)
    # smooth L1: 0.5 x^2 below 1, |x| - 0.5 above
    np.testing.assert_allclose(found.boxes, [0, 0, 2 * (0.125 + 2.5)], rtol=1e-6)


def test_label_smoothing_spreads_a_share_over_all_classes() -> None:
    logits, deltas = torch.tensor([[math.log(2), 0.0, 0.0]]), torch.zeros(1, 2, 4)
    options = TrainingOptions(label_smoothing=0.3)
    found = region_losses(logits, deltas, regions([0], [[0, 0, 0, 0]]), options)
    # Target 0.7 + 0.1, 0.1, 0.1; probabilities 0.5, 0.25, 0.25
    assert float(found.classes) == pytest.approx(0.8 * math.log(2) + 0.2 * math.log(4))


def test_no_regions_cost_nothing_and_still_reach_the_weights() -> None:
    logits, deltas = torch.zeros(0, 3, requires_grad=True), torch.zeros(0, 2, 4, requires_grad=True)
    none = Regions(
        np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros((0, 4), np.float32)
    )
    found = region_losses(logits, deltas, none, TrainingOptions())
    (found.classes.sum() + found.boxes.sum()).backward()
    assert logits.grad is not None and deltas.grad is not None
