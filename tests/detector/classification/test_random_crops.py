"""Crops of whole pictures, as section 6 draws them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.classification.pretrain_data import draw_crop, random_crop

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


def test_a_random_crop_is_a_window_of_the_picture_or_its_mirror() -> None:
    y, x = np.mgrid[:96, :120]
    image = np.stack([2 * x, 2 * y, 0 * x], 2).astype(np.uint8)
    mirrored = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        crop = random_crop(image, 48, rng).astype(int)
        assert crop.shape == (48, 48, 3)
        across, down = crop[24, -1, 0] - crop[24, 0, 0], crop[-1, 24, 1] - crop[0, 24, 1]
        mirrored += across < 0
        assert down > 0 and 3 / 4 - 0.1 < abs(across) / down < 4 / 3 + 0.1
        again = random_crop(image, 48, np.random.default_rng(seed))
        np.testing.assert_array_equal(crop, again)
    assert 20 < mirrored < 40
