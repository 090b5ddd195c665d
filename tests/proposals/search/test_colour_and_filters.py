"""Colour images and filters against values worked out by hand."""

import numpy as np
import pytest

from proposals.search.colour_spaces import COLOUR_SPACES
from proposals.search.filters import filter_separable, gaussian_derivative_taps, gaussian_taps


@pytest.mark.parametrize("name", COLOUR_SPACES)
@pytest.mark.parametrize("value", [0, 90, 255])
def test_every_colour_space_keeps_shape_and_dtype(name, value):
    image = np.full((3, 5, 3), value, np.uint8)
    result = COLOUR_SPACES[name](image)
    assert result.shape == (3, 5, 3)
    assert result.dtype == np.uint8
    assert (result == result[0, 0]).all()


def test_hue_ranges_over_the_whole_byte():
    primaries = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    hues = COLOUR_SPACES["H"](primaries)
    np.testing.assert_allclose(hues[0, :, 0], [0, 85, 170], atol=1)
    np.testing.assert_array_equal(hues[..., 0], hues[..., 2])
    np.testing.assert_array_equal(COLOUR_SPACES["HSV"](primaries)[0, :, 1:], 255)


def test_chromaticity_is_stretched_and_black_counts_as_grey():
    image = np.array([[[200, 0, 0], [0, 0, 0], [50, 50, 50], [0, 80, 0]]], np.uint8)
    result = COLOUR_SPACES["rgI"](image)[0]
    # r = 1, 1/3, 1/3, 0 and g = 0, 1/3, 1/3, 1 cover the whole range already.
    assert result[:, 0].tolist() == [255, 85, 85, 0]
    assert result[:, 1].tolist() == [0, 85, 85, 255]
    assert result[:, 2].tolist() == [60, 0, 50, 47]


def test_taps():
    taps = gaussian_taps(0.8)
    assert len(taps) == 9
    assert taps.sum() == pytest.approx(1, abs=1e-6)
    np.testing.assert_array_equal(taps, taps[::-1])
    # The sum over one side is the response to a step of height 1.
    assert gaussian_derivative_taps(0.8)[5:].sum() == pytest.approx(0.427, abs=1e-3)


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (7, 1), (5, 8)])
def test_filter_against_a_padded_sum(shape):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    taps_x, taps_y = rng.normal(size=(2, 5)).astype(np.float32)
    padded = np.pad(image.astype(float), ((2, 2), (2, 2), (0, 0)), mode="edge")
    expected = np.zeros((*shape, 3))
    for y in range(5):
        for x in range(5):
            part = padded[y : y + shape[0], x : x + shape[1]]
            expected += float(taps_y[y]) * float(taps_x[x]) * part
    result = filter_separable(image, taps_x, taps_y)
    np.testing.assert_allclose(result, expected.transpose(2, 0, 1), atol=2e-3)
