"""The boxes of one photograph from proposals to scored boxes.

proposals -> the regions most likely to hold an object -> predictions -> scored boxes
-> where the recipe refines, the best boxes are scored once more
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from detector.networks.cascade import predict_in_stages, stages_of
from detector.networks.scoring import Features, Prediction, predict, predict_objectness
from detector.postprocess import Candidates, candidates, decode, suppress
from detector.recipes import NetworkOptions, PostprocessOptions, Recipe
from proposals.suppression import distinct

Floats = NDArray[np.float32]


def objectness_of(features: Features, boxes_xyxy: Floats) -> Floats:
    """Probability (N,) that each box holds an object; 1 where no network can tell.

    A network that reads crops alone has no objectness score.
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

    Of boxes (N, 4) that overlap by more than `keep_iou` the likeliest one stands for all.
    """
    if options.keep_iou < 1:
        order = distinct(boxes_xyxy, objectness, options.keep_iou)
    else:
        order = np.argsort(-objectness, kind="stable")
    return order[: options.keep or None]


def score_regions(
    features: Features, boxes_xyxy: Floats, objectness: Floats, recipe: Recipe
) -> Candidates:
    """Predict and score regions (N, 4); refine the best boxes where the recipe says so.

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
