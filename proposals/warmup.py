"""This package's compiled kernels (see the package `kernels`)."""

from __future__ import annotations

from kernels import Library

# All modules that hold kernels or helpers.
MODULES = ("filters", "edges", "joining", "finishing", "features", "similarity", "grouping")

library = Library("proposals", MODULES, seconds=10)
kernel, helper, load_kernels = library.kernel, library.helper, library.load
