"""The detector: one photograph -> proposals -> regions -> predictions -> detections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple, TypedDict, Unpack, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from detector.errors import DetectorError
from detector.files.digests import hash_of_networks
from detector.given_boxes import as_boxes
from detector.loading import Parts, choose_device, combine, load_parts, survive_forks
from detector.networks.engine import CompiledGoogLeNet, choose_engine
from detector.networks.ensemble import Member, pack
from detector.networks.regions import RegionClassifier
from detector.networks.scoring import Features, predict, region_features, see
from detector.pictures.reading import ImageSource, ScaledPicture, read_scaled
from detector.pictures.streaming import check_several, results_in_order
from detector.postprocess import Candidates, limits, suppress
from detector.recipes import DEFAULT, Recipe
from detector.region_proposer import RegionProposer
from detector.region_scores import choose_regions, objectness_of, score_regions
from detector.results import Detections
from detector.weights_file import WeightsInfo, save_weights
from proposals.multibox import MultiBox
from proposals.result import Proposals

Floats = NDArray[np.float32]


class Trace(NamedTuple):
    """The boxes of one photograph on their way to detections, xyxy in its pixels."""

    proposals_xyxy: Floats  # (N, 4), all of them
    regions_xyxy: Floats  # (K, 4), those that the networks classify
    scored: Candidates  # (region, class) pairs after box regression, before suppression


class Options(TypedDict, total=False):
    """The options of a detection that many pictures share; see `Detector.__call__`."""

    preset: str
    threshold: float | Mapping[str, float] | None
    max_detections: int | None
    agnostic_nms: bool | None


class Detector:
    """Trained networks with their recipe.

    Parameters
    ----------
    members
        All networks that see a photograph, weights in place; the first one is the proposer too.
    recipe
        Proposal, network and post-processing options.
    info
        Class names and dataset category ids.
    device
        Where the networks run: "cpu", "cuda", "cuda:1"; None chooses CUDA if available.
    multibox
        Heads on the first member's trunk that propose boxes; None is selective search alone.
    engine
        What computes the networks: "torch", "openvino" (weights must not change any more), or
        "auto", which is torch.
    """

    def __init__(
        self,
        members: Sequence[Member],
        recipe: Recipe,
        info: WeightsInfo,
        device: str | torch.device | None = None,
        multibox: MultiBox | None = None,
        engine: str = "torch",
    ) -> None:
        self.device = choose_device(device)
        self.members = tuple(members)
        self.multibox = multibox
        for network in self._networks:  # the program may have another default dtype
            network.to(self.device, torch.float32).to(memory_format=torch.channels_last).eval()
        self.engine = choose_engine(engine, self.device)
        for model in {member.model for member in self.members}:
            compiled = CompiledGoogLeNet(model.network) if self.engine == "openvino" else None
            model.compiled = compiled
        survive_forks()
        self.recipe, self.info = recipe, info

    @classmethod
    def load(
        cls,
        name: str | Path = DEFAULT,
        *,
        weights: str | Path | None = None,
        device: str | torch.device | None = None,
        engine: str = "auto",
    ) -> Detector:
        """Load a detector.

        Parameters
        ----------
        name
            A recipe's name ("voc20") or YAML file, which names its weights; or a weights file
            (.safetensors) or run folder, which includes the recipe it was trained with.
        weights
            Other weights (file or run folder) under the recipe `name`, instead of all of its own.
        engine
            What computes the networks: "torch"; "openvino", on CPUs; or "auto", which is torch.

        Raises
        ------
        DetectorError
            Nothing of that name, or a file that holds no detector; an engine that is not there.
        """
        return cls._of(load_parts(name, weights), device, engine)

    @classmethod
    def combine(cls, detectors: Sequence[Detector]) -> Detector:
        """An ensemble in which the networks of all `detectors` vote; they have the same classes.

        The first one proposes: its recipe, MultiBox and objectness score serve all. Layers that
        equal the first one's are held, computed and written once.

        Raises
        ------
        DetectorError
            No detector; detectors of different classes.
        """
        parts = combine([Parts(d.members, d.recipe, d.info, d.multibox) for d in detectors])
        return cls._of(parts, detectors[0].device, detectors[0].engine)

    @classmethod
    def _of(cls, parts: Parts, device: str | torch.device | None, engine: str) -> Detector:
        return cls(parts.members, parts.recipe, parts.info, device, parts.multibox, engine)

    def save(self, path: str | Path) -> None:
        """Write all networks, MultiBox, the recipe and `info` to one weights file; atomic."""
        modes = tuple(member.mode for member in self.members)
        info = replace(self.info, members=modes, recipe=self.recipe.to_dict())
        save_weights(Path(path), pack(self.members), info, self.multibox)

    @property
    def model(self) -> RegionClassifier:
        """The first member's network."""
        return self.members[0].model

    @property
    def class_names(self) -> tuple[str, ...]:
        """The K classes that are detected; label k is the class class_names[k]."""
        return self.info.class_names

    def __repr__(self) -> str:
        modes = [member.mode for member in self.members]
        parts = [f"{count} {mode}" for mode, count in Counter(modes).items()]
        parts += ["MultiBox"] if self.multibox is not None else []
        classes = f"{len(self.class_names)} class{'' if len(self.class_names) == 1 else 'es'}"
        name, networks = self.recipe.name, ", ".join(parts)
        place = f"on {self.device}, by {self.engine}"
        return f"Detector {name}: {classes}; networks: {networks}; {place}"

    def digest(self) -> str:
        """SHA-256 that identifies classes and networks; the file they came from does not matter."""
        modes = [member.mode for member in self.members]
        states = (network.state_dict() for network in self._networks)
        return hash_of_networks(self.info.class_names, modes, states)

    @property
    def _networks(self) -> list[nn.Module]:
        """The members' networks, then MultiBox if there is one."""
        heads = [] if self.multibox is None else [self.multibox]
        return [*(member.model for member in self.members), *heads]

    def __call__(
        self,
        source: ImageSource | ScaledPicture,
        *,
        proposals: Proposals | Floats | None = None,
        preset: str = "visualize",
        threshold: float | Mapping[str, float] | None = None,
        max_detections: int | None = None,
        agnostic_nms: bool | None = None,
    ) -> Detections:
        """Detect objects in one photograph.

        Parameters
        ----------
        source
            Path, open file, bytes, PIL image, array or tensor, as `read_image` takes them; or the
            result of `read_scaled`. Arrays are RGB: reverse those of OpenCV, `frame[:, :, ::-1]`.
        proposals
            Your own boxes, (N, 4) xyxy in the photograph's pixels; None finds them (`propose`).
        preset
            "visualize": detections for drawn pictures; "evaluate": all detections that raise mAP.
            The preset names the recipe's score threshold and the default of `agnostic_nms`.
        threshold
            Lowest score returned, 0 to 1, instead of the preset's, or a dict of them by class name;
            scores up to the recipe's `evaluate_threshold` are always left out.
        max_detections
            1 or more; None is the recipe's.
        agnostic_nms
            Whether an object has one class: of boxes that nearly coincide (IoU over 0.9), only the
            best is kept, whatever their classes. None is the preset's: True to visualize, False to
            evaluate.

        Raises
        ------
        DetectorError, ProposalError
            An unreadable picture, boxes of the wrong shape, an unknown preset, numbers out of
            their bounds.
        """
        detections, _ = self.trace(
            source, proposals=proposals, preset=preset, threshold=threshold,
            max_detections=max_detections, agnostic_nms=agnostic_nms,
        )  # fmt: skip
        return detections

    @overload
    def stream(
        self, sources: Iterable[ImageSource], *, return_exceptions: Literal[False] = ...,
        **options: Unpack[Options],
    ) -> Iterator[Detections]: ...  # fmt: skip
    @overload
    def stream(
        self, sources: Iterable[ImageSource], *, return_exceptions: Literal[True],
        **options: Unpack[Options],
    ) -> Iterator[Detections | DetectorError]: ...  # fmt: skip
    def stream(
        self,
        sources: Iterable[ImageSource],
        *,
        return_exceptions: bool = False,
        **options: Unpack[Options],
    ) -> Iterator[Detections] | Iterator[Detections | DetectorError]:
        """Detect objects in many photographs, one after another: one result each, in order.

        A picture is taken from `sources` when its result is requested, so that only one is in
        memory, unless the caller keeps the results.

        Parameters
        ----------
        sources
            A list or an iterator of pictures as `detector(...)` takes them. Batches of them, a
            tensor (N, 3, H, W) or those of a DataLoader, count as N pictures.
        return_exceptions
            What happens to a picture that cannot be read. False: DetectorError is raised, which
            ends the iterator. True: the DetectorError takes the place of the result, and the next
            picture follows, so that nothing that was detected is lost.
        options
            preset, threshold, max_detections and agnostic_nms, as in `detector(...)`.

        Raises
        ------
        DetectorError
            At once: numbers out of their bounds, or a single picture in place of a collection.
        """
        check_several(sources)
        # Wrong options are refused at once.
        limits(self.recipe.postprocess, self.info.class_names, **options)
        return results_in_order(partial(self, **options), sources, return_exceptions)

    def trace(
        self,
        source: ImageSource | ScaledPicture,
        *,
        proposals: Proposals | Floats | None = None,
        **options: Unpack[Options],
    ) -> tuple[Detections, Trace]:
        """Detect as `detector(...)` does, and return the boxes that led to the detections too."""
        picture = read_scaled(source)
        lowest, agnostic, suppression = limits(
            self.recipe.postprocess, self.info.class_names, **options
        )
        boxes = None if proposals is None else picture.to_pixels(as_boxes(proposals))

        # See: every network's trunk passes over the photograph once.
        features = self.see(picture.pixels)

        # Propose: selective search merged with MultiBox, unless the caller passes boxes.
        if boxes is None:
            boxes = self.proposer.propose(picture.pixels, features).boxes_xyxy

        # Choose the regions that are most likely to hold an object.
        objectness = objectness_of(features, boxes)
        chosen = choose_regions(features, boxes, objectness, self.recipe.network)

        # Predict the classes and the box of every region: one scored box per region and class.
        scored = score_regions(features, boxes[chosen], objectness[chosen], self.recipe)

        # Suppress duplicates, and keep what scores enough.
        kept = suppress(scored, suppression, agnostic=agnostic, lowest_scores=lowest)

        # Report boxes in the pixels of the photograph, of which the networks may see fewer.
        return self.detections(picture, kept), Trace(
            picture.to_photograph(boxes),
            picture.to_photograph(boxes[chosen]),
            scored._replace(boxes_xyxy=picture.to_photograph(scored.boxes_xyxy)),
        )

    @property
    def proposer(self) -> RegionProposer:
        """The part that proposes, with the current recipe."""
        return RegionProposer(self.model, self.multibox, self.recipe, self.device)

    def see(self, image: NDArray[np.uint8]) -> Features:
        """One pass of the networks' trunks over an (H, W, 3) RGB photograph."""
        return see(self.members, image, self.recipe.network, self.device)

    def classify(self, source: ImageSource, boxes_xyxy: Proposals | Floats) -> Floats:
        """Probabilities (N, classes + 1) of given boxes, background first, rows summing to 1."""
        picture = read_scaled(source)
        features = self.see(picture.pixels)
        boxes, average = picture.to_pixels(as_boxes(boxes_xyxy)), self.recipe.network.average
        return predict(features.voters, features, boxes, average).probabilities

    def features(
        self, source: ImageSource | ScaledPicture, boxes_xyxy: Proposals | Floats | None = None
    ) -> tuple[Floats, Floats]:
        """R-CNN's features of boxes, None for the proposals: the boxes (N, 4) and (N, 1024).

        They are the averages over 5b of the first member that classifies.
        """
        picture = read_scaled(source)
        features = self.see(picture.pixels)
        if boxes_xyxy is None:
            boxes = self.proposer.propose(picture.pixels, features).boxes_xyxy
        else:
            boxes = picture.to_pixels(as_boxes(boxes_xyxy))
        return picture.to_photograph(boxes), region_features(features, boxes)

    def propose(self, source: ImageSource) -> Proposals:
        """Boxes that may hold an object: selective search merged with MultiBox, best first."""
        picture = read_scaled(source)
        return picture.proposals_in_photograph(self.proposer.propose(picture.pixels))

    def multibox_proposals(self, source: ImageSource, count: int | None = None) -> Proposals:
        """MultiBox's boxes alone, most confident first; `count` None is the recipe's number.

        Raises
        ------
        DetectorError
            The weights hold no MultiBox.
        """
        picture, proposer = read_scaled(source), self.proposer
        found = proposer.multibox_boxes(proposer.multibox_features(picture.pixels), count)
        return picture.proposals_in_photograph(found)

    def detections(self, picture: ScaledPicture, kept: Candidates) -> Detections:
        """The scored boxes that remain, in the pixels of the photograph, with class names."""
        return Detections(
            boxes_xyxy=picture.to_photograph(kept.boxes_xyxy),
            scores=kept.scores,
            labels=kept.labels,
            class_names=self.info.class_names,
            category_ids=self.info.category_ids,
            image_size=picture.size,
            image=picture.pixels,
        )
