"""The benchmarks of warp mode: both sides do the same work, and work is counted right. No times."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from detector.networks.regions import RegionClassifier
from detector.networks.warp import make_atlas, warp_regions

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("gpu")


@pytest.fixture
def speed(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("warp_speed")


def test_crops_by_hand_are_those_of_warp_mode(speed: ModuleType) -> None:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (4, 5, 3), dtype=np.uint8)
    image = cv2.resize(coarse, (240, 180), interpolation=cv2.INTER_CUBIC)
    # With context columns 62..174 and rows -4..52, four of them above the photograph
    box = np.array([70, 0, 166, 48], np.float32)
    by_hand = speed.cut_by_hand(image, box)
    atlas = make_atlas([torch.from_numpy(image).permute(2, 0, 1)])
    crops = warp_regions(atlas, torch.from_numpy(box)[None])
    assert by_hand.shape == crops.shape
    # Away from where photograph and mean colour meet: cv2 mixes them there
    difference = (by_hand - crops)[0, :, :, 4:-4].abs()
    assert difference[:, 24:-4].max() < 1.5 and difference[:, :8].max() < 0.5


def test_both_pipelines_answer_alike(speed: ModuleType) -> None:
    (network,) = speed.make_networks(1)
    nn.init.normal_(network.classifier.weight, std=0.1)
    image = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    image = cv2.resize(image, (160, 120), interpolation=cv2.INTER_CUBIC)
    boxes = np.array([[20, 12, 116, 60], [40, 40, 88, 88], [14, 10, 110, 106]], np.float32)
    by_hand = speed.naive([network], image, boxes)
    np.testing.assert_allclose(speed.naive([network], image, boxes, True), by_hand, atol=1e-4)
    network.to(memory_format=torch.channels_last)
    found = speed.ours([speed.Member(network, "warp")], image, boxes)
    assert by_hand.std(0).max() > 0.02  # the boxes do differ
    np.testing.assert_allclose(found, by_hand, atol=0.05)


def test_work_is_that_of_the_layers_that_ran(gpu: ModuleType) -> None:
    # 8 x 8 pixels to 4 x 4: 16 places, channels, taps
    first, second, last = nn.Conv2d(3, 5, 3, 2, 1), nn.Conv2d(5, 4, 1), nn.Linear(64, 7)
    model = nn.Sequential(first, second, nn.Flatten(), last)
    forward = [16 * 5 * 27, 16 * 4 * 5, 64 * 7]
    x = torch.zeros(2, 3, 8, 8)
    with torch.no_grad(), gpu.counting(model) as work:
        model(x)
    assert work == [2 * 2 * count for count in forward]
    first.requires_grad_(False)
    with gpu.counting(model) as work:
        model(x)
    # frozen; its output needs no gradient; both gradients
    assert work == [4 * count * times for count, times in zip(forward, (1, 2, 3), strict=True)]
    model(x)
    assert len(work) == 3  # counts no longer


def test_a_crop_costs_what_table_1_says(gpu: ModuleType) -> None:
    # Million multiply-adds of conv1, conv2 and 3a to 5b: Table 1's filters with a dense stem
    layers = (118.0, 359.7, 128.0, 304.3, 73.6, 87.9, 99.9, 118.5, 170.0, 51.1, 70.7)
    model = RegionClassifier(20).eval()
    with torch.inference_mode(), gpu.counting(model.network) as work:
        model.predict_crops(torch.zeros(1, 3, 224, 224))
    assert sum(work) == pytest.approx(2e6 * sum(layers), rel=1e-3)


def test_every_row_is_measured(gpu: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    gpu.main(["--device", "cpu", "--quick"])
    printed = capsys.readouterr().out
    for word in ("training, warp", "training, shared", "detection, warp", "detection, shared"):
        assert word in printed
