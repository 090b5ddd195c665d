"""R-CNN's warp: where a box lands, what surrounds it, what the values are."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from detector.networks.googlenet import MEAN_BGR
from detector.networks.warp import make_atlas, shrink_for_warp, warp_regions
from detector.training_loop.photometric import random_matrix


def photograph(seed: int, height: int, width: int) -> Tensor:
    """Smooth colours (3, H, W) uint8, so that values depend on the place alone."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (4, 5, 3), dtype=np.uint8)
    image = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return torch.from_numpy(image).permute(2, 0, 1).contiguous()


def as_rgb(crops: Tensor) -> Tensor:
    """Back to RGB 0..255; the mean colour outside the photograph."""
    mean = torch.tensor(MEAN_BGR)[:, None, None]
    return (crops + mean).flip(1)


def boxes(*rows: tuple[float, ...]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float32)


def test_a_box_inside_the_photograph_fills_pixels_16_to_207() -> None:
    # White pixels from column 60 to 155 and row 40 to 87; 192 / 96 and 192 / 48 are whole
    image = torch.zeros(3, 200, 300, dtype=torch.uint8)
    image[:, 40:88, 60:156] = 255
    crop = as_rgb(
        warp_regions(make_atlas([image]), boxes((60, 40, 156, 88)), interpolation="nearest")
    )
    expected = torch.zeros(1, 3, 224, 224)
    expected[:, :, 16:208, 16:208] = 255
    torch.testing.assert_close(crop, expected)


@pytest.mark.parametrize("padding", [0, 32, 48])
def test_the_padding_is_the_pixels_around_the_box(padding: int) -> None:
    side = 224 - 2 * padding  # twice and four times the box's
    width, height = side // 2, side // 4
    image = torch.zeros(3, 200, 300, dtype=torch.uint8)
    image[:, 70 : 70 + height, 90 : 90 + width] = 255
    box = boxes((90, 70, 90 + width, 70 + height))
    atlas = make_atlas([image], padding)
    crop = as_rgb(warp_regions(atlas, box, padding=padding, interpolation="nearest"))
    expected = torch.zeros(1, 3, 224, 224)
    expected[:, :, padding : 224 - padding, padding : 224 - padding] = 255
    torch.testing.assert_close(crop, expected)


def test_a_wide_padding_halves_the_photograph_as_often_as_it_must() -> None:
    # 500 pixels to 192: halved once; to 32: three times (500 / 32 is 15.6)
    image = photograph(7, 500, 500)
    assert make_atlas([image]).halvings == 1 and make_atlas([image], 96).halvings == 3
    crop = as_rgb(warp_regions(make_atlas([image], 96), boxes((0, 0, 500, 500)), padding=96))
    expected = cv2.resize(
        image.permute(1, 2, 0).float().numpy(), (32, 32), interpolation=cv2.INTER_AREA
    )
    inside = crop[0, :, 96:128, 96:128].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(inside, expected, atol=4)


def test_a_ramp_gives_the_place_of_every_pixel() -> None:
    # red = column, green = row; pixel u of the crop is box share (u + 0.5 - 16) / 192
    image = torch.zeros(3, 200, 250, dtype=torch.uint8)
    image[0] = torch.arange(250)[None, :]
    image[1] = torch.arange(200)[:, None]
    crop = as_rgb(warp_regions(make_atlas([image]), boxes((40.5, 30, 164.5, 130))))[0]
    share = (torch.arange(224) + 0.5 - 16) / 192
    columns, rows = 40.5 + 124 * share - 0.5, 30 + 100 * share - 0.5
    torch.testing.assert_close(crop[0], columns[None, :].expand(224, 224), rtol=0, atol=1e-3)
    torch.testing.assert_close(crop[1], rows[:, None].expand(224, 224), rtol=0, atol=1e-3)


