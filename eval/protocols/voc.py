"""The PASCAL VOC protocol, after VOCevaldet.m and VOCap.m of the VOC 2007 and 2012 devkits.

The detections of a class are matched by falling score, equal scores in file order. Each is compared
with the object of its class and image that it overlaps most (the first of equals), whether or not
that object is matched already. If the overlap is below the threshold, the detection is false. If
the object is difficult, the detection is ignored. Otherwise it is true if the object is not matched
yet, and false if it is.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from eval.boxes import comparable_corners
from eval.curves import (
    area_average_precisions,
    area_under,
    class_curves,
    eleven_point_average_precisions,
    eleven_points,
)
from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.errors import EvaluationError
from eval.matching import FALSE, IGNORED, TRUE, Matches
from eval.protocols.excluded import on_excluded
from eval.protocols.options import Options
from eval.protocols.overlap import kernel, overlap
from eval.protocols.quirks import about_boxes, listed
from eval.protocols.report import Report, by_class, mean_known, one_iou, titled

TITLES = {
    "voc": "PASCAL VOC 2010 and later: area under the curve, {iou}",
    "voc2007": "PASCAL VOC 2007: 11 points of recall, {iou}",
}
# Two functions for each protocol: the first averages the curves of all classes, the second the
# curve of one class as the devkit does.
_AVERAGES = {
    "voc": (area_average_precisions, area_under),
    "voc2007": (eleven_point_average_precisions, eleven_points),
}


def report(
    table: DetectionTable, dataset: Dataset, protocol: str, options: Options, official: bool
) -> Report:
    """Evaluate under the rules of VOC; the parameters are those of every protocol."""
    # The matches name the rule that averages their curves; both rules match alike.
    matches = replace(match(table, dataset, one_iou(options)), protocol=protocol)
    per_class = average_precisions(matches, table, dataset, protocol, official=official)
    # In the devkit's arithmetic, one class with NaN makes the mean NaN.
    main = float(np.mean(per_class)) if official else mean_known(per_class)
    sentences = quirks(matches, table, dataset, protocol, official=official)
    return Report(
        protocol=protocol,
        map=main,
        stats={"mAP": main},
        class_stats=by_class(dataset, AP=per_class),
        title=titled(TITLES[protocol], options),
        notes=() if official else sentences,
        quirks=sentences if official else (),
        matches=matches,
    )


def match(table: DetectionTable, dataset: Dataset, iou_threshold: float = 0.5) -> Matches:
    """Match the detections to the objects.

    Boxes of inclusive pixels are compared in the devkit's own arithmetic, to the last bit.
    `difficult`, `ignore` and crowd objects are all treated as VOC's difficult objects; excluded
    pairs of image and class are ignored.

    Raises
    ------
    EvaluationError
        iou_threshold is not in (0, 1].
    """
    if not 0 < iou_threshold <= 1:
        raise EvaluationError(f"iou_threshold is {iou_threshold}; expected above 0, at most 1")
    objects = dataset.all_truths
    boxes, object_boxes, gain = comparable_corners(
        table.boxes, table.layout, objects.boxes, objects.layout
    )
    outcomes = np.full(len(table), FALSE, dtype=np.int8)
    truths = np.full(len(table), -1, dtype=np.int32)
    _match(
        np.ascontiguousarray(boxes, dtype=np.float64),
        np.ascontiguousarray(table.scores, dtype=np.float64),
        np.ascontiguousarray(table.images, dtype=np.int32),
        np.ascontiguousarray(table.labels, dtype=np.int32),
        np.ascontiguousarray(object_boxes, dtype=np.float64),
        objects.labels.astype(np.int32),
        np.ascontiguousarray(objects.ignored),
        np.ascontiguousarray(dataset.starts, dtype=np.int64),
        gain,
        float(iou_threshold),
        np.full(len(objects), -1, dtype=np.int32),
        outcomes,
        truths,
    )
    excluded = on_excluded(table.images, table.labels, dataset)
    outcomes[excluded], truths[excluded] = IGNORED, -1
    counted = ~objects.ignored & ~on_excluded(dataset.truth_images, objects.labels, dataset)
    return Matches("voc", float(iou_threshold), outcomes, truths, counted)


def average_precisions(
    matches: Matches,
    table: DetectionTable,
    dataset: Dataset,
    protocol: str = "voc",
    *,
    official: bool = False,
) -> np.ndarray:
    """(classes,) float64; mAP is the mean over the classes that are not NaN.

    Parameters
    ----------
    protocol
        "voc" (area under the curve, VOC 2010 and later) or "voc2007" (11 points).
    official
        False: NaN for a class without objects that count, 0 for one with objects but without
        detections that count. True: what the devkit's arithmetic gives in these cases (see
        quirks).
    """
    curves = class_curves(matches, table, dataset)
    strict, of_class = _AVERAGES[protocol]
    if not official:
        return strict(curves)
    ours = [curves[label] for label in range(len(curves))]
    return np.array([of_class(curve.precision, curve.recall) for curve in ours])


def quirks(
    matches: Matches,
    table: DetectionTable,
    dataset: Dataset,
    protocol: str = "voc",
    *,
    official: bool = False,
) -> tuple[str, ...]:
    """Notes on unusual detections and objects and how they were treated, one sentence each."""
    sentences = about_boxes(table, dataset)
    if not official:
        return sentences
    if nan := int(np.isnan(table.scores).sum()):
        sentences += (f"detections with score NaN, ranked last: {nan}",)
    classes = len(dataset.class_names)
    counted = np.bincount(dataset.all_truths.labels[matches.counted], minlength=classes) > 0
    detected = np.bincount(table.labels, minlength=classes) > 0
    remaining = np.bincount(table.labels[matches.outcomes != IGNORED], minlength=classes) > 0
    cases = {
        "voc": [
            ("with detections but without objects that count have AP NaN", ~counted & detected),
            ("with neither detections nor objects that count have AP 0", ~counted & ~detected),
        ],
        "voc2007": [
            ("without objects that count have AP 0", ~counted),
            ("with all detections on difficult objects have AP NaN",
             counted & detected & ~remaining),
        ],
    }  # fmt: skip
    return sentences + tuple(
        f"classes {effect}: {listed(dataset.class_names, chosen)}"
        for effect, chosen in cases[protocol]
        if chosen.any()
    )


@kernel("f8[2] f8[1] i4[1] i4[1] f8[2] i4[1] b1[1] i8[1] f8 f8 i4[1] i1[1] i4[1]")
def _match(  # type: ignore[no-untyped-def]
    boxes, scores, images, labels, object_boxes, object_labels, difficult, starts,
    gain, threshold, winners, outcomes, truths,
):  # fmt: skip
    # The object that a detection is compared with does not depend on other detections, so nothing
    # needs sorting: of the detections of one object, the one with the highest score is true, of
    # equal scores the first in the file.
    for d in range(len(scores)):
        largest, best = -1.0, -1
        for t in range(starts[images[d]], starts[images[d] + 1]):
            if object_labels[t] == labels[d]:
                shared = overlap(boxes, d, object_boxes, t, gain)
                if shared > largest:
                    largest, best = shared, t
        if largest < threshold:
            continue
        if difficult[best]:
            outcomes[d], truths[d] = IGNORED, best
            continue
        rival = winners[best]
        # NaN ranks last.
        if rival < 0 or (scores[d] == scores[d] and not scores[rival] >= scores[d]):
            if rival >= 0:
                outcomes[rival], truths[rival] = FALSE, -1
            outcomes[d], truths[d] = TRUE, best
            winners[best] = d
