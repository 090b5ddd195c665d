"""A photograph -> boxes that may hold an object: selective search merged with MultiBox."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from detector.errors import DetectorError
from detector.networks.ensemble import Member
from detector.networks.precision import mixed_precision
from detector.networks.regions import RegionClassifier
from detector.networks.scoring import Features, see
from detector.recipes import Recipe
from proposals import selective_search
from proposals.merge import merge_proposals
from proposals.multibox import MultiBox
from proposals.result import Proposals


@dataclass(frozen=True)
class RegionProposer:
    """The part of a detector that proposes. Photographs are (H, W, 3) RGB uint8.

    Attributes
    ----------
    model
        The network whose trunk MultiBox shares.
    multibox
        None is selective search alone.
    recipe
        Options of selective search, of MultiBox and of the trunk's input.
    device
        Where the networks are.
    """

    model: RegionClassifier
    multibox: MultiBox | None
    recipe: Recipe
    device: torch.device

    def propose(self, image: NDArray[np.uint8], features: Features | None = None) -> Proposals:
        """The boxes of both, best first.

        MultiBox takes part if the weights include it and the recipe's `multibox.boxes` is not 0.
        `features` are those of the photograph if they are known already.
        """
        searched = self.search(image)
        if self.multibox is None or not self.recipe.multibox.boxes:
            return searched
        features = self.multibox_features(image) if features is None else features
        return merge_proposals(searched, self.multibox_boxes(features))

    def search(self, image: NDArray[np.uint8]) -> Proposals:
        """Selective search alone, with the recipe's options."""
        return selective_search(image, **self.recipe.proposals.keywords())

    def multibox_features(self, image: NDArray[np.uint8]) -> Features:
        """The trunk's map of a photograph at the recipe's short side."""
        first_scale = replace(self.recipe.network, pyramid=(), mirror=False, cascade=())
        return see([Member(self.model, "proposer")], image, first_scale, self.device)

    @torch.no_grad()
    def multibox_boxes(self, features: Features, count: int | None = None) -> Proposals:
        """MultiBox's boxes, most confident first; `count` None is the recipe's number.

        Raises
        ------
        DetectorError
            The weights hold no MultiBox.
        """
        if self.multibox is None:
            raise DetectorError(
                "these weights hold no MultiBox; train it with `detect train --part multibox`"
            )
        count = self.recipe.multibox.boxes if count is None else count
        with mixed_precision(self.device):
            return self.multibox.propose(features.pyramid.maps[0], *features.size, count)
