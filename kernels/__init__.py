"""Fast starts for numba code: compiled once per machine, loaded without numba afterwards."""

from kernels.library import Kernel, Library

__all__ = ["Kernel", "Library"]
