"""Numba code that starts fast: compiled once per machine, then loaded without numba."""

from rcnn_kernels.kernel import Kernel
from rcnn_kernels.library import Library, helper, subroutine
from rcnn_kernels.words import load_word

__all__ = ["Kernel", "Library", "helper", "load_word", "subroutine"]
