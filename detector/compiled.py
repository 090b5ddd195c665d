"""This package's compiled kernels (see the package `kernels`)."""

from __future__ import annotations

from kernels import Library

library = Library("detector", ("norm_kernel",), seconds=1)
kernel, load_kernels = library.kernel, library.load
