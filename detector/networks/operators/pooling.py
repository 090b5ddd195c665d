"""Max pooling over 3x3, for maps that are not negative or go through a ReLU afterwards.

torch pools bfloat16 on a CPU at a third of the speed that memory allows, which made the pools a
quarter of GoogLeNet's time. Read as int16, the codes of nonnegative bfloat16 numbers are in the
order of the numbers and above those of negative ones, and processors compare integers fast. The
largest of 3x3 cells is found along the rows first, then along the columns. The results are the same
bits; where all nine numbers are negative, the result is one of them.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def max_pool(x: Tensor, stride: int = 2) -> Tensor:
    """Largest of 3x3 cells of (N, C, H, W); one of them where all are negative.

    Stride 2 has no padding and rounds its output size up, as in Caffe: 112 -> 56 -> 28 -> 14 -> 7.
    Stride 1 keeps the size.
    """
    if x.requires_grad or x.device.type != "cpu" or x.dtype != torch.bfloat16:
        return F.max_pool2d(x, 3, stride, padding=2 - stride, ceil_mode=stride == 2)
    codes = x.view(torch.int16)
    for axis in (2, 3):
        codes = _largest_of_three(codes.movedim(axis, 0), stride).movedim(0, axis)
    return codes.view(x.dtype)


def _largest_of_three(codes: Tensor, stride: int) -> Tensor:
    """Along the first axis: of windows around every cell, or of windows from every other cell."""
    if stride == 1:
        largest = codes.clone()
        torch.maximum(largest[1:], codes[:-1], out=largest[1:])
        torch.maximum(largest[:-1], codes[1:], out=largest[:-1])
        return largest
    first, second, third = codes[::2], codes[1::2], codes[2::2]
    largest = torch.maximum(first[: len(second)], second)
    whole = largest[: len(third)]  # the last window of an even size has two cells
    torch.maximum(whole, third, out=whole)
    return largest
