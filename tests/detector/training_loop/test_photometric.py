"""Photometric distortion against torchvision, and what each change must not alter."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional as reference

from detector.training_loop.photometric import (
    distort,
    random_matrix,
    scale_brightness,
    scale_contrast,
    scale_saturation,
    turn_hue,
)


def picture(low: int = 80, high: int = 150) -> np.ndarray:
    """Noise that stays within 0..255 in all tests below."""
    return np.random.default_rng(0).integers(low, high, (40, 52, 3), dtype=np.uint8)


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.0, 1.3, 1.5])
def test_brightness_contrast_and_saturation_are_torchvision_s(factor: float) -> None:
    image = picture()
    tensor = torch.from_numpy(image).permute(2, 0, 1).float()
    # torchvision takes floats as 0..1
    grey = float(reference.rgb_to_grayscale(tensor / 255).mean() * 255)
    for matrix, adjust in (
        (scale_brightness(factor), reference.adjust_brightness),
        (scale_contrast(factor, grey), reference.adjust_contrast),
        (scale_saturation(factor), reference.adjust_saturation),
    ):
        expected = adjust(tensor / 255, factor).permute(1, 2, 0).numpy() * 255
        found = cv2.transform(image.astype(np.float64), matrix[:3])
        np.testing.assert_allclose(found, expected, atol=0.02)


def test_hue_turns_about_the_grey_axis() -> None:
    third = turn_hue(120)[:3, :3]
    np.testing.assert_allclose(third @ [200, 10, 60], [60, 200, 10], atol=1e-9)
    np.testing.assert_allclose(turn_hue(40) @ turn_hue(-40), np.eye(4), atol=1e-12)
    some = turn_hue(17)[:3, :3]
    np.testing.assert_allclose(some @ [90, 90, 90], [90, 90, 90], atol=1e-9)
    # a rotation: distances between colours stay
    np.testing.assert_allclose(some @ some.T, np.eye(3), atol=1e-12)


def test_brightness_alone_moves_the_mean_of_a_grey_picture() -> None:
    """In any order, the mean m becomes b m, and a distance d from it b c d."""
    grey = np.array([100.0, 100.0, 100.0])
    matrices = [random_matrix(grey, np.random.default_rng(seed)) for seed in range(400)]
    means = np.array([matrix @ [*grey, 1] for matrix in matrices])
    np.testing.assert_allclose(means, means[:, :1].repeat(3, 1))
    assert 50 <= means.min() < 60 and 140 < means.max() <= 150
    products = np.array([(matrix[:, :3] @ grey)[0] / 100 for matrix in matrices])
    assert 0.25 <= products.min() < 0.4 and 1.9 < products.max() <= 2.25


def test_a_picture_stays_a_picture() -> None:
    image = picture(0, 255)
    before = image.copy()
    one, again, other = (distort(image, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one.dtype == np.uint8 and one.shape == image.shape
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()
    np.testing.assert_array_equal(image, before)
    grey = np.full((1, 1, 3), 77, np.uint8)
    spread = np.ptp(distort(grey, np.random.default_rng(3)))
    assert spread <= 1  # grey stays grey


def test_values_are_cut_off_not_wrapped() -> None:
    image = np.zeros((2, 64, 3), np.uint8)
    image[:, 32:] = 255
    for seed in range(30):
        found = distort(image, np.random.default_rng(seed)).astype(int)
        assert (found[:, 32:] >= found[:, :32]).all()
