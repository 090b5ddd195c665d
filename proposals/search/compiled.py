"""The library of this package's compiled kernels (see the package `rcnn_kernels`)."""

from __future__ import annotations

from rcnn_kernels import Library

# All modules with kernels or helpers.
MODULES = (
    "filters",
    "edges",
    "join_pixels",
    "finish_components",
    "features",
    "similarity",
    "grouping",
)

library = Library("proposals.search", MODULES, seconds=15)
kernel, load_kernels = library.kernel, library.load
