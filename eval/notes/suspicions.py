"""Notes on what is probably a mistake in a data set or in detections, one sentence each."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eval.compiled import kernel
from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.notes.box_readings import about_readings
from eval.notes.overlaps import best_detections
from eval.notes.shifted_images import about_images
from eval.ranking import falling, group_rows
from eval.wording import amount, percent

NO_PICTURES = (
    "detections seem to be in pixels, but the ground truth is in fractions, because the sizes of "
    "its pictures are unknown: put the pictures beside it, or give detections in fractions"
)
FAR = 1.1  # a box is far outside if it ends beyond this multiple of its image's side
MANY_FAR = 0.25  # share of boxes far outside from which their format is suspect
SOME_FAR = 0.1  # the same, of objects that nearly all are inside as corners
TINY = 4  # pixels of an image's side, up to which boxes in pixels may all be near the corner
CORNERED, NEARLY_ALL = 1.02, 0.95  # boxes are taken for corners if nearly all fit their image so
MANY_REPEATED = 0.01  # share of the detections
SAMPLED = 50_000  # with more detections than this, a sample is searched for repetitions first
_ODD, _LOW = 0x1E3779B97F4A7C15, (1 << 35) - 1  # odd multiplier; the 35 bits left after >> 29
MANY_TIES = 0.2  # share of the detections; the coarse scores of 16-bit networks reach 0.1


def about_detections(table: DetectionTable, dataset: Dataset) -> tuple[str, ...]:
    """Notes on boxes in a wrong format, scores outside 0 to 1, and images without detections."""
    if not len(table):
        return (*_truth_ends(dataset), "there are no detections: every object counts as missed")
    best = best_detections(table, dataset)
    boxes, images = about_readings(best, dataset), about_images(best, dataset)
    if not boxes:  # objects say nothing, for instance where both files have the same mistake
        ends = _ends(table.boxes, table.images, dataset, sized=table.layout == "xywh")
        boxes = (*_truth_ends(dataset), *_detected_ends(ends, dataset))
    return (*boxes, *images, *_about_scores(table.scores), *_without_detections(table, dataset))


class _Ends(NamedTuple):
    """Shares of boxes that end within 2 pixels, far outside their image, and inside as corners."""

    near: float
    outside: float
    cornered: float
    sized: bool


def _ends(boxes: np.ndarray, images: np.ndarray, dataset: Dataset, *, sized: bool) -> _Ends:
    """Where (N, 4) boxes on images (N,) end; `sized` boxes have width and height."""
    sides = np.array([(image.width, image.height) for image in dataset.images], dtype=np.float64)
    sides[sides <= 0] = np.inf  # unknown
    counts = np.zeros(3, dtype=np.int64)
    boxes = np.ascontiguousarray(boxes, dtype=np.float64)
    _count(boxes, np.ascontiguousarray(images, dtype=np.int32), sides, int(sized), counts)
    near, outside, cornered = (counts / len(boxes)).tolist()
    return _Ends(near, outside, cornered, sized)


def _detected_ends(ends: _Ends, dataset: Dataset) -> tuple[str, ...]:
    """A note on detections that end near the corner or far outside."""
    if dataset.in_fractions:
        return (NO_PICTURES,) if ends.outside > MANY_FAR else ()
    if ends.near == 1:
        return (
            "every box ends within 2 pixels of the top left corner: bbox seems to be in fractions "
            "of the image; expected pixels",
        )
    if ends.outside > MANY_FAR:
        return (another_format(ends.outside, ends.cornered, ends.sized),)
    return ()


def _truth_ends(dataset: Dataset) -> tuple[str, ...]:
    """A note on objects in fractions of images of known sizes, or with corners for sides."""
    truths = dataset.all_truths
    if dataset.in_fractions or not len(truths):
        return ()
    ends = _ends(truths.boxes, dataset.truth_images, dataset, sized=truths.layout == "xywh")
    if ends.near == 1 and all(min(i.width, i.height) > TINY for i in dataset.images):
        return (
            "bbox of the ground truth seems to be in fractions of the image; expected pixels: "
            "every box ends within 2 pixels of the top left corner",
        )
    if ends.sized and ends.cornered >= NEARLY_ALL and ends.outside > SOME_FAR:
        return (
            "bbox of the ground truth seems to be [x1, y1, x2, y2]; expected [x, y, width, "
            f"height]: {percent(ends.outside)} of its boxes end far outside their image, and "
            f"{percent(ends.cornered)} are inside as corners",
        )
    return ()


def _about_scores(scores: np.ndarray) -> tuple[str, ...]:
    low, high = scores.min(), scores.max()
    if low >= 0 and high <= 1:
        return ()
    return (
        f"scores range from {low:g} to {high:g} instead of 0 to 1: AP depends only on their order, "
        "but thresholds and calibration are misleading",
    )


def _without_detections(table: DetectionTable, dataset: Dataset) -> tuple[str, ...]:
    """A note if more than half of the images with objects have no detections."""
    holding = np.zeros(len(dataset), dtype=bool)
    holding[dataset.truth_images] = True
    lacking = holding.copy()
    lacking[table.images] = False
    without, images = int(lacking.sum()), int(holding.sum())
    if 2 * without <= images:
        return ()
    return (f"{without} of {amount(images, 'image')} with objects have no detections",)


def another_format(outside: float, cornered: float, sized: bool) -> str:
    """The note on boxes that end far outside their images.

    Parameters
    ----------
    outside
        Share of the boxes that end beyond FAR times their image's sides.
    cornered
        Share of the boxes that lie in their image when read as [x1, y1, x2, y2].
    sized
        Whether the format has width and height rather than corners.
    """
    remedy = (
        "are x and y swapped, or do the images have another size? expected [xmin, ymin, xmax, "
        "ymax] in pixels"
    )
    if sized and cornered >= NEARLY_ALL:
        remedy = "bbox seems to be [x1, y1, x2, y2]; expected [x, y, width, height]"
    elif sized:
        remedy = (
            "do they start at the centre, are x and y swapped, or do the images have another size? "
            "expected [x, y, width, height] in pixels"
        )
    return f"{percent(outside)} of the boxes end far outside their image: {remedy}"


@kernel("f8[2] i4[1] f8[2] i8 i8[1]")
def _count(boxes, images, sides, sized, counts):  # type: ignore[no-untyped-def]
    """Count boxes that end at 2 or less, that end far outside, and that fit as corners."""
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
    """Notes on many tied scores, which the order in the file ranks, and on many repetitions."""
    notes = tie_note(ties, len(table))
    if ties <= MANY_REPEATED * len(table):  # repeated detections are ties as well
        return notes
    repeated = _count_repeated(table)
    if repeated > MANY_REPEATED * len(table):
        notes += (
            f"{amount(repeated, 'detection repeats', 'detections repeat')} another one (same "
            "image, class, box and score)",
        )
    return notes


def _count_repeated(table: DetectionTable) -> int:
    """The number of detections equal to an earlier one, compared by 64-bit hashes."""
    hashes = _hashes(table.boxes, table.scores, table.images, table.labels)
    if len(table) > SAMPLED:  # equal detections have equal hashes, so a sample keeps them together
        sample = hashes[hashes >> 40 & 15 == 0]
        if _count_equal(sample) < MANY_REPEATED / 2 * len(sample):
            return 0
    return _count_equal(hashes)


def _hashes(
    boxes: np.ndarray, scores: np.ndarray, images: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    """(N,) int64 hashes of N boxes with their scores, images and labels."""
    hashes = np.empty(len(boxes), dtype=np.int64)
    _hash_rows(
        np.ascontiguousarray(boxes, dtype=np.float64).view(np.int64),
        np.ascontiguousarray(scores, dtype=np.float64).view(np.int64),
        np.ascontiguousarray(images, dtype=np.int32),
        np.ascontiguousarray(labels, dtype=np.int32),
        hashes,
    )
    return hashes


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
    """The note on tied scores if there are many."""
    if ties <= MANY_TIES * detections:
        return ()
    return (
        f"{ties} of {amount(detections, 'detection')} share their score with another one of their "
        "class: the order in the file ranks them, and another order gives other figures",
    )


def count_ties(table: DetectionTable, classes: int) -> int:
    """The number of detections with the score of an earlier one of their class."""
    return ties_within(table.labels, table.scores, classes)


def ties_within(labels: np.ndarray, scores: np.ndarray, classes: int) -> int:
    """The number of (N,) scores equal to an earlier one of the same label, 0..classes-1."""
    rows, starts = group_rows(labels, classes, falling(scores))
    scores = scores[rows]
    equal = scores[1:] == scores[:-1]
    within = starts[1:-1]
    equal[within[(within > 0) & (within < len(scores))] - 1] = False
    return int(np.count_nonzero(equal))


def about_objects(dataset: Dataset) -> tuple[str, ...]:
    """A note if the ground truth has no objects, or some twice."""
    truths = dataset.all_truths
    if not len(truths):
        return (f"{dataset.source}: there are no objects, and therefore no figures",)
    none = np.zeros(len(truths))
    repeated = _count_equal(_hashes(truths.boxes, none, dataset.truth_images, truths.labels))
    if not repeated:
        return ()
    return (
        f"{amount(repeated, 'object repeats', 'objects repeat')} another one (same image, class "
        "and box): at most one of them can be found, the others count as missed",
    )
