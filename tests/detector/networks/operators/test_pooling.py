"""The quick pools are torch's, to the bit."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from detector.networks.operators.pooling import max_pool


def maps(shape: tuple[int, ...], seed: int, layout: torch.memory_format) -> torch.Tensor:
    torch.manual_seed(seed)
    found = torch.randn(shape).relu().to(torch.bfloat16)
    return found.contiguous(memory_format=layout)


@given(
    st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(2, 17), st.integers(2, 17)),
    st.integers(0, 99),
    st.sampled_from([torch.contiguous_format, torch.channels_last]),
)
def test_pools_are_those_of_torch(
    shape: tuple[int, int, int, int], seed: int, layout: torch.memory_format
) -> None:
    x = maps(shape, seed, layout)
    assert torch.equal(max_pool(x), F.max_pool2d(x, 3, 2, ceil_mode=True))
    assert torch.equal(max_pool(x, stride=1), F.max_pool2d(x, 3, 1, padding=1))


def test_negative_numbers_are_below_all_others() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 5, 9, 8).to(torch.bfloat16)  # windows of nothing else come, too
    assert torch.equal(max_pool(x).relu(), F.max_pool2d(x, 3, 2, ceil_mode=True).relu())


def test_largest_and_smallest_numbers_keep_their_order() -> None:
    values = [0.0, -0.0, 1e-38, 1e-30, 1.0, 1.0078125, 3e38, float("inf"), 2.0]
    x = torch.tensor(values, dtype=torch.bfloat16).reshape(1, 1, 3, 3)
    for most in range(len(values), 0, -1):
        part = x.flatten()[:most].sort().values
        padded = F.pad(part, (0, 9 - most)).reshape(1, 1, 3, 3)
        assert max_pool(padded).item() == part.max().item()


@pytest.mark.parametrize("stride", [1, 2])
def test_what_learns_goes_torch_s_way(stride: int) -> None:
    x = maps((2, 3, 7, 8), 0, torch.channels_last).requires_grad_()
    max_pool(x, stride).float().sum().backward()
    assert x.grad is not None and x.grad.sum() == max_pool(x, stride).numel()
