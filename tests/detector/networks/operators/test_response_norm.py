"""Local response normalisation: torch's, and compiled what exact arithmetic rounds to."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from detector.networks.operators.response_norm import local_response_norm, rectified_norm


@pytest.mark.parametrize("channels", [3, 64])
def test_local_response_norm_is_that_of_torch(channels: int) -> None:
    # Activations in the hundreds, as behind conv1: the divisor is far from 1.
    x = 300 * torch.randn(2, channels, 5, 7, generator=torch.Generator().manual_seed(2))
    expected = F.local_response_norm(x, size=5, alpha=1e-4, beta=0.75, k=1.0)
    assert (expected / x).min() < 0.8
    torch.testing.assert_close(local_response_norm(x), expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("size", [3, 30, 3000])  # sums far below 1, about 1, far above
def test_local_response_norm_in_half_precision(dtype: torch.dtype, size: int) -> None:
    x = size * torch.randn(1, 64, 5, 7, generator=torch.Generator().manual_seed(2))
    x = x.to(dtype)
    expected = F.local_response_norm(x.float(), size=5, alpha=1e-4, beta=0.75, k=1.0)
    found = local_response_norm(x)
    assert found.dtype == dtype
    # Four roundings of half a unit in the last place, and those of the squares
    torch.testing.assert_close(found.float(), expected, rtol=4 * torch.finfo(dtype).eps, atol=0)


def maps(channels: int, size: float = 100) -> torch.Tensor:
    found = size * torch.randn(3, channels, 6, 5, generator=torch.Generator().manual_seed(3))
    return found.to(torch.bfloat16).contiguous(memory_format=torch.channels_last)


def exactly(x: torch.Tensor) -> torch.Tensor:
    """ReLU and norm in float64, not rounded."""
    rectified = x.double().relu()
    squares = F.pad(rectified**2, (0, 0, 0, 0, 2, 2))
    near = sum(squares[:, first : first + x.shape[1]] for first in range(5))
    return rectified / (1 + 1e-4 / 5 * near) ** 0.75


@pytest.mark.parametrize("channels", [1, 3, 64, 192])
@pytest.mark.parametrize("size", [1e-30, 3, 100, 3000, 1e15])
def test_compiled_it_is_the_exact_result_rounded(channels: int, size: float) -> None:
    x = maps(channels, size)
    found, expected = rectified_norm(x), exactly(x)
    assert found.dtype == torch.bfloat16 and found.is_contiguous(memory_format=torch.channels_last)
    # Float32 is out by so little that few results are rounded to the other neighbour
    assert (found != expected.to(torch.bfloat16)).double().mean() < 0.001
    torch.testing.assert_close(found.double(), expected, rtol=2**-8 * 1.001, atol=0)


def test_layouts_threads_and_neighbours_change_nothing() -> None:
    x = maps(16)
    found, threads = rectified_norm(x), torch.get_num_threads()
    assert torch.equal(found, rectified_norm(x.contiguous()))
    assert torch.equal(found[1:2], rectified_norm(x[1:2]))
    assert rectified_norm(x[:0]).shape == (0, 16, 6, 5)
    assert torch.equal(found[..., 1:3], rectified_norm(x[..., 1:3]))
    try:
        for count in (1, 2, 7):
            torch.set_num_threads(count)
            assert torch.equal(found, rectified_norm(x))
            assert torch.equal(found[:1, :, :1, :1], rectified_norm(x[:1, :, :1, :1]))
    finally:
        torch.set_num_threads(threads)


def test_nothing_is_left_of_negative_numbers() -> None:
    x = torch.tensor([-1.0, -0.0, -1e-38, -3e38, -float("inf")], dtype=torch.bfloat16)
    found = rectified_norm(x[None, :, None, None])
    assert torch.equal(found.view(torch.int16), torch.zeros(1, 5, 1, 1, dtype=torch.int16))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_learns_goes_torch_s_way(dtype: torch.dtype) -> None:
    x = maps(16).to(dtype).requires_grad_()
    found = rectified_norm(x)
    found.float().sum().backward()
    assert x.grad is not None and not x.grad[x <= 0].any() and x.grad[x > 0].any()
    quick = rectified_norm(x.detach())
    rtol = 4 * torch.finfo(dtype).eps
    torch.testing.assert_close(found.detach(), quick, rtol=rtol, atol=0)
