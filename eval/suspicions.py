"""What looks like a mistake in a data set or in detections but need not be one: sentences."""

from __future__ import annotations

import numpy as np

from eval.compiled import kernel
from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.protocols.coco_result import AREAS
from eval.ranking import falling, group_rows

FAR = 1.1  # times its image's side
MANY_FAR = 0.25  # of the boxes
CORNERED, NEARLY_ALL = 1.02, 0.95  # corners are claimed where nearly all boxes fit as such
MANY_REPEATED = 0.01  # of the detections
SAMPLED = 50_000  # detections, above which repeated ones are first looked for in a sample
_ODD, _LOW = 0x1E3779B97F4A7C15, (1 << 35) - 1  # multiplier; bits left of 64 shifted by 29
MANY_TIES = 0.2  # of the detections; coarse scores of 16-bit networks make a tenth


def about_detections(table: DetectionTable, dataset: Dataset) -> tuple[str, ...]:
    """Boxes that seem to be in another format than the file's, odd scores, images without any."""
    if not len(table):
        return ("there are no detections: every object counts as missed",)
    sides = np.array([(image.width, image.height) for image in dataset.images], dtype=np.float64)
    sides[sides <= 0] = np.inf  # not known
    counts = np.zeros(3, dtype=np.int64)
    boxes = np.ascontiguousarray(table.boxes, dtype=np.float64)
    images = np.ascontiguousarray(table.images, dtype=np.int32)
    _count(boxes, images, sides, int(table.layout == "xywh"), counts)
    near, outside, cornered = (counts / len(table)).tolist()
    notes = []
    if near == 1:
        notes.append(
            "every box ends within 2 pixels of the corner: bbox seems to be in fractions of the "
            "image; expected pixels"
        )
    elif outside > MANY_FAR:
        notes.append(another_format(outside, cornered, table.layout == "xywh"))
    return (*notes, *_about_scores(table.scores), *_about_images(table, dataset))


def _about_scores(scores: np.ndarray) -> tuple[str, ...]:
    low, high = scores.min(), scores.max()
    if low >= 0 and high <= 1:
        return ()
    return (
        f"scores lie between {low:g} and {high:g}, not within 0 to 1: their order alone counts "
        "here, but thresholds and calibration will mislead",
    )


def _about_images(table: DetectionTable, dataset: Dataset) -> tuple[str, ...]:
    """More than half of the images with objects without a detection."""
    holding = np.zeros(len(dataset), dtype=bool)
    holding[dataset.truth_images] = True
    lacking = holding.copy()
    lacking[table.images] = False
    without, images = int(lacking.sum()), int(holding.sum())
    if 2 * without <= images:
        return ()
    return (f"{without} of {images} images that hold objects have no detection",)


def another_format(outside: float, cornered: float, sized: bool) -> str:
    """What to say of boxes that end far outside their images.

    Parameters
    ----------
    outside
        Share of the boxes that end beyond FAR times their image's sides.
    cornered
        Share that lie in their image if taken as [x1, y1, x2, y2].
    sized
        Whether they are written with width and height.
    """
    remedy = "swapped x and y, or another picture size? expected [xmin, ymin, xmax, ymax] in pixels"
    if sized and cornered >= NEARLY_ALL:
        remedy = "bbox seems to be [x1, y1, x2, y2]; expected [x, y, width, height]"
    elif sized:
        remedy = (
            "centres in place of corners, swapped x and y, or another picture size? expected "
            "[x, y, width, height] in pixels"
        )
    return f"{outside:.0%} of the boxes end far outside their image: {remedy}"


@kernel("f8[2] i4[1] f8[2] i8 i8[1]")
def _count(boxes, images, sides, sized, counts):  # type: ignore[no-untyped-def]
    """Boxes that end at 2 or less, that end far outside, and that fit as corners."""
    for i in range(len(boxes)):
        left, top, right, bottom = boxes[i, 0], boxes[i, 1], boxes[i, 2], boxes[i, 3]
        width, height = sides[images[i], 0], sides[images[i], 1]
        ordered = right >= left and bottom >= top
        counts[2] += ordered and right <= CORNERED * width and bottom <= CORNERED * height
        if sized:
            right, bottom = right + left, bottom + top
        counts[0] += right <= 2 and bottom <= 2
        counts[1] += right > FAR * width or bottom > FAR * height


def about_ties(ties: int, table: DetectionTable) -> tuple[str, ...]:
    """Equal scores, of which only the order in the file tells which comes first; repetitions."""
    notes = tie_note(ties, len(table))
    if ties <= MANY_REPEATED * len(table):  # repeated detections have equal scores
        return notes
    repeated = _count_repeated(table)
    if repeated > MANY_REPEATED * len(table):
        notes += (
            f"{repeated} detections stand twice in the file (same image, class, box and score)",
        )
    return notes


def _count_repeated(table: DetectionTable) -> int:
    """Detections equal to one before them, told by hashes of 64 bits."""
    hashes = np.empty(len(table), dtype=np.int64)
    boxes = np.ascontiguousarray(table.boxes, dtype=np.float64).view(np.int64)
    scores = np.ascontiguousarray(table.scores, dtype=np.float64).view(np.int64)
    images = np.ascontiguousarray(table.images, dtype=np.int32)
    labels = np.ascontiguousarray(table.labels, dtype=np.int32)
    _hash_rows(boxes, scores, images, labels, hashes)
    if len(table) > SAMPLED:  # a sixteenth, which holds all that equal each other, tells of few
        sample = hashes[hashes >> 40 & 15 == 0]
        if _count_equal(sample) < MANY_REPEATED / 2 * len(sample):
            return 0
    return _count_equal(hashes)


def _count_equal(hashes: np.ndarray) -> int:
    hashes = np.sort(hashes)
    return int(np.count_nonzero(hashes[1:] == hashes[:-1]))


@kernel("i8[2] i8[1] i4[1] i4[1] i8[1]")
def _hash_rows(boxes, scores, images, labels, hashes):  # type: ignore[no-untyped-def]
    for i in range(len(hashes)):
        value = ((scores[i] ^ images[i]) * _ODD) ^ labels[i]
        for column in range(4):
            value = (value ^ ((value >> 29) & _LOW) ^ boxes[i, column]) * _ODD
        hashes[i] = value ^ ((value >> 29) & _LOW)


def tie_note(ties: int, detections: int) -> tuple[str, ...]:
    """The sentence on `ties` of so many detections, if they are many."""
    if ties <= MANY_TIES * detections:
        return ()
    return (
        f"{ties} of {detections} detections have the score of another of their class: "
        "their order in the file decides, so another order gives other figures",
    )


def count_ties(table: DetectionTable, classes: int) -> int:
    """Detections with the same score as another of their class before them."""
    return ties_within(table.labels, table.scores, classes)


def ties_within(labels: np.ndarray, scores: np.ndarray, classes: int) -> int:
    """Of (N,) scores those equal to another of their label 0..classes-1 before them."""
    rows, starts = group_rows(labels, classes, falling(scores))
    scores = scores[rows]
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
