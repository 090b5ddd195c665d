"""Loads of eight bytes at once from any position, which NumPy arrays do not offer to kernels."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np


def load_word(text: np.ndarray, at: int) -> np.uint64:
    """Bytes at..at + 7 of a byte array as a little-endian uint64."""
    return np.uint64(int.from_bytes(bytes(text[at : at + 8]), "little"))


def compiled_load_word() -> Any:
    """`load_word` for compiled code: one unaligned load, without a check of the array's end."""
    from llvmlite import ir  # type: ignore[import-untyped]
    from numba import types
    from numba.extending import intrinsic

    @intrinsic
    def word(typing_context: Any, text: Any, at: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            array = context.make_array(signature.args[0])(context, builder, arguments[0])
            place = builder.gep(array.data, [arguments[1]])
            pointer = builder.bitcast(place, ir.IntType(64).as_pointer())
            value = builder.load(pointer, align=1)
            return value if sys.byteorder == "little" else builder.bswap(value)

        return types.uint64(text, types.int64), generate

    return word
