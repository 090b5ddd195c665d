"""A cascade: a costly network classifies only the regions in which cheaper ones leave hope.

The proposer's own prediction for a region takes a tenth of the time of a warped crop's pass, and
rules out two thirds of the regions; the first network on crops rules out two thirds of the rest.
The last ones see the few regions that detections come from (attentional cascade, Viola and Jones
2001). Each stage cuts its own crops, so networks with first layers in common gain less.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from detector.networks.scoring import Features, Prediction, Reader, average_members, predict

Floats = NDArray[np.float32]


class Stage(NamedTuple):
    """Networks that see the same regions."""

    readers: Sequence[Reader]
    votes: int  # how many of them vote; 0 for the proposer, which only rules out
    least: float  # the score over which a region goes on to the next stage


def predict_in_stages(
    stages: Sequence[Stage],
    features: Features,
    boxes_xyxy: Floats,
    objectness: Floats,
    average: str,
) -> Prediction:
    """Predict classes and deltas of boxes (N, 4) as `predict` does, with fewer passes.

    A region's score is its probability of being of any class, by the votes so far, times its
    `objectness` (N,). In the end a region has the mean of the votes it got, and of the deltas of
    the voters that learned box regression. A region that the proposer alone has seen is background.
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
    """One stage for each score of `cascade`, in the readers' order; the last has all the others.

    Scores beyond the number of networks are idle, as while one member of an ensemble is trained.
    """
    alone = min(len(cascade), len(readers) - 1)
    stages = [
        Stage([reader], int(reader.member.mode != "proposer"), least)
        for reader, least in zip(readers[:alone], cascade, strict=False)
    ]
    last = readers[alone:]
    return [*stages, Stage(last, len(last), 1.0)]
