"""The boxes of one photograph from proposals to scores.

proposals -> the likeliest objects -> what the networks say of them -> scored boxes
-> where the recipe refines, the best of these once more
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from detector.networks.ensemble import Member
from detector.networks.scoring import Features, objectness
from detector.postprocess import Candidates, Scored, candidates, decode, support, suppress
from detector.recipes import NetworkOptions, PostprocessOptions
from proposals.suppression import distinct

Floats = NDArray[np.float32]
# (features, boxes (N, 4), likely (N,)) -> probabilities (N, classes + 1), deltas (N, classes, 4)
Answers: TypeAlias = Callable[[Features, Floats, Floats], tuple[Floats, Floats]]


class Stages(NamedTuple):
    """The boxes of one photograph on their way to detections, xyxy in its pixels."""

    proposals_xyxy: Floats  # (N, 4), all of them
    regions_xyxy: Floats  # (K, 4), the likeliest, which the first network asked sees
    scored: Candidates  # (region, class) pairs after regression, before suppression


def score_regions(
    first: Member,
    features: Features,
    boxes_xyxy: Floats,
    network: NetworkOptions,
    options: PostprocessOptions,
    answers: Answers,
) -> Stages:
    """Score proposals (N, 4), duplicates and all; every score over `evaluate_threshold`.

    A score is the class's probability times that of being an object at all, as MultiBox
    multiplies its two confidences (arXiv 1312.2249); the latter to the power `options.objectness`.
    `first`, a detector's first network, says the latter and chooses the regions; `answers` says the
    former.
    """

    def answer(boxes: Floats, likely: Floats) -> Candidates:
        probabilities, deltas = answers(features, boxes, likely)
        probabilities[:, 1:] *= likely[:, None] ** options.objectness
        if not options.regress:
            deltas[:] = 0
        decoded = decode(boxes, deltas, features.size)
        return candidates(Scored(probabilities, decoded), options.evaluate_threshold)

    likely = likely_objects(first, features, boxes_xyxy)
    # A network that reads crops alone tells no likely objects from others: all go on
    chosen = slice(None) if first.mode == "warp" else likeliest(boxes_xyxy, likely, network)
    regions = boxes_xyxy[chosen]
    found = answer(regions, likely[chosen])
    for _ in range(options.refine):
        best = replace(options, max_detections=options.refine_boxes)
        again = suppress(found, best).boxes_xyxy
        found = found.join(answer(again, likely_objects(first, features, again)))
    if options.support:
        found = support(found, options.support)
    return Stages(boxes_xyxy, regions, found)


def likely_objects(first: Member, features: Features, boxes_xyxy: Floats) -> Floats:
    """Probability (N,) that each is an object; of a network that reads crops alone, 1."""
    if first.mode == "warp":
        return np.ones(len(boxes_xyxy), np.float32)
    return objectness(first.model, features, boxes_xyxy)


def likeliest(boxes_xyxy: Floats, likely: Floats, options: NetworkOptions) -> NDArray[np.int64]:
    """Rows of the `keep` likeliest objects, likeliest first; networks see no others.

    Of boxes (N, 4) that overlap by more than `keep_iou` the likeliest stands for all.
    """
    if options.keep_iou < 1:
        order = distinct(boxes_xyxy, likely, options.keep_iou)
    else:
        order = np.argsort(-likely, kind="stable")
    return order[: options.keep or None]
