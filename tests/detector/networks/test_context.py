"""What lies around a region: by hand, against torchvision, and through a detector's life."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.ops import roi_align

from detector import Detector
from detector.errors import DetectorError
from detector.networks.context import enlarge, surroundings
from detector.networks.ensemble import Member
from detector.networks.pyramid import Pyramid
from detector.networks.regions import RegionClassifier
from detector.recipes import Recipe
from detector.weights_file import WeightsInfo

FACTORS = (1.5, 100.0)


def test_a_box_grows_about_its_centre() -> None:
    boxes = torch.tensor([[10.0, 20, 30, 40], [0.0, 0, 8, 2]])
    expected = [[0.0, 10, 40, 50], [-4.0, -1, 12, 3]]
    assert enlarge(boxes, torch.tensor(2.0)).tolist() == expected


def test_averages_are_torchvisions_over_the_box_cut_at_the_border() -> None:
    cells = torch.randn(1, 6, 5, 8, generator=torch.Generator().manual_seed(0))
    pyramid = Pyramid([cells], torch.full((1, 4), 0.5), stride=32)  # of 512x320 pixels
    boxes = torch.tensor([[100.0, 100, 200, 180], [400.0, 10, 500, 50]])
    found = surroundings(pyramid, boxes, torch.tensor(FACTORS))
    grown = [[75.0, 80, 225, 200], [375.0, 0, 512, 60]]
    whole = [[0.0, 0, 512, 320]] * 2
    expected = [
        roi_align(cells, [torch.tensor(rows) / 2], 1, 1 / 32, 4, aligned=True).flatten(1)
        for rows in (grown, whole)
    ]
    torch.testing.assert_close(found, torch.cat(expected, 1))


def test_no_regions_have_no_surroundings() -> None:
    pyramid = Pyramid([torch.zeros(1, 6, 5, 8)], torch.ones(1, 4), 32)
    assert surroundings(pyramid, torch.zeros(0, 4), torch.tensor(FACTORS)).shape == (0, 12)


def test_the_photograph_ends_with_its_last_cell() -> None:
    pyramid = Pyramid([torch.zeros(1, 1, 5, 8)], torch.tensor([[0.5, 2.0, 0.5, 2.0]]), 32)
    assert pyramid.extent.tolist() == [8 * 32 / 0.5, 5 * 32 / 2]


def network(context: tuple[float, ...], seed: int) -> RegionClassifier:
    torch.manual_seed(seed)
    return RegionClassifier(3, context=context).eval()


def detector(model: RegionClassifier) -> Detector:
    recipe = Recipe()
    recipe = replace(recipe, network=replace(recipe.network, short_side=96, pyramid=(0.5,)))
    return Detector([Member(model)], recipe, WeightsInfo(("a", "b", "c"), (1, 2, 3), {}), "cpu")


IMAGE = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
BOXES = np.array([[4, 5, 60, 70], [50, 10, 119, 88], [0, 0, 120, 90]], np.float32)


def test_a_network_goes_on_from_one_that_saw_no_context_and_answers_alike() -> None:
    plain, seeing = network((), 0), network(FACTORS, 1)
    seeing.continue_from(plain)
    expected = detector(plain).classify(IMAGE, BOXES)
    np.testing.assert_allclose(detector(seeing).classify(IMAGE, BOXES), expected, atol=2e-3)
    again = network(FACTORS, 2)
    again.continue_from(network(FACTORS, 3))
    with pytest.raises(DetectorError, match=r"network.context: .* has \[1.5, 100.0\].*\[2.0\]"):
        network((2.0,), 0).continue_from(seeing)


def test_factors_that_float16_rounds_are_still_the_same_after_a_file(tmp_path: Path) -> None:
    detector(network((1.2,), 0)).save(tmp_path / "w.safetensors")
    network((1.2,), 1).continue_from(Detector.load(tmp_path / "w.safetensors", device="cpu").model)


def test_what_is_around_a_region_counts() -> None:
    """The same pixels inside, others outside and far from where the trunk's cells look."""
    model = network((4.0,), 0)
    with torch.no_grad():
        model.classifier.weight[:, :1024] = 0  # context alone
    first, other = np.zeros((2, 90, 120, 3), np.uint8)
    other[:, 100:] = 255
    box = np.array([[10, 10, 40, 40]], np.float32)
    predictions = [detector(model).classify(image, box) for image in (first, other)]
    assert np.abs(predictions[0] - predictions[1]).max() > 1e-5


def test_context_lives_in_the_weights_also_of_an_ensemble(tmp_path: Path) -> None:
    both = Detector.combine([detector(network(FACTORS, 0)), detector(network((), 1))])
    both.save(tmp_path / "w.safetensors")
    loaded = Detector.load(tmp_path / "w.safetensors", device="cpu")
    contexts = [m.model.context for m in loaded.members]
    assert contexts[0] is not None and contexts[0].tolist() == [1.5, 100] and contexts[1] is None
    expected = both.classify(IMAGE, BOXES)
    np.testing.assert_allclose(loaded.classify(IMAGE, BOXES), expected, atol=5e-3)  # float16


@pytest.mark.parametrize("shape", [(1, 500), (500, 1), (1, 1)])
def test_strips_have_surroundings(shape: tuple[int, int]) -> None:
    image = np.full((*shape, 3), 99, np.uint8)
    box = np.array([[0, 0, shape[1], shape[0]]], np.float32)
    probabilities = detector(network(FACTORS, 0)).classify(image, box)
    assert probabilities.shape == (1, 4) and np.isfinite(probabilities).all()
