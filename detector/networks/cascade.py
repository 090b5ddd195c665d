"""Region by region, a costly network is asked only where cheaper ones leave hope.

The proposer's own answer for a region takes a tenth of the time of a warped crop's pass, and rules
out two thirds of the regions; the first network on crops rules out two thirds of the rest. The last
ones see the few that detections come from (attentional cascade, Viola and Jones 2001). Each stage
cuts its own crops, so networks with first layers in common gain less by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from detector.networks.ensemble import Member, voters
from detector.networks.scoring import Features, average_members, score
from detector.recipes import NetworkOptions

Floats = NDArray[np.float32]


class Stage(NamedTuple):
    """Networks that look at the same regions."""

    members: Sequence[Member]
    votes: int  # how many of them; 0: the proposer, which only rules out
    least: float  # the score over which a region goes on to the next stage


def score_in_stages(
    stages: Sequence[Stage],
    features: Features,
    boxes_xyxy: Floats,
    likely: Floats,
    options: NetworkOptions,
) -> tuple[Floats, Floats]:
    """Probabilities (N, classes + 1) and box deltas (N, classes, 4), as `score` gives them.

    A region's score is the probability that it is of any class, by the votes so far, times
    `likely` (N,), that of being an object at all. In the end it has the mean of the votes it got,
    and of the deltas of those that learned any; background is what the proposer alone has seen.
    """
    classes, count = stages[0].members[0].model.classes, len(boxes_xyxy)
    probabilities = np.eye(1, classes + 1, dtype=np.float32).repeat(count, 0)  # background
    deltas = np.zeros((count, classes, 4), np.float32)
    rows, before, moved = np.arange(count), 0, 0
    for members, votes, least in stages:
        said, moves = score(members, features, boxes_xyxy[rows], options.batch, options.average)
        if before:
            both = torch.from_numpy(probabilities[rows]), torch.from_numpy(said)
            said = average_members(both, options.average, (before, votes)).numpy()
        if votes:
            probabilities[rows] = said
        movers = sum(member.model.moves_boxes for member in members) if votes else 0
        if movers:
            share = movers / (moved + movers)
            deltas[rows] = (1 - share) * deltas[rows] + share * moves
        before, moved = before + votes, moved + movers
        rows = rows[said[:, 1:].sum(1) * likely[rows] > least]
    return probabilities, deltas


def stages_of(members: Sequence[Member], cascade: Sequence[float]) -> list[Stage]:
    """Each network is a stage of its own while `cascade` has scores; the others are the last.

    Without a cascade all that have a vote are one stage, and the proposer is not asked. Scores for
    which there is no network are idle, as while one member of an ensemble is trained.
    """
    lookers = members if cascade else voters(members)
    alone = min(len(cascade), len(lookers) - 1)
    found = []
    for (model, mode), least in zip(lookers[:alone], cascade, strict=False):
        shown = Member(model, "shared" if mode == "proposer" else mode)
        found.append(Stage([shown], int(mode != "proposer"), least))
    last = lookers[alone:]
    return [*found, Stage(last, len(last), 1.0)]
