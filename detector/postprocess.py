"""From scored regions to detections: decode, clip, threshold, non-maximum suppression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.class_names import lowest_scores
from detector.errors import DetectorError
from detector.recipes import PostprocessOptions
from proposals.boxes import clip_boxes, decode_boxes, intersection_over_union
from proposals.suppression import non_maximum_suppression

Floats = NDArray[np.float32]

# Boxes of two classes that overlap by more than this IoU are taken for one object. A person on a
# motorbike reaches 0.87; docs/choices.md has the measurement.
SAME_OBJECT_IOU = 0.9


class Candidates(NamedTuple):
    """One row per (region, class) pair: boxes (M, 4) xyxy, scores (M,), labels (M,)."""

    boxes_xyxy: Floats
    scores: Floats
    labels: NDArray[np.int64]

    def take(self, rows: NDArray[np.int64]) -> Candidates:
        """The rows with these indices."""
        return Candidates(self.boxes_xyxy[rows], self.scores[rows], self.labels[rows])

    def join(self, more: Candidates) -> Candidates:
        """These rows, then the others'."""
        return Candidates(
            np.concatenate([self.boxes_xyxy, more.boxes_xyxy]),
            np.concatenate([self.scores, more.scores]),
            np.concatenate([self.labels, more.labels]),
        )


class Limits(NamedTuple):
    """Which scored boxes become detections.

    Attributes
    ----------
    lowest_scores
        (classes,) float32: detections of a class score at least this.
    agnostic
        Whether an object has one class.
    suppression
        The recipe's options with the requested number of detections.
    """

    lowest_scores: Floats
    agnostic: bool
    suppression: PostprocessOptions


def limits(
    options: PostprocessOptions,
    class_names: Sequence[str],
    preset: str = "visualize",
    threshold: float | Mapping[str, float] | None = None,
    max_detections: int | None = None,
    agnostic_nms: bool | None = None,
) -> Limits:
    """The limits of a detection; `Detector.__call__` explains the parameters.

    Raises
    ------
    DetectorError
        An unknown preset, a threshold outside 0..1 or of an unknown class, or no whole number of
        detections above 0.
    """
    presets = {"visualize": options.visualize_threshold, "evaluate": options.evaluate_threshold}
    if preset not in presets:
        raise DetectorError(f"preset {preset!r}: use one of {', '.join(presets)}")
    by_class = threshold if isinstance(threshold, Mapping) else {}
    is_one = threshold is not None and not isinstance(threshold, Mapping)
    lowest = threshold if is_one else presets[preset]
    if not isinstance(lowest, Real) or not 0 <= lowest <= 1:
        raise DetectorError(f"threshold is {threshold!r}; scores are 0 to 1")
    most = options.max_detections if max_detections is None else max_detections
    if not isinstance(most, Integral) or most < 1:
        raise DetectorError(f"max_detections is {max_detections!r}; use 1 or more, a whole number")
    agnostic = preset == "visualize" if agnostic_nms is None else agnostic_nms
    scores = lowest_scores(by_class, class_names, float(lowest))
    return Limits(scores, agnostic, replace(options, max_detections=most))


def decode(proposals_xyxy: Floats, deltas: Floats, image_size: tuple[int, int]) -> Floats:
    """Apply per-class deltas (N, classes, 4) to proposals (N, 4); clipped to (height, width)."""
    return clip_boxes(decode_boxes(proposals_xyxy, deltas), *image_size)


def candidates(scores: Floats, boxes_xyxy: Floats, threshold: float) -> Candidates:
    """Every pair of scores (N, classes) over the threshold whose box is a pixel or larger.

    `boxes_xyxy` (N, classes, 4) are the boxes of the pairs.
    """
    sides = boxes_xyxy[..., 2:] - boxes_xyxy[..., :2]
    region, label = np.nonzero((scores > threshold) & (sides >= 1).all(-1))
    return Candidates(boxes_xyxy[region, label], scores[region, label], label)


def suppress(
    scored: Candidates,
    options: PostprocessOptions,
    *,
    agnostic: bool = False,
    lowest_scores: Floats | None = None,
) -> Candidates:
    """Greedy per-class NMS (R-CNN: IoU 0.3), then box voting if `vote_iou` is set.

    Boxes that score less than `lowest_scores` (classes,) of their class are left out after NMS.
    With `agnostic`, a box that nearly coincides with a better one of another class is left out
    too. The best `max_detections` remain, best first. OpenCV's suppression keeps the same boxes as
    torchvision's (a test compares them), and the command line does not spend a second and a half
    on importing torchvision.
    """
    corners = scored.boxes_xyxy.astype(np.float64)
    boxes_xywh = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
    batched_nms: Any = cv2.dnn.NMSBoxesBatched  # its stubs do not accept arrays
    labels = scored.labels.astype(np.int32)
    keep = batched_nms(boxes_xywh, scored.scores, labels, 0.0, options.nms_iou)
    rows = np.asarray(keep, np.int64).reshape(-1)
    # Before a box that is left out could displace one that stays
    if lowest_scores is not None:
        rows = rows[scored.scores[rows] >= lowest_scores[scored.labels[rows]]]
    # Duplicates in another class are removed after voting, which moves them together, and before
    # the best are counted.
    kept = scored.take(rows if agnostic else rows[: options.max_detections])
    kept = vote(kept, scored, options.vote_iou) if options.vote_iou else kept
    if not agnostic:
        return kept
    one_each = non_maximum_suppression(kept.boxes_xyxy, kept.scores, SAME_OBJECT_IOU)
    return kept.take(one_each[: options.max_detections])


def vote(kept: Candidates, scored: Candidates, vote_iou: float) -> Candidates:
    """Box voting (MR-CNN): a kept box becomes the score-weighted mean of those over `vote_iou`."""
    boxes = kept.boxes_xyxy.copy()
    for label in np.unique(kept.labels):
        mine, voters = np.flatnonzero(kept.labels == label), scored.labels == label
        overlap = intersection_over_union(kept.boxes_xyxy[mine], scored.boxes_xyxy[voters])
        # Double precision, since rounding could push edges out of the picture
        weight = (overlap >= vote_iou) * scored.scores[voters].astype(np.float64)
        weight /= np.maximum(weight.sum(1, keepdims=True), 1e-12)
        boxes[mine] = weight @ scored.boxes_xyxy[voters]
    return Candidates(boxes, kept.scores, kept.labels)
