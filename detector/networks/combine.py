"""Several detectors as one: their networks vote on the same proposals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from detector.errors import DetectorError
from detector.networks.ensemble import Member, pack, unpack, voters
from detector.networks.regions import RegionClassifier
from detector.pipeline import Detector


def combine(detectors: Sequence[Detector]) -> Detector:
    """A detector in which all networks of `detectors` vote.

    The first one proposes: its proposals, MultiBox, recipe and objectness score are everybody's.
    Layers that equal the first one's are held, computed and written once. The provenance lists
    where each detector comes from, as "combined".

    Raises
    ------
    DetectorError
        No detector; detectors of different classes.
    """
    if not detectors:
        raise DetectorError("no detector to combine; name one or more")
    first = detectors[0]
    members = list(first.members)
    for other in detectors[1:]:
        if other.info.class_names != first.info.class_names:
            raise DetectorError(
                "detectors of different classes cannot vote together: "
                f"{', '.join(first.info.class_names)}; {', '.join(other.info.class_names)}"
            )
        members += voters(other.members)
    modes = tuple(member.mode for member in members)
    members = unpack(pack(members), modes, len(first.info.class_names))
    origins = [origin for detector in detectors for origin in _origins(detector)]
    provenance = {**first.info.provenance, "combined": origins}
    info = replace(first.info, members=modes, metrics={}, provenance=provenance)
    return Detector(members[0].model, first.recipe, info, first.device, first.multibox, members)


def _origins(detector: Detector) -> list[dict[str, Any]]:
    """Where each detector in this one comes from; one that was never combined is its own."""
    info = detector.info
    own = {"recipe": detector.recipe.name, "seed": detector.recipe.training.seed}
    alone = [{**info.provenance, **own, "version": info.version}]
    return info.provenance.get("combined", alone)


def without_vote(detector: Detector) -> Detector:
    """A detector that proposes, for `combine` to put before those that judge.

    Raises
    ------
    DetectorError
        It learned no objectness score, for it reads crops alone.
    """
    first = Member(_shared(detector), "proposer")
    recipe, info, device = detector.recipe, detector.info, detector.device
    return Detector(first.model, recipe, info, device, detector.multibox, [first])


def as_proposer(detector: Detector, classes: int) -> Member:
    """The detector's trunk and objectness score, which know no classes, without a vote.

    Its other layers fit a detector of `classes` classes and are 0: in a cascade it finds every
    class as likely as background, and rules out next to nothing.

    Raises
    ------
    DetectorError
        It learned no objectness score, for it reads crops alone.
    """
    model = RegionClassifier(classes)
    model.network = _shared(detector).network
    model.objectness = _shared(detector).objectness
    for layer in (model.classifier, model.reduce, model.regressor):
        for parameter in layer.parameters():
            torch.nn.init.zeros_(parameter)
    return Member(model, "proposer")


def _shared(detector: Detector) -> RegionClassifier:
    """Its first network, which must be one that reads maps."""
    if detector.members[0].mode == "warp":
        raise DetectorError(
            "proposer: a detector in warp mode cannot choose regions; name one in shared mode"
        )
    return detector.model
