"""The boxes of one photograph from proposals to scored boxes.

proposals -> the regions most likely to hold an object -> predictions -> scored boxes
-> the best boxes are scored once more (`refine_boxes`)

In a cascade a costly network classifies only the regions that the cheaper ones do not rule out. The
proposer's own prediction for a region takes a tenth of the time of a warped crop's pass, and rules
out two thirds of the regions; the first network on crops rules out two thirds of the rest. The last
ones see the few regions that detections come from (attentional cascade, Viola and Jones 2001).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from detector.networks.scoring import (
    Features,
    Prediction,
    Reader,
    average_members,
    predict,
    predict_objectness,
)
from detector.postprocess import Candidates, candidates, decode, suppress
from detector.recipes import NetworkOptions, PostprocessOptions, Recipe
from proposals.suppression import non_maximum_suppression

Floats = NDArray[np.float32]


class Stage(NamedTuple):
    """Networks that see the same regions."""

    readers: Sequence[Reader]
    votes: int  # how many of them vote; 0 for the proposer, which only rules out
    least: float  # the score over which a region goes on to the next stage


def objectness_of(features: Features, boxes_xyxy: Floats) -> Floats:
    """Probability (N,) that each box holds an object; 1 without an objectness score.

    A network that reads only crops has no objectness score.
    """
    if features.readers[0].member.reads_crops:
        return np.ones(len(boxes_xyxy), np.float32)
    return predict_objectness(features, boxes_xyxy)


def choose_regions(
    features: Features, boxes_xyxy: Floats, objectness: Floats, options: NetworkOptions
) -> NDArray[np.int64]:
    """Rows of the boxes (N, 4) that the networks classify, likeliest objects first.

    Without an objectness score there is no choice: every box is classified.
    """
    if features.readers[0].member.reads_crops:
        return np.arange(len(boxes_xyxy))
    return likeliest(boxes_xyxy, objectness, options)


def likeliest(boxes_xyxy: Floats, objectness: Floats, options: NetworkOptions) -> NDArray[np.int64]:
    """Rows of the `keep` likeliest objects, likeliest first.

    Among boxes (N, 4) that overlap by more than `keep_iou`, only the likeliest one is kept.
    """
    if options.keep_iou < 1:
        order = non_maximum_suppression(boxes_xyxy, objectness, options.keep_iou)
    else:
        order = np.argsort(-objectness, kind="stable")
    return order[: options.keep or None]


def score_regions(
    features: Features, boxes_xyxy: Floats, objectness: Floats, recipe: Recipe
) -> Candidates:
    """Predict and score regions (N, 4); then refine the best boxes if `refine_boxes` is set.

    Duplicates are not suppressed. Every score is over the recipe's `evaluate_threshold`.
    """
    options = recipe.postprocess
    scored = _score(features, boxes_xyxy, objectness, recipe)
    if options.refine_boxes:  # He et al. 2015 (arXiv 1512.03385), appendix
        best = replace(options, max_detections=options.refine_boxes)
        refined = suppress(scored, best).boxes_xyxy
        scored = scored.join(_score(features, refined, objectness_of(features, refined), recipe))
    return scored


def _score(
    features: Features, boxes_xyxy: Floats, objectness: Floats, recipe: Recipe
) -> Candidates:
    network = recipe.network
    if network.cascade:
        stages = stages_of(features.readers, network.cascade)
        average = network.average
        prediction = predict_in_stages(stages, features, boxes_xyxy, objectness, average)
    else:
        prediction = predict(features.voters, features, boxes_xyxy, network.average)
    return scored_boxes(prediction, boxes_xyxy, objectness, features.size, recipe.postprocess)


def scored_boxes(
    prediction: Prediction,
    boxes_xyxy: Floats,
    objectness: Floats,
    image_size: tuple[int, int],
    options: PostprocessOptions,
) -> Candidates:
    """Score every (region, class) pair of a prediction for boxes (N, 4), and move its box.

    A score is the class's probability times that of being an object at all, as MultiBox multiplies
    its two confidences (arXiv 1312.2249); the latter to the power `options.objectness`.
    """
    probabilities, deltas = prediction
    scores = probabilities[:, 1:] * objectness[:, None] ** options.objectness
    boxes = decode(boxes_xyxy, deltas if options.regress else np.zeros_like(deltas), image_size)
    return candidates(scores, boxes, options.evaluate_threshold)


def predict_in_stages(
    stages: Sequence[Stage],
    features: Features,
    boxes_xyxy: Floats,
    objectness: Floats,
    average: str,
) -> Prediction:
    """Predict classes and deltas of boxes (N, 4) as `predict` does, with fewer passes.

    A region's score is its probability of being of any class, by the votes so far, times its
    `objectness` (N,). In the end a region has the mean of its votes, and of the deltas of the
    voters that learned box regression. A region that only the proposer has seen is background.
    """
    classes, count = stages[0].readers[0].member.model.classes, len(boxes_xyxy)
    probabilities = np.eye(1, classes + 1, dtype=np.float32).repeat(count, 0)  # background
    deltas = np.zeros((count, classes, 4), np.float32)
    rows, before, moved = np.arange(count), 0, 0
    for readers, votes, least in stages:
        predicted, moves = predict(readers, features, boxes_xyxy[rows], average)
        if before:
            both = torch.from_numpy(probabilities[rows]), torch.from_numpy(predicted)
            predicted = average_members(both, average, (before, votes)).numpy()
        if votes:
            probabilities[rows] = predicted
        movers = sum(reader.member.model.moves_boxes for reader in readers) if votes else 0
        if movers:
            share = movers / (moved + movers)
            deltas[rows] = (1 - share) * deltas[rows] + share * moves
        before, moved = before + votes, moved + movers
        rows = rows[predicted[:, 1:].sum(1) * objectness[rows] > least]
    return Prediction(probabilities, deltas)


def stages_of(readers: Sequence[Reader], cascade: Sequence[float]) -> list[Stage]:
    """One stage for each threshold of `cascade`, in the readers' order, then one for the rest.

    Thresholds beyond the number of networks have no effect: one member of an ensemble, validated
    alone, may have fewer networks than its recipe.
    """
    alone = min(len(cascade), len(readers) - 1)
    stages = [
        Stage([reader], int(reader.member.mode != "proposer"), least)
        for reader, least in zip(readers[:alone], cascade, strict=False)
    ]
    last = readers[alone:]
    return [*stages, Stage(last, len(last), 1.0)]