def test_an_enlarged_box_is_what_opencv_makes_of_it() -> None:
    image = photograph(1, 180, 240)
    crop = as_rgb(warp_regions(make_atlas([image]), boxes((70, 50, 166, 98))))[0]
    # The box with its context is columns 62..174 and rows 46..102, to 224: x 2 and x 4
    part = image[:, 46:102, 62:174].permute(1, 2, 0).float().numpy()
    expected = cv2.resize(part, (224, 224), interpolation=cv2.INTER_LINEAR)
    # cv2 repeats the part's edge pixels, where the warp sees the photograph go on
    inner = slice(4, 220)
    np.testing.assert_allclose(
        crop.permute(1, 2, 0).numpy()[inner, inner], expected[inner, inner], atol=0.01
    )


def test_the_whole_photograph_is_resized_as_opencv_does_with_mean_around_it() -> None:
    image = photograph(2, 96, 150)
    crop = warp_regions(make_atlas([image]), boxes((0, 0, 150, 96)))[0]
    assert not crop[:, :16].any() and not crop[:, 208:].any()
    assert not crop[:, :, :16].any() and not crop[:, :, 208:].any()
    expected = cv2.resize(image.permute(1, 2, 0).float().numpy(), (192, 192))
    inside = as_rgb(crop[None])[0, :, 16:208, 16:208].permute(1, 2, 0)
    np.testing.assert_allclose(inside.numpy(), expected, atol=0.01)


@given(
    st.tuples(*[st.floats(-300, 400, width=32)] * 2, *[st.floats(1, 500, width=32)] * 2),
    st.integers(0, 5),
)
@settings(max_examples=30, deadline=None)
def test_the_crop_is_zero_exactly_outside_the_photograph(
    place: tuple[float, float, float, float], seed: int
) -> None:
    x, y, w, h = place
    image = torch.full((3, 120, 170), 200, dtype=torch.uint8)  # never the mean
    crop = warp_regions(make_atlas([image, photograph(seed, 60, 70)]), boxes((x, y, x + w, y + h)))
    share = (np.arange(224) + 0.5 - 16) / 192
    columns, rows = x + w * share, y + h * share
    certain = (np.abs(columns) > 0.01) & (np.abs(columns - 170) > 0.01)
    inside = ((rows > 0) & (rows < 120))[:, None] & ((columns > 0) & (columns < 170))[None, :]
    steady = ((np.abs(rows) > 0.01) & (np.abs(rows - 120) > 0.01))[:, None] & certain[None, :]
    found = crop[0].numpy()
    assert not found[:, ~inside & steady].any()
    expected = 200 - np.array(MEAN_BGR, np.float32)[:, None]
    np.testing.assert_allclose(
        found[:, inside & steady],
        np.broadcast_to(expected, (3, (inside & steady).sum())),
        atol=0.01,
    )


def test_mirrored_crops_are_turned_with_their_context() -> None:
    atlas = make_atlas([photograph(3, 100, 140)])
    row = (-20.0, 30.0, 70.0, 90.0)
    crops = warp_regions(atlas, boxes(row, row), mirrored=torch.tensor([False, True]))
    torch.testing.assert_close(crops[1], crops[0].flip(2), rtol=0, atol=1e-2)
    assert not crops[1, :, :, -16:].any()


def test_boxes_of_several_photographs_are_cut_from_their_own() -> None:
    images = [photograph(4, 90, 130), photograph(5, 33, 400), photograph(6, 250, 61)]
    rows = boxes((10, 10, 80, 60), (-5, 0, 300, 40), (0, 20, 61, 250), (30, 5, 60, 70))
    of = torch.tensor([0, 1, 2, 0])
    together = warp_regions(make_atlas(images), rows, of)
    for row, index in enumerate(of):
        alone = warp_regions(make_atlas([images[index]]), rows[row : row + 1])
        torch.testing.assert_close(together[row : row + 1], alone, rtol=0, atol=0.05)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "nearest"])
