"""What looks like a mistake in a data set or in detections but need not be one: sentences."""

from __future__ import annotations

import numpy as np

from eval.compiled import kernel
from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.protocols.coco_result import AREAS
from eval.ranking import falling, group_rows

FAR = 1.1  # times its image's side
MANY_TIES = 0.2  # of the detections; coarse scores of 16-bit networks make a tenth


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
        remedy = "expected [xmin, ymin, xmax, ymax] in pixels of these images"
        if table.layout == "xywh":
            remedy = "bbox seems to be [x1, y1, x2, y2]; expected [x, y, width, height]"
        return (f"{outside / len(table):.0%} of the boxes end far outside their image: {remedy}",)
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


def about_ties(ties: int, table: DetectionTable) -> tuple[str, ...]:
    """Equal scores, of which only the order in the file tells which comes first."""
    if ties <= MANY_TIES * len(table):
        return ()
    return (
        f"{ties} of {len(table)} detections have the score of another of their class: "
        "their order in the file decides, so another order gives other figures",
    )


def count_ties(table: DetectionTable, classes: int) -> int:
    """Detections with the same score as another of their class before them."""
    rows, starts = group_rows(table.labels, classes, falling(table.scores))
    scores = table.scores[rows]
    equal = scores[1:] == scores[:-1]
    within = starts[1:-1]
    equal[within[(within > 0) & (within < len(scores))] - 1] = False
    return int(np.count_nonzero(equal))


def about_objects(dataset: Dataset) -> tuple[str, ...]:
    """Ground truth on which nothing can be measured."""
    if len(dataset.all_truths):
        return ()
    return (f"{dataset.source}: there is no object in it, so that there are no figures",)


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
    low, high = AREAS["all"]
    outside = int(np.count_nonzero((truths.areas < low) | (truths.areas > high)))
    if outside:
        notes.append(
            f"{outside} objects have an area outside {low:g} to {high:g} pixels: the COCO "
            "protocol passes them over"
        )
    return tuple(notes)
