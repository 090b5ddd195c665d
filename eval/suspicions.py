"""What looks like a mistake in a data set or in detections but need not be one: sentences."""

from __future__ import annotations

import numpy as np

from eval.compiled import kernel
from eval.datasets import Dataset
from eval.detections import DetectionTable

FAR = 1.1  # times its image's side


def about_detections(table: DetectionTable, dataset: Dataset) -> tuple[str, ...]:
    """Boxes that seem to be in another format than the file's."""
    if not len(table):
        return ("there are no detections: every object counts as missed",)
    sides = np.array([(image.width, image.height) for image in dataset.images], dtype=np.float64)
    sides[sides <= 0] = np.inf  # not known
    counts = np.zeros(2, dtype=np.int64)
    boxes = np.ascontiguousarray(table.boxes, dtype=np.float64)
    images = np.ascontiguousarray(table.images, dtype=np.int32)
    _count(boxes, images, FAR * sides, int(table.layout == "xywh"), counts)
    near, outside = counts.tolist()
    if near == len(table):
        return (
            "every box ends within 2 pixels of the corner: bbox seems to be in fractions of the "
            "image; expected pixels",
        )
    if outside > 0.25 * len(table):
        return (
            f"{outside / len(table):.0%} of the boxes end far outside their image: bbox seems to "
            "be [x1, y1, x2, y2]; expected [x, y, width, height]",
        )
    return ()


@kernel("f8[2] i4[1] f8[2] i8 i8[1]")
def _count(boxes, images, limits, sized, counts):  # type: ignore[no-untyped-def]
    """Boxes that end at 2 or less, and that end beyond their image's limits."""
    for i in range(len(boxes)):
        right, bottom = boxes[i, 2], boxes[i, 3]
        if sized:
            right, bottom = right + boxes[i, 0], bottom + boxes[i, 1]
        image = images[i]
        counts[0] += right <= 2 and bottom <= 2
        counts[1] += right > limits[image, 0] or bottom > limits[image, 1]


def about_data(dataset: Dataset) -> tuple[str, ...]:
    """Annotations that COCO's own program would misjudge or that have no effect there."""
    truths, notes = dataset.all_truths, []
    if truths.ids is not None and len(truths):
        if (truths.ids == 0).any():
            notes.append("an annotation has the id 0: pycocotools counts it as never found")
        repeated = len(truths) - len(set(truths.ids.tolist()))
        if repeated:
            notes.append(
                f"{repeated} annotations have the id of another: pycocotools judges the last of "
                "each id in place of all"
            )
    passed = int(np.count_nonzero(truths.difficult & ~truths.crowd))
    if passed:
        notes.append(
            f"{passed} annotations are marked `difficult` or `ignore`: the COCO protocol counts "
            "them like all others (only `iscrowd` is passed over)"
        )
    return tuple(notes)
