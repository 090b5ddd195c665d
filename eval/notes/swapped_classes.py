"""A note where detections seem to number or order the classes in another way than the data set."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from eval.compiled import kernel
from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.wording import amount

IMAGES = 1000  # at most so many images with objects are compared
FEWEST = 2  # objects that detections cover
MOST, EXPLAINED = 0.5, 0.8  # shares of the covered objects: of another class; explained
LIKELY = 0.25  # chance from which classes drawn at random would have such an exchange as well
SHOWN = 4  # pairs of classes in the note


def about_classes(table: DetectionTable, dataset: Dataset) -> tuple[str, ...]:
    """A note if most objects are covered by detections of another class, in one consistent way.

    An object is covered by the detection with the highest score, of any class, whose IoU with it
    is at least 0.5. A way is consistent if each class of the detections stands for one class of the
    data set, and no two for the same. A few objects of many classes fit some exchange whatever the
    detector says, so it must also be improbable by chance.
    """
    truths = dataset.all_truths
    if not len(truths) or not len(table):
        return ()
    found = _covering_labels(table, dataset)
    covered = found >= 0
    theirs, ours = found[covered], truths.labels[covered]
    count, different = len(theirs), int(np.count_nonzero(theirs != ours))
    if count < FEWEST or different <= MOST * count:
        return ()
    pairs, sizes = np.unique(np.stack([theirs, ours], axis=1), axis=0, return_counts=True)
    falling = np.argsort(-sizes, kind="stable")
    stands_for: dict[int, int] = {}
    explained = 0
    for (label, own), size in zip(pairs[falling].tolist(), sizes[falling].tolist(), strict=True):
        if label not in stands_for and own not in stands_for.values():
            stands_for[label] = own
            explained += size
    moved = {label: own for label, own in stands_for.items() if label != own}
    if explained < EXPLAINED * count or not moved:
        return ()
    if _by_chance(explained, stands_for, moved, dataset):
        return ()
    return (
        f"{different} of {amount(count, 'object')} that detections cover have another class than "
        f"the detection, and one exchange of classes explains it: {_named(moved, dataset)}; number "
        "and order the classes of the results as the ground truth does",
    )


def _named(moved: dict[int, int], dataset: Dataset) -> str:
    """The pairs of classes in words, and whether the ids differ by one constant."""
    names, ids = dataset.class_names, dataset.category_ids
    called = [f"{n!r:.40} ({identity!r:.20})" for n, identity in zip(names, ids, strict=True)]
    first = list(moved.items())[:SHOWN]
    shown = [f"{called[label]} stands for {called[own]}" for label, own in first]
    more = f" and {len(moved) - SHOWN} more" if len(moved) > SHOWN else ""
    constant = _constant(moved, ids)
    shift = ""
    if constant:
        much = "one" if abs(constant) == 1 else str(abs(constant))
        shift = f" (ids seem to be {much} too {'large' if constant > 0 else 'small'})"
    return f"{', '.join(shown)}{more}{shift}"


def _by_chance(
    explained: int, stands_for: dict[int, int], moved: dict[int, int], dataset: Dataset
) -> bool:
    """Whether classes drawn at random would often be explained by an exchange as simple."""
    each = -explained * math.log(len(dataset.class_names))  # chance of one exchange, as logarithm
    return each + math.log(_as_simple(stands_for, moved, dataset)) > math.log(LIKELY) + 1e-9


def _as_simple(stands_for: dict[int, int], moved: dict[int, int], dataset: Dataset) -> int:
    """The number of exchanges that are as simple as this one.

    A shift of the ids is the simplest; the smaller it is, the fewer are as simple. Next come
    classes numbered from 0 among those that occur. No exchange at all is not counted.
    """
    used = len(stands_for)
    numbered = sorted(stands_for) == list(range(used))
    exchanges = math.perm(used if numbered else len(dataset.class_names), used) - 1
    constant = _constant(moved, dataset.category_ids)
    return max(1, min(exchanges, 2 * abs(constant)) if constant else exchanges)


def _constant(moved: dict[int, int], ids: Sequence[int | str]) -> int | None:
    """By how much the ids of the results are too large, if that is the same for all classes."""
    differences = {_difference(ids[label], ids[own]) for label, own in moved.items()}
    return differences.pop() if len(differences) == 1 else None


def _difference(identity: int | str, other: int | str) -> int | None:
    both = isinstance(identity, int) and isinstance(other, int)
    return int(identity) - int(other) if both else None


def _covering_labels(table: DetectionTable, dataset: Dataset) -> np.ndarray:
    """(M,) int64: the label of the detection that covers each object; -1 if none does."""
    holding = np.flatnonzero(np.diff(dataset.starts))
    sampled = np.zeros(len(dataset), dtype=np.uint8)
    sampled[holding[:: -(-len(holding) // IMAGES)]] = 1
    truths = dataset.all_truths
    found = np.full(len(truths), -1, dtype=np.int64)
    _cover(
        np.ascontiguousarray(table.boxes, dtype=np.float64),
        np.ascontiguousarray(table.images, dtype=np.int32),
        np.ascontiguousarray(table.labels, dtype=np.int32),
        np.ascontiguousarray(table.scores, dtype=np.float64),
        int(table.layout == "xywh"),
        np.ascontiguousarray(truths.boxes_xyxy),
        truths.labels,
        dataset.starts,
        sampled,
        np.full(len(truths), -np.inf),
        found,
    )
    return found


@kernel("f8[2] i4[1] i4[1] f8[1] i8 f8[2] i8[1] i8[1] u1[1] f8[1] i8[1]")
def _cover(  # type: ignore[no-untyped-def]
    boxes, images, labels, scores, sized, objects, classes, starts, sampled, best, found
):
    """Fill `found` (M,); of two equal scores the one of the object's own class counts."""
    for i in range(len(images)):
        image = images[i]
        if not sampled[image]:
            continue
        left, top, right, bottom = boxes[i, 0], boxes[i, 1], boxes[i, 2], boxes[i, 3]
        if sized:
            right, bottom = right + left, bottom + top
        area = (right - left) * (bottom - top)
        for j in range(starts[image], starts[image + 1]):
            width = min(right, objects[j, 2]) - max(left, objects[j, 0])
            height = min(bottom, objects[j, 3]) - max(top, objects[j, 1])
            if not (width > 0 and height > 0):
                continue
            other = (objects[j, 2] - objects[j, 0]) * (objects[j, 3] - objects[j, 1])
            if 3 * width * height < area + other:  # IoU below 0.5
                continue
            tied = scores[i] == best[j] and labels[i] == classes[j]
            if scores[i] > best[j] or tied:
                best[j], found[j] = scores[i], labels[i]
