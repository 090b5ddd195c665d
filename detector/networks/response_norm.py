"""Local response normalisation, which GoogLeNet has after the first pool and after conv2.

torch's own pools over a five-dimensional copy and takes a general power, longer than all of
conv2. Two square roots are a third of the power's time. On a processor in bfloat16, without
gradients, one compiled pass over the map does all; elsewhere the sum over channels is a
convolution.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from detector.networks.norm_kernel import Codes, rectify_and_normalise

SIZE, ALPHA = 5, 1e-4  # channels that a value is held against, and how much (Caffe's; beta is .75)


def rectified_norm(x: Tensor) -> Tensor:
    """(N, C, H, W) -> ReLU, then v / (1 + ALPHA/SIZE * sum of v^2 over SIZE channels) ** .75."""
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
    """The norm alone, by torch.

    1 and the sum over channels are a 1x1 convolution with a banded matrix. In bfloat16 what is
    lost of 1 + something small is no more than the result's own rounding.
    """
    channels = x.shape[1]
    position = torch.arange(channels, device=x.device)
    band = ((position[:, None] - position[None, :]).abs() <= SIZE // 2).to(x.dtype)
    small = (ALPHA / SIZE) ** 0.5 * x  # or float16 would overflow
    totals = F.conv2d(small * small, band[:, :, None, None], x.new_ones(channels))
    root = totals.rsqrt().to(x.dtype)  # CUDA's autocast takes roots in float32
    return x * (root * root.sqrt())


def _codes(x: Tensor) -> Codes:
    """The memory of a map in channels_last: (N * H * W, C)."""
    codes: Codes = x.permute(0, 2, 3, 1).view(torch.int16).numpy()
    return codes.reshape(-1, x.shape[1])


def _work(cells: Codes, results: Codes) -> None:
    channels = cells.shape[1]
    codes, squares = np.empty(channels, np.int32), np.zeros(channels + SIZE - 1, np.float32)
    rectify_and_normalise(cells, results, codes, codes.view(np.float32), squares, ALPHA / SIZE)


@lru_cache(maxsize=1)
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    """Of this process: threads do not survive a fork."""
    return ThreadPoolExecutor(threads)
