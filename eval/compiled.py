"""This package's compiled kernels (see the package `rcnn_kernels`)."""

from __future__ import annotations

from rcnn_kernels import Library

# All modules that contain kernels or helpers.
MODULES = (
    "matching",  # kernels use its constants
    "formats.compiled.json_numbers",
    "formats.compiled.json_values",
    "formats.compiled.json_records",
    "formats.compiled.json_fields",
    "formats.compiled.text_numbers",
    "ranking",
    "notes.suspicions",
    "notes.swapped_classes",
    "protocols.overlap",
    "protocols.voc",
    "protocols.ilsvrc",
    "protocols.open_images",
    "protocols.coco_matching",
    "protocols.coco_kernels",
    "pycocotools.kernels",
    "pycocotools.masks.polygon_kernels",
    "pycocotools.masks.run_kernels",
)

library = Library("eval", MODULES, seconds=10)
kernel, helper, load_kernels = library.kernel, library.helper, library.load
