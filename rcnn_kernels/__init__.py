"""Numba code that starts fast: compiled once per machine, then loaded without numba."""

from rcnn_kernels.library import Kernel, Library
from rcnn_kernels.words import load_word

__all__ = ["Kernel", "Library", "load_word"]
