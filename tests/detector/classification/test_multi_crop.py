"""The places of 1, 10 and 144 crops, and the average of their probabilities."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from detector.classification.classifier import Classifier, load_classifier
from detector.classification.multi_crop import multi_crop
from detector.errors import DetectorError
from detector.networks.googlenet import GoogLeNet
from tests.detector.networks.test_googlenet import sample_photograph

CPU = torch.device("cpu")

# A picture of 450 x 300 at the four scales: its long side, where its three squares begin, and
# where the windows begin in each: far and central (section 7; by hand).
PLACES = {
    256: (384, (0, 64, 128), 32, 16),
    288: (432, (0, 72, 144), 64, 32),
    320: (480, (0, 80, 160), 96, 48),
    352: (528, (0, 88, 176), 128, 64),
}


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)


def pictures(crops: Tensor) -> list[np.ndarray]:
    """The crops as (H, W, 3)."""
    return list(crops.permute(0, 2, 3, 1).numpy())


def expected_144(image: np.ndarray) -> list[np.ndarray]:
    upright = image.shape[0] > image.shape[1]
    found = []
    for scale, (long, starts, far, central) in PLACES.items():
        size = (scale, long) if upright else (long, scale)
        resized = cv2.resize(
            image, size, interpolation=cv2.INTER_AREA if scale < 300 else cv2.INTER_LINEAR
        )
        for start in starts:
            square = resized[start : start + scale] if upright else resized[:, start:][:, :scale]
            corners = [(0, 0), (0, far), (far, 0), (far, far), (central, central)]
            crops = [square[y : y + 224, x : x + 224] for y, x in corners]
            crops.append(cv2.resize(square, (224, 224), interpolation=cv2.INTER_AREA))
            for crop in crops:
                found += [crop, crop[:, ::-1]]
    return found


@pytest.mark.parametrize("shape", [(300, 450), (450, 300)], ids=["lying", "upright"])
def test_144_crops_lie_where_section_7_puts_them(shape: tuple[int, int]) -> None:
    image = noise(*shape)
    crops = multi_crop(image, 144)
    assert crops.shape == (144, 3, 224, 224) and crops.dtype == torch.uint8
    for found, expected in zip(pictures(crops), expected_144(image), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_crops_are_alike_only_where_the_picture_is_square() -> None:
    assert len({crop.tobytes() for crop in pictures(multi_crop(noise(300, 450), 144))}) == 144
    # the three squares of a square are one: 4 scales x 6 windows x 2 mirrors are left
    assert len({crop.tobytes() for crop in pictures(multi_crop(noise(300, 300), 144))}) == 48


def test_ten_crops_are_the_corners_and_the_centre_of_the_central_square() -> None:
    ramp = np.zeros((256, 320, 3), np.uint8)  # x in red, y in green; the square begins at x = 32
    ramp[..., 0], ramp[..., 1] = np.arange(320)[None] // 2, np.arange(256)[:, None]
    crops = pictures(multi_crop(ramp, 10))
    places = [(int(crop[0, 0, 0]) * 2, int(crop[0, 0, 1])) for crop in crops[::2]]
    assert places == [(32, 0), (64, 0), (32, 32), (64, 32), (48, 16)]
    for crop, mirror in zip(crops[::2], crops[1::2], strict=True):
        np.testing.assert_array_equal(crop, mirror[:, ::-1])


def test_one_crop_is_among_the_ten_and_those_are_among_the_144() -> None:
    image = noise(280, 333)
    found = [[crop.tobytes() for crop in pictures(multi_crop(image, n))] for n in (1, 10, 144)]
    one, ten, all_144 = found
    assert one == [ten[8]] and set(ten) <= set(all_144)


def test_crops_of_another_size_have_scales_to_match() -> None:
    image = noise(150, 150)
    (crop,) = pictures(multi_crop(image, 1, side=112))
    scaled = cv2.resize(image, (128, 128), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(crop, scaled[8:120, 8:120])
    assert multi_crop(image, 144, side=64).shape == (144, 3, 64, 64)


@pytest.mark.parametrize("shape", [(1, 40_000), (40_000, 2), (1, 1), (3, 2)])
def test_pictures_of_any_shape_have_crops(shape: tuple[int, int]) -> None:
    image = np.full((*shape, 3), 77, np.uint8)
    assert multi_crop(image, 144).unique().tolist() == [77]


def test_squares_of_a_long_strip_are_its_ends_and_its_middle() -> None:
    strip = np.zeros((4, 400, 3), np.uint8)
    strip[:, :4], strip[:, 198:202], strip[:, 396:] = 50, 100, 150
    values = multi_crop(strip, 144).flatten(1).unique(dim=1)[:, 0].view(4, 3, 12)
    assert values[:, 0].unique() == 50 and values[:, 1].unique() == 100
    assert values[:, 2].unique() == 150


def test_another_number_of_crops_is_refused() -> None:
    with pytest.raises(DetectorError, match="7 crops: use 1, 10 or 144"):
        multi_crop(noise(20, 20), 7)


class Rows(nn.Module):
    """A network that predicts given rows of probabilities for its crops in turn."""

    def __init__(self, rows: list[list[float]]) -> None:
        super().__init__()
        self.rows, self.shown = torch.tensor(rows), 0

    def forward(self, x: Tensor) -> Tensor:
        rows = (torch.arange(len(x)) + self.shown) % len(self.rows)
        self.shown += len(x)
        return self.rows[rows].log() + 5  # a constant added to all logits changes nothing


def test_probabilities_are_averaged_over_crops_and_over_networks() -> None:
    # ten crops of 0.2 and 0.6 in turn: 0.4; the other network always predicts 0.9: together 0.65
    first, second = Rows([[0.2, 0.8], [0.6, 0.4]]), Rows([[0.9, 0.1]])
    networks = cast(tuple[GoogLeNet, ...], (first, second))
    classifier = Classifier(networks, ("a", "b"), (), 224, CPU)
    found = classifier([noise(30, 40)] * 3, crops=10)
    np.testing.assert_allclose(found, [[0.65, 0.35]] * 3, atol=1e-6)


@pytest.mark.parametrize(
    ("photograph", "name", "probability"),
    [("chelsea", "Egyptian cat", 0.495), ("coffee", "espresso", 0.90)],
)
def test_known_photographs_by_one_crop(photograph: str, name: str, probability: float) -> None:
    sample_photograph(photograph)  # skips where it is not here
    image = getattr(pytest.importorskip("skimage.data"), photograph)()
    classifier = load_classifier(device="cpu")
    (found,) = classifier([image])
    assert classifier.class_names[found.argmax()] == name
    assert found.max() == pytest.approx(probability, abs=0.005)
