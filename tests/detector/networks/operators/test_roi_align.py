"""RoIAlign: the values of torchvision's operator and its gradients, and some worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision import ops

from detector.networks.operators.roi_align import roi_align, roi_align_levels


def random_boxes(seed: int, count: int, height: int, width: int) -> Tensor:
    """Boxes inside, across the border and wholly outside a picture, some of them empty."""
    rng = np.random.default_rng(seed)
    scale = [width, height]
    low = rng.uniform(-0.6, 1.3, (count, 2)) * scale
    boxes = np.concatenate([low, low + rng.uniform(0, 0.9, (count, 2)) * scale], axis=1)
    boxes[0] = [0, 0, width, height]
    boxes[1] = [5, 5, 5, 5]
    boxes[2] = [-3 * width, 0, -2 * width, height]
    return torch.from_numpy(boxes.astype(np.float32))


@pytest.mark.parametrize("samples", [1, 2])
@pytest.mark.parametrize("size", [7, 14])
@pytest.mark.parametrize("shape", [(9, 13), (1, 20), (1, 1)])
def test_values_and_gradients_are_torchvisions(
    shape: tuple[int, int], size: int, samples: int
) -> None:
    generator = torch.Generator().manual_seed(size + samples)
    height, width = shape
    ours = torch.randn(1, 5, height, width, generator=generator).requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    boxes = random_boxes(3, 40, height * 16, width * 16)
    found = roi_align(ours, boxes, size, 1 / 16, samples)
    expected = ops.roi_align(theirs, [boxes], size, 1 / 16, sampling_ratio=samples, aligned=True)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    upstream = torch.randn(expected.shape, generator=generator)
    found.backward(upstream)
    expected.backward(upstream)
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-4)


def test_a_linear_ramp_gives_the_position_of_every_cell_centre() -> None:
    # value = 100 row + column; the box covers columns 2..12 and rows 1..6 of the map, in five
    # cells of 2 x 1. Value k belongs to the middle of pixel k, position k + 0.5.
    ramp = 100 * torch.arange(10.0)[:, None] + torch.arange(20.0)[None, :]
    box = torch.tensor([[4.0, 2.0, 24.0, 12.0]])
    cells = roi_align(ramp[None, None], box, 5, 0.5)[0, 0]
    columns = torch.tensor([2.5, 4.5, 6.5, 8.5, 10.5])
    rows = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])
    torch.testing.assert_close(cells, 100 * rows[:, None] + columns[None, :])


def test_a_constant_map_is_constant_inside_and_zero_far_outside() -> None:
    constant = torch.full((1, 3, 6, 8), 2.5)
    boxes = torch.tensor([[0.0, 0.0, 128.0, 96.0], [10.0, 20.0, 33.0, 47.0], [300, 0, 400, 96]])
    cells = roi_align(constant, boxes, 7, 1 / 16, samples=2)
    torch.testing.assert_close(cells[:2], torch.full((2, 3, 7, 7), 2.5))
    assert not cells[2].any()


def test_no_boxes_give_no_regions() -> None:
    feature_map = torch.zeros(1, 5, 4, 4, requires_grad=True)
    found = roi_align(feature_map, torch.zeros(0, 4), 7, 1 / 16)
    assert found.shape == (0, 5, 7, 7)
    found.sum().backward()
    assert feature_map.grad is not None and not feature_map.grad.any()


def test_gradients_in_bfloat16_are_rounded_once() -> None:
    generator = torch.Generator().manual_seed(3)
    boxes = torch.rand(200, 2, generator=generator) * 100
    boxes = torch.cat([boxes, boxes + 60], 1)
    upstream = torch.randn(200, 4, 14, 14, generator=generator).bfloat16()
    exact = torch.zeros(1, 4, 12, 12, requires_grad=True)
    roi_align(exact, boxes, 14, 1 / 16).backward(upstream.float())
    half = torch.zeros(1, 4, 12, 12, dtype=torch.bfloat16, requires_grad=True)
    roi_align(half, boxes, 14, 1 / 16).backward(upstream)
    assert exact.grad is not None and half.grad is not None
    # Weights are rounded to 8 bits too; sums of thousands of cells rounded at each would be off
    error = (half.grad.float() - exact.grad).abs().max() / exact.grad.abs().max()
    assert error < 2**-7


def test_of_several_maps_each_box_is_cut_from_its_own() -> None:
    maps = [torch.randn(1, 5, *shape).requires_grad_() for shape in ((9, 13), (4, 3), (20, 1))]
    level = torch.tensor([2, 0, 1, 1, 0, 2, 0] * 6)
    boxes = random_boxes(5, len(level), 150, 200)
    found = roi_align_levels(maps, level, boxes, 7, 1 / 16, 2)
    upstream = torch.randn(found.shape)
    gradients = torch.autograd.grad(found, maps, upstream)
    for number, (own, gradient) in enumerate(zip(maps, gradients, strict=True)):
        rows = level == number
        alone = roi_align(own, boxes[rows], 7, 1 / 16, 2)
        torch.testing.assert_close(found[rows], alone)
        (expected,) = torch.autograd.grad(alone, own, upstream[rows])
        torch.testing.assert_close(gradient, expected)
