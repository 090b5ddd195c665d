"""The Open Images protocols: the challenge's of 2018 and 2019, and that of version 2.

Reference: OpenImagesChallengeEvaluator and OpenImagesDetectionEvaluator in
research/object_detection/utils of github.com/tensorflow/models, and
https://storage.googleapis.com/openimages/web/evaluation.html.

The detections of a class in an image are matched by falling score. Each is compared with the
single object that it overlaps most (the first of equals). If the IoU is at least 0.5 and no other
detection matches that object, it is true. Otherwise it is compared with the group ("group-of" box,
a crowd) that contains the largest share of it. If that share is at least 0.5, it finds the group.
Otherwise it is false.

In the challenge a group counts as one object, which the first detection inside it finds; further
ones are ignored. Detections on pairs of image and class that nobody verified are ignored. In
version 2, groups do not count, all detections inside them are ignored, and every pair counts as
verified. Neither has difficult objects. Detections without area are left out. Objects and verified
labels must be expanded by the class hierarchy beforehand, as the reader does.
"""

from __future__ import annotations

import numpy as np

from eval.boxes import comparable_corners
from eval.curves import area_average_precisions, class_curves
from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.matching import FALSE, IGNORED, TRUE, Matches
from eval.protocols.excluded import on_unverified
from eval.protocols.options import Options
from eval.protocols.overlap import kernel, overlap
from eval.protocols.quirks import about_boxes
from eval.protocols.report import Report, by_class, mean_known, one_iou, titled
from eval.ranking import falling
from eval.wording import amount

CHALLENGE, VERSION_2 = "open_images", "open_images_v2"
TITLES = {
    CHALLENGE: "Open Images Challenge: area under the curve, {iou}, a group counts once",
    VERSION_2: "Open Images V2: area under the curve, {iou}, groups are ignored",
}
LOWEST = -10.0  # the reference drops detections whose scores are not above


def report(
    table: DetectionTable, dataset: Dataset, protocol: str, options: Options, official: bool
) -> Report:
    """Evaluate under the rules of Open Images; the parameters are those of every protocol."""
    matches = match(table, dataset, protocol, one_iou(options), official=official)
    per_class = area_average_precisions(class_curves(matches, table, dataset))
    main = mean_known(per_class)
    return Report(
        protocol=protocol,
        map=main,
        stats={"mAP": main},
        class_stats=by_class(dataset, AP=per_class),
        title=titled(TITLES[protocol], options),
        notes=notes(matches, table, dataset),
        quirks=quirks(matches, table) if official else (),
        matches=matches,
    )


def match(
    table: DetectionTable,
    dataset: Dataset,
    protocol: str = CHALLENGE,
    iou_threshold: float = 0.5,
    *,
    official: bool = False,
) -> Matches:
    """Match the detections to the objects; crowds are groups.

    Parameters
    ----------
    protocol
        "open_images" or "open_images_v2".
    iou_threshold
        The IoU with a single object, and the share inside a group, from which a detection is true.
    official
        As in the reference, detections with scores of 0 or below do not find a group, and those
        with scores of -10 or below are left out.
    """
    objects = dataset.all_truths
    boxes, object_boxes, gain = comparable_corners(
        table.boxes, table.layout, objects.boxes, objects.layout
    )
    scores = np.ascontiguousarray(table.scores, dtype=np.float64)
    left_out = ~(boxes[:, :2] < boxes[:, 2:] + gain).all(axis=1)
    if official:
        left_out |= scores <= LOWEST
    unverified = np.zeros(len(table), dtype=bool)
    if protocol == CHALLENGE:
        unverified = on_unverified(table.images, table.labels, dataset)
    outcomes = np.full(len(table), FALSE, dtype=np.int8)
    truths = np.full(len(table), -1, dtype=np.int32)
    _match(
        falling(scores),
        np.ascontiguousarray(boxes, dtype=np.float64),
        (scores > 0) | (not official),
        np.ascontiguousarray(table.images, dtype=np.int32),
        np.ascontiguousarray(table.labels, dtype=np.int32),
        left_out | unverified,
        np.ascontiguousarray(object_boxes, dtype=np.float64),
        objects.labels.astype(np.int32),
        np.ascontiguousarray(objects.crowd),
        np.ascontiguousarray(dataset.starts, dtype=np.int64),
        gain,
        float(iou_threshold),
        int(protocol == CHALLENGE),
        np.zeros(len(objects), dtype=bool),
        outcomes,
        truths,
    )
    if protocol == VERSION_2:
        counted, groups = ~objects.crowd, None
    else:
        counted, groups = np.ones(len(objects), dtype=bool), objects.crowd
    return Matches(protocol, float(iou_threshold), outcomes, truths, counted, groups)


