"""The ILSVRC detection protocol, after eval_detection.m of the ILSVRC 2014 and 2015 devkits.

Every object has its own IoU threshold: 0.5, or less for a small object, so that a box with an error
of a few pixels still matches it. The detections of an image are matched by falling confidence,
equal ones in file order. Of the unmatched objects of its class whose thresholds it reaches, a
detection matches the one that it overlaps most (the first of equals). Otherwise it is false, so
duplicates are false. There are no difficult objects. On excluded pairs of image and class (the
blacklist), detections are ignored and objects do not count.
"""

from __future__ import annotations

import numpy as np

from eval.boxes import comparable_corners
from eval.curves import area_average_precisions, area_under, class_curves
from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.errors import EvaluationError
from eval.matching import FALSE, IGNORED, TRUE, Matches
from eval.protocols.excluded import on_excluded
from eval.protocols.options import Options
from eval.protocols.overlap import kernel, overlap
from eval.protocols.quirks import about_boxes, listed
from eval.protocols.report import Report, by_class, one_iou, titled
from eval.ranking import falling

TITLE = "ILSVRC DET: area under the curve, {iou} or less for small objects"
LARGEST_THRESHOLD = 0.5
TOLERANCE = 10  # pixels, for both sides together


def report(
    table: DetectionTable, dataset: Dataset, protocol: str, options: Options, official: bool
) -> Report:
    """Evaluate under the rules of ILSVRC DET; the parameters are those of every protocol."""
    matches = match(table, dataset, one_iou(options))
    per_class = average_precisions(matches, table, dataset, official=official)
    mean, median = mean_and_median(per_class, dataset, official=official)
    sentences = quirks(matches, table, dataset, official=official)
    return Report(
        protocol=protocol,
        map=mean,
        stats={"mAP": mean, "median AP": median},
        class_stats=by_class(dataset, AP=per_class),
        title=titled(TITLE, options),
        notes=() if official else sentences,
        quirks=sentences if official else (),
        matches=matches,
    )


def object_thresholds(dataset: Dataset, largest: float = LARGEST_THRESHOLD) -> np.ndarray:
    """(M,) float64, the IoU threshold of each object: min(0.5, wh / (w + 10)(h + 10)).

    `largest` takes the place of 0.5, which is the variable defaultIOUthr of eval_detection.m. The
    rule for small objects stays: at 0.75 it concerns squares with a side below 65 pixels.
    """
    objects = dataset.all_truths
    corners, _, gain = comparable_corners(
        objects.boxes, objects.layout, objects.boxes, objects.layout
    )
    width, height = (corners[:, 2:] - corners[:, :2] + gain).T
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        loosened = (width * height) / ((width + TOLERANCE) * (height + TOLERANCE))
    return np.fmin(largest, loosened)


def match(
    table: DetectionTable, dataset: Dataset, iou_threshold: float = LARGEST_THRESHOLD
) -> Matches:
    """Match the detections to the objects.

    Boxes of inclusive pixels are compared in the devkit's own arithmetic, to the last bit. The
    protocol has no difficult objects and no crowds, so all objects count alike (see quirks).

    Parameters
    ----------
    iou_threshold
        That of large objects (see object_thresholds).
    """
    if dataset.in_fractions:
        raise EvaluationError(
            f"{dataset.source}: the ILSVRC protocol needs boxes in pixels, but the sizes of the "
            "pictures are unknown; put the pictures beside it"
        )
    objects = dataset.all_truths
    boxes, object_boxes, gain = comparable_corners(
        table.boxes, table.layout, objects.boxes, objects.layout
    )
    problem = (
        np.ascontiguousarray(boxes, dtype=np.float64),
        np.ascontiguousarray(table.images, dtype=np.int32),
        np.ascontiguousarray(table.labels, dtype=np.int32),
        np.ascontiguousarray(object_boxes, dtype=np.float64),
        objects.labels.astype(np.int32),
        object_thresholds(dataset, iou_threshold),
        np.ascontiguousarray(dataset.starts, dtype=np.int64),
        gain,
    )
    # Only the few detections that reach the threshold of an object need sorting.
    candidates = np.empty(len(table), dtype=np.int32)
    candidates = candidates[: _reaching(*problem, candidates)]
    order = falling(np.ascontiguousarray(table.scores, np.float64)[candidates], nan_first=True)
    outcomes = np.full(len(table), FALSE, dtype=np.int8)
    truths = np.full(len(table), -1, dtype=np.int32)
    found = np.zeros(len(objects), dtype=bool)
    _assign(*problem, candidates[order], found, outcomes, truths)
    excluded = on_excluded(table.images, table.labels, dataset)
    outcomes[excluded], truths[excluded] = IGNORED, -1
    counted = ~on_excluded(dataset.truth_images, objects.labels, dataset)
    return Matches("ilsvrc", float(iou_threshold), outcomes, truths, counted)


