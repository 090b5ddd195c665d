"""What looks like a mistake in a data set or in detections but need not be one: sentences."""

from __future__ import annotations

import numpy as np

from eval.datasets import Dataset
from eval.detections import DetectionTable


def about_detections(table: DetectionTable, dataset: Dataset) -> tuple[str, ...]:
    """Boxes that seem to be in another format than the file's."""
    if not len(table):
        return ("there are no detections: every object counts as missed",)
    ends = table.boxes_xyxy[:, 2:]
    if ends.max() <= 2:
        return (
            "every box ends within 2 pixels of the corner: bbox seems to be in fractions of the "
            "image; expected pixels",
        )
    sizes = np.array([(image.width, image.height) for image in dataset.images], dtype=np.float64)
    limits = (1.1 * sizes)[table.images]
    outside = np.count_nonzero((ends[:, 0] > limits[:, 0]) | (ends[:, 1] > limits[:, 1]))
    if outside > 0.25 * len(table):
        return (
            f"{outside / len(table):.0%} of the boxes end far outside their image: bbox seems to "
            "be [x1, y1, x2, y2]; expected [x, y, width, height]",
        )
    return ()


def about_data(dataset: Dataset) -> tuple[str, ...]:
    """Annotations that COCO's own program would misjudge or that have no effect there."""
    truths, notes = dataset.all_truths, []
    if truths.ids is not None and len(truths):
        if (truths.ids == 0).any():
            notes.append("an annotation has the id 0: pycocotools counts it as never found")
        repeated = len(truths) - len(np.unique(truths.ids.astype(str)))
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
