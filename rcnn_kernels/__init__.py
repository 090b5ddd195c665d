"""Fast starts for numba code: compiled once per machine, loaded without numba afterwards."""

from rcnn_kernels.library import Kernel, Library
from rcnn_kernels.words import load_word

__all__ = ["Kernel", "Library", "load_word"]
