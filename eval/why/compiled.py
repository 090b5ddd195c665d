"""Kernels of the analyses, apart from the protocols' so that an evaluation need not load them."""

from __future__ import annotations

from rcnn_kernels import Library

# All modules that hold kernels or helpers.
MODULES = ("average_precision", "images", "confusion", "error_kinds")

library = Library("eval.why", MODULES, seconds=5)
kernel, helper = library.kernel, library.helper