def average_precisions(
    matches: Matches, table: DetectionTable, dataset: Dataset, *, official: bool = False
) -> np.ndarray:
    """(classes,) float64, the area under the curve of each class.

    Strict: NaN for a class without objects that count, 0 for one with objects but no detections.
    Official: a class without objects has NaN with detections and 0 without; classes after the last
    one with objects have NaN, because eval_detection.m has no entry for them.
    """
    curves = class_curves(matches, table, dataset)
    if not official:
        return area_average_precisions(curves)
    ours = [curves[label] for label in range(len(curves))]
    areas = np.array([area_under(curve.precision, curve.recall) for curve in ours])
    areas[_official_classes(dataset) :] = np.nan
    return areas


def mean_and_median(
    average_precisions: np.ndarray, dataset: Dataset, *, official: bool = False
) -> tuple[float, float]:
    """The two figures of the protocol; NaN if no class counts.

    Strict: over the classes that are not NaN. Official: over all entries of eval_detection.m, so
    that a single NaN makes both figures NaN.
    """
    if official:
        chosen = average_precisions[: _official_classes(dataset)]
    else:
        chosen = average_precisions[~np.isnan(average_precisions)]
    if not len(chosen):
        return float("nan"), float("nan")
    # Summed in sequence, as in the official program.
    return float(np.cumsum(chosen)[-1] / len(chosen)), float(np.median(chosen))


def quirks(
    matches: Matches, table: DetectionTable, dataset: Dataset, *, official: bool = False
) -> tuple[str, ...]:
    """Notes on unusual detections and objects and how they were treated, one sentence each."""
    sentences = about_boxes(table, dataset)
    if flagged := int(dataset.all_truths.ignored.sum()):
        sentences += (f"difficult objects and crowds, which count like all others: {flagged}",)
    if not official:
        return sentences
    if not len(table):
        sentences += ("eval_detection.m stops with an error if there are no detections",)
    if nan := int(np.isnan(table.scores).sum()):
        sentences += (f"detections with score NaN, ranked first: {nan}",)
    classes, last = len(dataset.class_names), _official_classes(dataset)
    known = np.arange(classes) < last
    counted = np.bincount(dataset.all_truths.labels[matches.counted], minlength=classes) > 0
    detected = np.bincount(table.labels, minlength=classes) > 0
    for effect, chosen in (
        ("with detections but without objects that count have AP NaN", ~counted & detected & known),
        (
            "with neither detections nor objects that count have AP 0",
            ~counted & ~detected & known,
        ),
        ("after the last one with objects are left out", ~known),
    ):
        if chosen.any():
            sentences += (f"classes {effect}: {listed(dataset.class_names, chosen)}",)
    return sentences


def _official_classes(dataset: Dataset) -> int:
    """The number of classes in eval_detection.m, which ends at the last one with objects."""
    return int(dataset.all_truths.labels.max(initial=-1)) + 1


@kernel("f8[2] i4[1] i4[1] f8[2] i4[1] f8[1] i8[1] f8 i4[1] -> i8")
def _reaching(  # type: ignore[no-untyped-def]
    boxes, images, labels, object_boxes, object_labels, thresholds, starts, gain, candidates
):
    """Collect the detections that reach the threshold of an object, and return their number."""
    count = 0
    for d in range(len(boxes)):
        for t in range(starts[images[d]], starts[images[d] + 1]):
            if (
                object_labels[t] == labels[d]
                and overlap(boxes, d, object_boxes, t, gain) >= thresholds[t]
            ):
                candidates[count] = d
                count += 1
                break
    return count


@kernel("f8[2] i4[1] i4[1] f8[2] i4[1] f8[1] i8[1] f8 i4[1] b1[1] i1[1] i4[1]")
def _assign(  # type: ignore[no-untyped-def]
    boxes, images, labels, object_boxes, object_labels, thresholds, starts, gain,
    order, found, outcomes, truths,
):  # fmt: skip
    for d in order:
        largest, best = -1.0, -1
        for t in range(starts[images[d]], starts[images[d] + 1]):
            if object_labels[t] == labels[d] and not found[t]:
                shared = overlap(boxes, d, object_boxes, t, gain)
                if shared >= thresholds[t] and shared > largest:
                    largest, best = shared, t
        if best >= 0:
            found[best] = True
            outcomes[d], truths[d] = TRUE, best