def test_what_lies_beside_a_photograph_does_not_come_in(interpolation: str) -> None:
    sizes = ((60, 80), (300, 90), (31, 400))
    images = [
        torch.full((3, *size), value, dtype=torch.uint8)
        for size, value in zip(sizes, (250, 3, 140), strict=True)
    ]
    atlas = make_atlas(images)
    for index, (height, width) in enumerate(sizes):
        rows = boxes((0, 0, width, height), (width - 20, height - 20, width, height), (0, 0, 9, 9))
        crops = warp_regions(atlas, rows, torch.full((3,), index), interpolation=interpolation)
        seen = as_rgb(crops).flip(1)[crops.abs().sum(1, keepdim=True).expand_as(crops) > 0]
        assert (seen - float(images[index][0, 0, 0])).abs().max() < 0.05


def test_shrinking_averages_what_it_shrinks() -> None:
    # Columns black and white by turns; a box of 768 shrinks fourfold. Sampling points would show
    # stripes, the mean is grey: 127.5
    image = torch.zeros(3, 800, 800, dtype=torch.uint8)
    image[:, :, ::2] = 255
    atlas = make_atlas([image])
    crop = as_rgb(warp_regions(atlas, boxes((16, 16, 784, 784))))[0, :, 16:208, 16:208]
    torch.testing.assert_close(crop, torch.full_like(crop, 127.5))
    sharp = as_rgb(warp_regions(atlas, boxes((300, 300, 324, 324))))[0]
    assert sharp.min() < 20 and sharp.max() > 235


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (700, 3), (33, 2000)])
def test_odd_sizes_and_huge_boxes_stay_in_their_photograph(size: tuple[int, int]) -> None:
    images = [torch.full((3, *size), value, dtype=torch.uint8) for value in (30, 220)]
    height, width = size
    rows = boxes((0, 0, width, height), (-900, -900, 2000, 2000), (0, 0, 0, 0))
    for index, value in enumerate((30.0, 220.0)):
        crops = warp_regions(make_atlas(images), rows, torch.full((3,), index))
        values = as_rgb(crops).flip(1)[crops.abs().sum(1, keepdim=True).expand_as(crops) > 0]
        assert len(values) and torch.allclose(values, torch.tensor(value), atol=1e-3)


def test_no_boxes_give_no_crops_and_the_kind_asked_for() -> None:
    atlas = make_atlas([photograph(7, 50, 60)])
    assert warp_regions(atlas, torch.zeros(0, 4)).shape == (0, 3, 224, 224)
    crops = warp_regions(atlas, boxes((1, 1, 9, 9), (3, 3, 30, 9)), dtype=torch.bfloat16)
    assert crops.dtype == torch.bfloat16
    assert crops.is_contiguous(memory_format=torch.channels_last)


def test_colours_are_changed_as_in_rgb_and_the_mean_outside_stays() -> None:
    image = photograph(8, 60, 80)
    place = boxes((-10, 5, 60, 55))
    rng = np.random.default_rng(2)
    matrix = random_matrix(image.float().mean((1, 2)).tolist(), rng).astype(np.float32)
    colours = torch.from_numpy(matrix)[None]
    plain = warp_regions(make_atlas([image]), place)
    changed = warp_regions(make_atlas([image]), place, colours=colours)
    outside = (plain == 0).all(1, keepdim=True).expand_as(plain)
    assert outside.any() and not changed[outside].any()
    expected = np.einsum("ck,kyx->cyx", matrix[:, :3], as_rgb(plain)[0].numpy())
    expected = np.clip(expected + matrix[:, 3, None, None], 0, 255)
    inside = ~outside[0].numpy()
    np.testing.assert_allclose(as_rgb(changed)[0].numpy()[inside], expected[inside], atol=0.01)


def test_a_large_photograph_is_shrunk_and_a_small_one_left() -> None:
    large, factors = shrink_for_warp(np.full((3000, 4000, 3), 9, np.uint8), 1000)
    assert large.shape == (750, 1000, 3) and factors.tolist() == [0.25] * 4
    image = np.zeros((30, 999, 3), np.uint8)
    small, factors = shrink_for_warp(image, 1000)
    assert small is image and factors.tolist() == [1] * 4
    assert shrink_for_warp(np.zeros((1, 3000, 3), np.uint8), 1000)[0].shape == (1, 1000, 3)
