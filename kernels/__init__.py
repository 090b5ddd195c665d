"""Fast starts for numba code: compiled once per machine, loaded without numba afterwards."""

from kernels.library import Kernel, Library
from kernels.words import load_word

__all__ = ["Kernel", "Library", "load_word"]
