"""The compiled kernels of the VOC, ILSVRC and Open Images protocols, and what they share."""

from __future__ import annotations

from rcnn_kernels import Library, helper

library = Library(
    "eval.protocols",
    ("overlap", "voc", "ilsvrc", "open_images"),
    seconds=3,
    others=("eval.matching",),  # kernels use its constants
)
kernel = library.kernel


@helper
def overlap(boxes, i, others, j, gain):  # type: ignore[no-untyped-def]
    """IoU of boxes[i] and others[j] in the devkits' arithmetic; -1 if they share no area.

    Boxes are corners [x1, y1, x2, y2]; `gain` is added to their sides (boxes.comparable_corners).
    NaN in either box gives NaN or -1, both below every threshold.
    """
    width = min(boxes[i, 2], others[j, 2]) - max(boxes[i, 0], others[j, 0]) + gain
    height = min(boxes[i, 3], others[j, 3]) - max(boxes[i, 1], others[j, 1]) + gain
    if not (width > 0 and height > 0):
        return -1.0
    area = (boxes[i, 2] - boxes[i, 0] + gain) * (boxes[i, 3] - boxes[i, 1] + gain)
    other = (others[j, 2] - others[j, 0] + gain) * (others[j, 3] - others[j, 1] + gain)
    # The order of the devkits, which decides the rounding.
    return width * height / (area + other - width * height)
