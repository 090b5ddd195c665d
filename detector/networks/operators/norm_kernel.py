"""Local response normalisation of bfloat16 on a CPU, compiled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detector.networks.operators.compiled import kernel

Codes = NDArray[np.int16]  # a bfloat16 is the upper half of a float32's code


@kernel("i2[2] i2[2] i4[1] f4[1] f4[1] f4")
def rectify_and_normalise(
    cells: Codes,
    out: Codes,
    codes: NDArray[np.int32],
    values: NDArray[np.float32],
    squares: NDArray[np.float32],
    strength: float,
) -> None:
    """ReLU, then v / (1 + strength * sum of v^2 over 5 neighbouring channels) ** 0.75.

    cells, out: (rows, channels). codes, values: (channels,) views of the same working memory.
    squares: (channels + 4,) working memory, 0 at both ends. The arithmetic is float32 and rounds
    once.
    """
    channels = cells.shape[1]
    one, half = np.float32(1), np.int32(0x7FFF)
    for row in range(len(cells)):
        for c in range(channels):
            codes[c] = np.int32(max(cells[row, c], np.int16(0))) << 16
        for c in range(channels):
            squares[c + 2] = values[c] * values[c]
        for c in range(channels):
            near = squares[c] + squares[c + 1] + squares[c + 2] + squares[c + 3] + squares[c + 4]
            root = np.sqrt(one + strength * near)
            values[c] /= root * np.sqrt(root)
        for c in range(channels):  # to the nearest bfloat16, ties to even
            out[row, c] = np.int16((codes[c] + half + ((codes[c] >> 16) & 1)) >> 16)
