"""Local response normalisation, which GoogLeNet has after the first pool and after conv2.

torch's own operator pools over a five-dimensional copy and computes a general power, which takes
longer than all of conv2; two square roots take a third of the power's time. On a CPU in bfloat16,
without gradients, one compiled pass over the map computes everything; elsewhere the sum over
channels is a convolution.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from detector.networks.operators.norm_kernel import Codes, rectify_and_normalise

SIZE, ALPHA = 5, 1e-4  # Caffe's values: channels in a sum, and its weight; beta is 0.75


def rectified_norm(x: Tensor) -> Tensor:
    """(N, C, H, W) -> ReLU, then v / (1 + ALPHA/SIZE * sum of v^2 over SIZE channels) ** 0.75."""
    if x.requires_grad or x.device.type != "cpu" or x.dtype != torch.bfloat16:
        return local_response_norm(F.relu(x))
    x = x.contiguous(memory_format=torch.channels_last)
    out = torch.empty_like(x)
    cells, results = _codes(x), _codes(out)
    threads = max(1, min(torch.get_num_threads(), len(cells)))
    first, *others = zip(
        np.array_split(cells, threads), np.array_split(results, threads), strict=True
    )
    waiting = [_pool(os.getpid(), threads).submit(_work, *part) for part in others]
    _work(*first)
    for part in waiting:
        part.result()
    return out


def local_response_norm(x: Tensor) -> Tensor:
    """The normalisation alone, by torch.

    The sum over channels and the 1 are a 1x1 convolution with a banded matrix. The bfloat16
    rounding of 1 + a small number is no larger than the rounding of the result.
    """
    channels = x.shape[1]
    position = torch.arange(channels, device=x.device)
    band = ((position[:, None] - position[None, :]).abs() <= SIZE // 2).to(x.dtype)
    small = (ALPHA / SIZE) ** 0.5 * x  # scaled first, because float16 would overflow
    totals = F.conv2d(small * small, band[:, :, None, None], x.new_ones(channels))
    root = totals.rsqrt().to(x.dtype)  # CUDA's autocast computes roots in float32
    return x * (root * root.sqrt())


def _codes(x: Tensor) -> Codes:
    """The bits of a bfloat16 map in channels_last, as int16: (N * H * W, C)."""
    codes: Codes = x.permute(0, 2, 3, 1).view(torch.int16).numpy()
    return codes.reshape(-1, x.shape[1])


def _work(cells: Codes, results: Codes) -> None:
    channels = cells.shape[1]
    codes, squares = np.empty(channels, np.int32), np.zeros(channels + SIZE - 1, np.float32)
    rectify_and_normalise(cells, results, codes, codes.view(np.float32), squares, ALPHA / SIZE)


@lru_cache(maxsize=1)
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    """The threads of a process; they do not survive a fork, so its id is part of the key."""
    return ThreadPoolExecutor(threads)
