"""The detector: proposals -> regions -> detections, for one photograph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral, Real
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from detector.errors import DetectorError
from detector.given_boxes import as_boxes
from detector.loading import choose_device, holds_weights, load_networks, recipe_file, weights_path
from detector.networks.cascade import score_in_stages, stages_of
from detector.networks.ensemble import Member, pack
from detector.networks.precision import mixed_precision
from detector.networks.regions import RegionClassifier
from detector.networks.scoring import Features, score, see
from detector.pictures.reading import ImageSource, read_image
from detector.postprocess import Candidates, suppress
from detector.recipes import DEFAULT, PostprocessOptions, Recipe, load_recipe, recipe_from_dict
from detector.recipes.search_options import search_options
from detector.region_scores import Stages, score_regions
from detector.results import Detections
from detector.weights_file import WeightsInfo, save_weights
from proposals.merge import merge_proposals
from proposals.multibox import MultiBox
from proposals.result import Proposals

Floats = NDArray[np.float32]


class Detector:
    """A trained region classifier with its recipe.

    Parameters
    ----------
    model
        Weights in place.
    recipe
        Proposal, network and post-processing options.
    info
        Class names and dataset category ids.
    device
        Where the networks run: "cpu", "cuda", "cuda:1"; None chooses CUDA where there is one.
    multibox
        Heads on the model's trunk that propose boxes; None leaves selective search alone.
    members
        All networks that see a photograph, `model` the first; () is `model` alone, read in the
        recipe's mode.
    """

    def __init__(
        self,
        model: RegionClassifier,
        recipe: Recipe,
        info: WeightsInfo,
        device: str | torch.device | None = None,
        multibox: MultiBox | None = None,
        members: Sequence[Member] = (),
    ) -> None:
        self.device = choose_device(device)
        self.model = model
        self.members = tuple(members) or (Member(model, recipe.network.mode),)
        for member in self.members:
            member.model.to(self.device).to(memory_format=torch.channels_last).eval()
        self.multibox = multibox
        if multibox is not None:
            multibox.to(self.device).to(memory_format=torch.channels_last).eval()
        self.recipe, self.info = recipe, info

    @classmethod
    def load(
        cls,
        name: str | Path = DEFAULT,
        *,
        weights: str | Path | None = None,
        device: str | torch.device | None = None,
    ) -> Detector:
        """Load a detector.

        Parameters
        ----------
        name
            A recipe's name ("voc20") or YAML file, which brings its weights; or a weights file
            (.safetensors) or run folder, which brings the recipe it was trained with.
        weights
            Other weights (file or run folder) under the recipe `name`, instead of all of its own.

        Raises
        ------
        DetectorError
            Nothing of that name, or a file that holds no detector.
        """
        from detector.networks.combine import combine, without_vote

        recipe = None if holds_weights(Path(name)) else load_recipe(name)
        path = weights_path(Path(weights or name), recipe if weights is None else None)
        members, multibox, info = load_networks(path)
        own = recipe or recipe_from_dict(info.recipe, where=f"{path}: recipe")
        first = cls(members[0].model, own, info, device, multibox, members)
        if recipe is None or weights is not None or not (recipe.more_weights or recipe.proposer):
            return first
        others = [cls.load(recipe_file(more), device=device) for more in recipe.more_weights]
        if recipe.proposer:
            others, first = [first, *others], without_vote(cls.load(recipe.proposer, device=device))
        together = combine([first, *others])
        together.recipe = recipe
        return together

    def save(self, path: str | Path) -> None:
        """Write all networks, MultiBox, the recipe and `info` to one weights file; atomic."""
        modes = tuple(member.mode for member in self.members)
        info = replace(self.info, members=modes, recipe=self.recipe.to_dict())
        save_weights(Path(path), pack(self.members), info, self.multibox)

    def __call__(
        self,
        source: ImageSource,
        *,
        proposals: Proposals | Floats | None = None,
        preset: str = "visualize",
        threshold: float | None = None,
        max_detections: int | None = None,
    ) -> Detections:
        """Detect objects in one photograph.

        Parameters
        ----------
        source
            Path, bytes, PIL image or RGB uint8 array (H, W, 3).
        proposals
            Your own boxes, (N, 4) xyxy in pixels; None finds them (`propose`).
        preset
            "visualize": a picture a person likes; "evaluate": all that helps mAP. Names the
            recipe's score threshold.
        threshold
            Lowest score returned, 0..1, instead of the preset's; nothing is kept of scores up to
            the recipe's `evaluate_threshold`.
        max_detections
            1 or more; None is the recipe's.

        Raises
        ------
        DetectorError, ProposalError
            An unreadable picture, boxes of the wrong shape, an unknown preset, numbers out of
            their bounds.
        """
        return self.detect_in_stages(
            source,
            proposals=proposals,
            preset=preset,
            threshold=threshold,
            max_detections=max_detections,
        )[0]

    def detect_in_stages(
        self,
        source: ImageSource,
        *,
        proposals: Proposals | Floats | None = None,
        preset: str = "visualize",
        threshold: float | None = None,
        max_detections: int | None = None,
    ) -> tuple[Detections, Stages]:
        """The same detections, and the boxes that led to them."""
        image = read_image(source)
        options = self.recipe.postprocess
        if max_detections is not None:
            if not isinstance(max_detections, Integral) or max_detections < 1:
                raise DetectorError(
                    f"max_detections is {max_detections!r}; use 1 or more, a whole number"
                )
            options = replace(options, max_detections=max_detections)
        threshold = self._preset_threshold(preset) if threshold is None else threshold
        if not isinstance(threshold, Real) or not 0 <= threshold <= 1:
            raise DetectorError(f"threshold is {threshold!r}; scores are 0 to 1")
        if proposals is not None:
            proposals = as_boxes(proposals)
        features = self.features(image)
        if proposals is None:
            searched = self.search(image)
            if self._wants_multibox:
                searched = merge_proposals(searched, self.multibox_boxes(features))
            proposals = searched.boxes_xyxy
        stages = self.score_regions(features, proposals, options)
        return self.conclude(image, stages.scored, threshold, options), stages

    def conclude(
        self,
        image: NDArray[np.uint8],
        scored: Candidates,
        threshold: float,
        options: PostprocessOptions,
    ) -> Detections:
        """Detections of an (H, W, 3) photograph from `threshold` up: duplicates suppressed."""
        found = suppress(scored, options)
        keep = found.scores >= threshold
        return Detections(
            boxes_xyxy=found.boxes_xyxy[keep],
            scores=found.scores[keep],
            labels=found.labels[keep],
            class_names=self.info.class_names,
            category_ids=self.info.category_ids,
            image_size=(image.shape[0], image.shape[1]),
            image=image,
        )

    def _preset_threshold(self, preset: str) -> float:
        options = self.recipe.postprocess
        thresholds = {
            "visualize": options.visualize_threshold,
            "evaluate": options.evaluate_threshold,
        }
        if preset not in thresholds:
            raise DetectorError(f"preset {preset!r}: use one of {', '.join(thresholds)}")
        return thresholds[preset]

    def propose(self, source: ImageSource) -> Proposals:
        """Boxes that may hold an object: selective search merged with MultiBox, best first.

        MultiBox takes part where the weights have it and the recipe wants its boxes.
        """
        image = read_image(source)
        searched = self.search(image)
        if not self._wants_multibox:
            return searched
        return merge_proposals(searched, self.multibox_proposals(image))

    def multibox_proposals(self, source: ImageSource, count: int | None = None) -> Proposals:
        """MultiBox's boxes alone, most confident first; `count` None is the recipe's number.

        Raises
        ------
        DetectorError
            If the weights hold no MultiBox.
        """
        return self.multibox_boxes(self.multibox_features(read_image(source)), count)

    def multibox_features(self, image: NDArray[np.uint8]) -> Features:
        """What MultiBox sees of an (H, W, 3) photograph: the first trunk's map of it, once."""
        first_scale = replace(
            self.recipe.network, pyramid=(), mirror=False, more_scales=(), cascade=()
        )
        return see([Member(self.model, "proposer")], image, first_scale, self.device)

    @property
    def _wants_multibox(self) -> bool:
        return self.multibox is not None and self.recipe.multibox.boxes > 0

    def search(self, image: NDArray[np.uint8]) -> Proposals:
        """Selective search alone, as the recipe has it."""
        from proposals import selective_search

        return selective_search(image, **search_options(self.recipe.proposals))

    @torch.no_grad()
    def multibox_boxes(self, features: Features, count: int | None = None) -> Proposals:
        """MultiBox's boxes from what the trunk has seen already."""
        if self.multibox is None:
            raise DetectorError(
                "these weights hold no MultiBox; train it with `detect train --part multibox`"
            )
        count = self.recipe.multibox.boxes if count is None else count
        with mixed_precision(self.device):
            return self.multibox.propose(features.map, *features.size, count)

    def classify(self, source: ImageSource, boxes_xyxy: Proposals | Floats) -> Floats:
        """Probabilities (N, classes + 1) of given boxes, background first, rows summing to 1."""
        return self.answers(self.features(read_image(source)), as_boxes(boxes_xyxy))[0]

    def answers(
        self, features: Features, boxes_xyxy: Floats, likely: Floats | None = None
    ) -> tuple[Floats, Floats]:
        """Probabilities (N, classes + 1) and box deltas (N, classes, 4): the members' mean.

        With `likely` (N,), the probability that each is an object, the recipe's cascade spares
        the members what it can.
        """
        options = self.recipe.network
        if likely is None or not options.cascade:
            return score(self.members, features, boxes_xyxy, options.batch, options.average)
        stages = stages_of(self.members, options.cascade)
        return score_in_stages(stages, features, boxes_xyxy, likely, options)

    def score_regions(
        self, features: Features, boxes_xyxy: Floats, options: PostprocessOptions
    ) -> Stages:
        """Proposals (N, 4), the regions of them that are looked at, and scored boxes."""
        network, first = self.recipe.network, self.members[0]
        return score_regions(first, features, boxes_xyxy, network, options, self.answers)

    def features(self, image: NDArray[np.uint8]) -> Features:
        """One pass of the trunks over an (H, W, 3) RGB photograph."""
        return see(self.members, image, self.recipe.network, self.device)
