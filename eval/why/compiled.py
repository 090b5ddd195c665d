"""The compiled kernels of the analyses; plain evaluations do not need to load them."""

from __future__ import annotations

from rcnn_kernels import Library

# All modules that contain kernels or helpers.
MODULES = ("average_precision", "images", "confusion", "error_kinds")

library = Library("eval.why", MODULES, seconds=5)
kernel = library.kernel