def notes(matches: Matches, table: DetectionTable, dataset: Dataset) -> tuple[str, ...]:
    """Notes on detections that do not count, and on flags that have no effect."""
    sentences = about_boxes(table, dataset)
    challenge = matches.protocol == CHALLENGE
    if challenge and dataset.verified is None:
        sentences += (
            "the ground truth has no verified image labels: every detection counts, also of "
            "classes that nobody looked for in the image",
        )
    elif challenge:
        ignored = matches.excluded & on_unverified(table.images, table.labels, dataset)
        if ignored.any():
            sentences += (
                f"ignored {amount(int(ignored.sum()), 'detection')} of {len(table)}: their classes "
                "are not among the verified labels of their images",
            )
    difficult = int((dataset.all_truths.difficult & ~dataset.all_truths.crowd).sum())
    if difficult:
        sentences += (f"difficult objects, which count like all others: {difficult}",)
    return sentences


def quirks(matches: Matches, table: DetectionTable) -> tuple[str, ...]:
    """Where the reference departs from its protocol on these data, one sentence each."""
    sentences: tuple[str, ...] = ()
    if low := int(np.count_nonzero(table.scores <= LOWEST)):
        sentences += (f"detections with scores of {LOWEST:g} or below, left out: {low}",)
    found = (matches.outcomes == IGNORED) & (matches.truths >= 0) & (table.scores <= 0)
    if matches.protocol == CHALLENGE and found.any():
        sentences += (
            f"detections with scores of 0 or below, which find no group: {int(found.sum())}",
        )
    return sentences


@kernel("i4[1] f8[2] b1[1] i4[1] i4[1] b1[1] f8[2] i4[1] b1[1] i8[1] f8 f8 i8 b1[1] i1[1] i4[1]")
def _match(  # type: ignore[no-untyped-def]
    order, boxes, finds_groups, images, labels, left_out, object_boxes, object_labels, group,
    starts, gain, threshold, groups_count, found, outcomes, truths,
):  # fmt: skip
    for d in order:
        if left_out[d]:
            outcomes[d] = IGNORED
            continue
        largest, best, most, around = -1.0, -1, -1.0, -1
        area = (boxes[d, 2] - boxes[d, 0] + gain) * (boxes[d, 3] - boxes[d, 1] + gain)
        for t in range(starts[images[d]], starts[images[d] + 1]):
            if object_labels[t] != labels[d]:
                continue
            if not group[t]:
                shared = overlap(boxes, d, object_boxes, t, gain)
                if shared > largest:
                    largest, best = shared, t
                continue
            width = min(boxes[d, 2], object_boxes[t, 2]) - max(boxes[d, 0], object_boxes[t, 0])
            height = min(boxes[d, 3], object_boxes[t, 3]) - max(boxes[d, 1], object_boxes[t, 1])
            if width + gain > 0 and height + gain > 0:
                share = (width + gain) * (height + gain) / area
                if share > most:
                    most, around = share, t
        if largest >= threshold and not found[best]:
            found[best] = True
            outcomes[d], truths[d] = TRUE, best
        elif most >= threshold:
            first = groups_count and finds_groups[d] and not found[around]
            found[around] = found[around] or first
            outcomes[d], truths[d] = TRUE if first else IGNORED, around
