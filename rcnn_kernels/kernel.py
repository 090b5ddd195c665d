"""Kernels: functions of arrays and numbers that run as machine code."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np

_FLOATS = {"float32": ctypes.c_float, "float64": ctypes.c_double}


class Kernel:
    """A compiled function; its first call loads its library, or compiles it if necessary.

    Parameters
    ----------
    function
        The function in Python.
    signature
        Types such as "f4[2] i8 f8 -> i8": C-contiguous arrays with their number of dimensions,
        numbers, and the result: an int64, or no result.
    load
        Function that loads the library; called once, before the first call.
    """

    def __init__(
        self, function: Callable[..., Any], signature: str, load: Callable[[], None]
    ) -> None:
        self.function, self.load = function, load
        words, _, result = signature.partition("->")
        self.arguments = [
            (np.dtype(word[:2]), int(word[3]) if "[" in word else 0) for word in words.split()
        ]
        self.has_result = bool(result)
        self.native: Callable[..., int] | None = None

    def __call__(self, *arguments: Any) -> int:
        """Run the machine code; Python's lock is released meanwhile."""
        if self.native is None:
            self.load()
        assert self.native is not None
        flat: list[Any] = []
        for (dtype, dimensions), argument in zip(self.arguments, arguments, strict=True):
            if dimensions:
                # Machine code does not check its arguments: a wrong array would corrupt memory.
                fits = argument.dtype == dtype and argument.ndim == dimensions
                if not (fits and argument.flags.c_contiguous):
                    raise TypeError(f"{self.function.__name__}: {dtype} x {dimensions} expected")
                flat += (argument.__array_interface__["data"][0], *argument.shape)
            else:
                flat.append(argument)
        return self.native(*flat)

    def link(self, address: int) -> None:
        """Connect the kernel with its machine code at an address."""
        types: list[Any] = []
        for dtype, dimensions in self.arguments:
            if dimensions:
                types += [ctypes.c_void_p, *[ctypes.c_int64] * dimensions]
            else:
                types.append(_FLOATS.get(dtype.name, ctypes.c_int64))
        self.native = ctypes.CFUNCTYPE(ctypes.c_int64, *types)(address)
