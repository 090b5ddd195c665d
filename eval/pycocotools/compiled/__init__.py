"""The compiled kernels of the drop-in, which other evaluations do not need."""

from __future__ import annotations

from rcnn_kernels import Library

# All modules that contain kernels or helpers.
MODULES = (
    "compiled.json_fields",
    "compiled.kernels",
    "masks.polygon_kernels",
    "masks.run_kernels",
)
OTHERS = (
    "eval.formats.compiled.json_numbers",
    "eval.formats.compiled.json_values",
    "eval.formats.compiled.json_records",
    "eval.protocols.coco_matching",
)

library = Library("eval.pycocotools", MODULES, seconds=15, others=OTHERS)
kernel = library.kernel
