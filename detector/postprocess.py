"""From scored regions to detections: decode, clip, threshold, non-maximum suppression."""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.recipes import PostprocessOptions
from proposals.boxes import clip_boxes, decode_boxes, intersection_over_union

Floats = NDArray[np.float32]


class Scored(NamedTuple):
    """Regions after the network.

    probabilities: (N, classes + 1), background first. boxes: (N, classes, 4) regressed xyxy,
    in pixels of the original image.
    """

    probabilities: Floats
    boxes_xyxy: Floats


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


def decode(proposals_xyxy: Floats, deltas: Floats, image_size: tuple[int, int]) -> Floats:
    """Apply per-class deltas (N, classes, 4) to proposals (N, 4); clipped to (height, width)."""
    return clip_boxes(decode_boxes(proposals_xyxy, deltas), *image_size)


def candidates(scored: Scored, threshold: float) -> Candidates:
    """Every (region, class) pair whose probability exceeds the threshold, one pixel or larger."""
    foreground = scored.probabilities[:, 1:]
    sides = scored.boxes_xyxy[..., 2:] - scored.boxes_xyxy[..., :2]
    region, label = np.nonzero((foreground > threshold) & (sides >= 1).all(-1))
    return Candidates(scored.boxes_xyxy[region, label], foreground[region, label], label)


def support(found: Candidates, share: float) -> Candidates:
    """Where one object of a class is certain, others of it are likelier.

    A score becomes the geometric mean of itself and, to the weight `share`, of the best of its
    class in the picture, which stays as it is. Of what DPM's rescoring by context (Felzenszwalb et
    al. 2010, section 7.3) learns, this is the part that needs no learning.
    """
    best = np.zeros(found.labels.max(initial=-1) + 1, np.float32)
    np.maximum.at(best, found.labels, found.scores)
    scores = found.scores ** (1 - share) * best[found.labels] ** share
    return found._replace(scores=scores.astype(np.float32))


def suppress(found: Candidates, options: PostprocessOptions) -> Candidates:
    """Greedy per-class NMS (R-CNN: IoU .3), optional box voting; best first, at most
    `max_detections`.

    OpenCV's suppression gives torchvision's answers (a test holds it to them) and spares the
    command line the second and a half that importing torchvision takes.
    """
    corners = found.boxes_xyxy.astype(np.float64)
    boxes_xywh = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
    batched_nms: Any = cv2.dnn.NMSBoxesBatched  # its stubs know no arrays
    labels = found.labels.astype(np.int32)
    keep = batched_nms(boxes_xywh, found.scores, labels, 0.0, options.nms_iou)
    kept = found.take(np.asarray(keep, np.int64).reshape(-1)[: options.max_detections])
    return vote(kept, found, options.vote_iou) if options.vote_iou else kept


def vote(kept: Candidates, found: Candidates, vote_iou: float) -> Candidates:
    """Box voting (MR-CNN): a kept box becomes the score-weighted mean of those over `vote_iou`."""
    boxes = kept.boxes_xyxy.copy()
    for label in np.unique(kept.labels):
        mine, voters = np.flatnonzero(kept.labels == label), found.labels == label
        overlap = intersection_over_union(kept.boxes_xyxy[mine], found.boxes_xyxy[voters])
        # In double precision, or rounding would push edges out of the picture
        weight = (overlap >= vote_iou) * found.scores[voters].astype(np.float64)
        weight /= np.maximum(weight.sum(1, keepdims=True), 1e-12)
        boxes[mine] = weight @ found.boxes_xyxy[voters]
    return Candidates(boxes, kept.scores, kept.labels)
