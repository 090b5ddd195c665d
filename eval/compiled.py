"""Compiled kernels of evaluations (see the package `rcnn_kernels`).

Other libraries, in protocols.overlap, eval.pycocotools and eval.why, have the kernels that most
evaluations do not need.
"""

from __future__ import annotations

from rcnn_kernels import Library

# All modules that contain kernels or helpers.
MODULES = (
    "formats.compiled.json_numbers",
    "formats.compiled.json_values",
    "formats.compiled.json_records",
    "formats.compiled.text_numbers",
    "ranking",
    "notes.suspicions",
    "notes.swapped_classes",
    "protocols.coco_matching",
    "protocols.coco_kernels",
)

library = Library("eval", MODULES, seconds=15)
kernel, load_kernels = library.kernel, library.load
