"""Regions are read at the scale that suits them."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from detector.networks.operators.roi_align import roi_align
from detector.networks.pyramid import Pyramid, scaled_pictures, together
from detector.recipes import NetworkOptions


def pyramid(*scales: float, shape: tuple[int, int] = (30, 40)) -> Pyramid:
    """Random maps of a photograph 16 times as large as `shape`."""
    generator = torch.Generator().manual_seed(0)
    sides = [tuple(max(1, round(side * scale)) for side in shape) for scale in scales]
    maps = [torch.randn(1, 3, *side, generator=generator) for side in sides]
    return Pyramid(maps, torch.tensor(scales)[:, None].repeat(1, 4))


def square(side: float) -> list[float]:
    return [5.0, 5.0, 5.0 + side, 5.0 + side]


def test_a_box_is_read_where_it_is_nearest_to_224_pixels() -> None:
    # At scales 1, 1/2 and 2; the borders lie half-way between in the logarithm: 224 * 2 ** 0.5 and
    # 224 / 2 ** 0.5. The last box, of four times the area in width alone, counts by its area.
    sides = [10.0, 158.0, 159.0, 224.0, 316.0, 317.0, 448.0, 2000.0]
    boxes = torch.tensor([*map(square, sides), [0.0, 0.0, 4 * 224.0, 224.0]])
    level = pyramid(1.0, 0.5, 2.0).level_of(boxes)
    assert level.tolist() == [2, 2, 0, 0, 0, 1, 1, 1, 1]


def test_scales_that_stretch_a_photograph_unevenly_count_by_area() -> None:
    uneven = Pyramid(
        [torch.zeros(1, 1, 2, 2)] * 2, torch.tensor([[4.0, 1, 4, 1], [0.25, 1, 0.25, 1]])
    )
    assert uneven.level_of(torch.tensor([square(112), square(448)])).tolist() == [0, 1]


def test_empty_boxes_have_a_scale_too() -> None:
    boxes = torch.tensor([[3.0, 3, 3, 3], [9.0, 9, 2, 2]])
    assert pyramid(1.0, 0.5).level_of(boxes).tolist() == [0, 0]
    assert pyramid(1.0, 0.5).cut(boxes, 7).shape == (2, 3, 7, 7)
    assert pyramid(1.0, 0.5).cut(boxes[:0], 7).shape == (0, 3, 7, 7)


@given(st.integers(0, 1000))
def test_regions_are_those_of_their_own_map_alone(seed: int) -> None:
    found = pyramid(1.0, 0.4, 1.7)
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 300, (9, 2))
    corners = np.concatenate([low, low + rng.uniform(4, 600, (9, 2))], 1)
    boxes = torch.from_numpy(corners.astype(np.float32))
    regions, level = found.cut(boxes, 7), found.level_of(boxes)
    for row, number in enumerate(level.tolist()):
        own = boxes[row : row + 1] * found.factors[number]
        expected = roi_align(found.maps[number], own, 7, 1 / 16)
        torch.testing.assert_close(regions[row : row + 1], expected)


def test_one_scale_is_roi_align() -> None:
    alone = pyramid(0.5)
    boxes = torch.tensor([square(50), square(400)])
    torch.testing.assert_close(
        alone.cut(boxes, 14), roi_align(alone.maps[0], boxes / 2, 14, 1 / 16)
    )


def test_a_layer_goes_over_every_map() -> None:
    found = pyramid(1.0, 0.5).through(lambda m: 2 * m)
    torch.testing.assert_close(found.maps, [2 * m for m in pyramid(1.0, 0.5).maps])


@given(st.lists(st.integers(1, 3), max_size=7))
def test_what_has_one_shape_goes_through_a_layer_together(sides: list[int]) -> None:
    inputs = [torch.full((1, 2, side, 3), float(k)) for k, side in enumerate(sides)]
    batches = []

    def layer(batch: torch.Tensor) -> torch.Tensor:
        batches.append(tuple(batch.shape))
        return batch.sum((2, 3), keepdim=True) + 1

    found = together(layer, inputs)
    assert [tuple(y.shape) for y in found] == [(1, 2, 1, 1)] * len(sides)
    assert [y[0, 0, 0, 0].item() for y in found] == [3 * s * k + 1 for k, s in enumerate(sides)]
    assert sorted(batches) == sorted((sides.count(s), 2, s, 3) for s in set(sides))


def test_pictures_of_all_scales_and_their_factors() -> None:
    image = np.zeros((60, 90, 3), np.uint8)
    options = NetworkOptions(short_side=120, long_side=150, pyramid=(0.5, 2.0))
    pictures, factors = scaled_pictures(image, options)
    # The long side bounds: 150 / 90 = 5/3, then half and twice that
    assert [picture.shape for picture in pictures] == [(100, 150, 3), (50, 75, 3), (200, 300, 3)]
    np.testing.assert_allclose(factors, np.outer([5 / 3, 5 / 6, 10 / 3], np.ones(4)), rtol=1e-6)
    smaller, factors = scaled_pictures(image, options, short_side=30)
    assert [picture.shape[0] for picture in smaller] == [30, 16, 60]  # one cell at least: 15 -> 16
    assert factors.dtype == np.float32 and factors.shape == (3, 4)
