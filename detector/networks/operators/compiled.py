"""This package's compiled kernels (see the package `rcnn_kernels`)."""

from __future__ import annotations

from rcnn_kernels import Library

library = Library("detector.networks.operators", ("norm_kernel",), seconds=1)
kernel, load_kernels = library.kernel, library.load
