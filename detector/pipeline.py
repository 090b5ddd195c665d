"""The detector: proposals -> regions -> detections, for one photograph."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from configs import PostprocessOptions, Recipe, load_recipe, recipe_from_dict, recipe_names
from detector.errors import DetectorError
from detector.images import ImageSource, read_image
from detector.postprocess import Candidates, Scored, candidates, decode, suppress
from detector.regions import DELTA_SCALE, RegionClassifier, mixed_precision, resize_for_network
from detector.results import Detections
from detector.weights_file import WEIGHTS_FOLDER, WeightsInfo, load_weights
from proposals.result import Proposals

if TYPE_CHECKING:
    from torch import Tensor

Floats = NDArray[np.float32]
DEFAULT = "voc20"


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
        Where the network runs: "cpu", "cuda", "cuda:1"; None chooses CUDA where there is one.
    """

    def __init__(
        self,
        model: RegionClassifier,
        recipe: Recipe,
        info: WeightsInfo,
        device: str | torch.device | None = None,
    ) -> None:
        self.device = choose_device(device)
        self.model = model.to(self.device).to(memory_format=torch.channels_last).eval()
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
            Other weights (file or run folder) under the recipe `name`.

        Raises
        ------
        DetectorError, RecipeError
            Nothing of that name, or a file that holds no detector.
        """
        recipe = None if _holds_weights(Path(name)) else load_recipe(name)
        path = _weights_path(Path(weights or name), recipe if weights is None else None)
        tensors, info = load_weights(path)
        model = RegionClassifier(len(info.class_names))
        try:
            model.load_state_dict(tensors)
        except RuntimeError:
            raise DetectorError(
                f"{path}: its tensors do not fit this version's network; train again"
            ) from None
        if recipe is None:
            recipe = recipe_from_dict(info.recipe, where=f"{path}: recipe")
        return cls(model, recipe, info, device)

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
            Your own boxes, (N, 4) xyxy in pixels; None runs selective search.
        preset
            "visualize": a picture a person likes; "evaluate": all that helps mAP. Names the
            recipe's score threshold.
        threshold
            Lowest score returned, 0..1, instead of the preset's.
        max_detections
            None is the recipe's.

        Raises
        ------
        DetectorError, ProposalError
            An unreadable picture, boxes of the wrong shape, an unknown preset.
        """
        image = read_image(source)
        boxes = self.propose(image).boxes_xyxy if proposals is None else _boxes(proposals)
        options = self.recipe.postprocess
        if max_detections is not None:
            options = replace(options, max_detections=max_detections)
        threshold = self._preset_threshold(preset) if threshold is None else threshold
        found = self.detect_regions(image, boxes, options)
        keep = found.scores > threshold
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

    def propose(self, image: NDArray[np.uint8]) -> Proposals:
        """Selective search as the recipe has it."""
        from proposals import selective_search

        options = self.recipe.proposals
        return selective_search(
            image,
            mode=options.mode,
            superpixel_scale=options.superpixel_scale,
            seed=options.seed,
            width=options.width or None,
            min_side=options.min_side,
        )

    def classify(self, source: ImageSource, boxes_xyxy: Proposals | Floats) -> Floats:
        """Probabilities (N, classes + 1) of given boxes, background first, rows summing to 1."""
        boxes = _boxes(boxes_xyxy)
        with torch.inference_mode():
            feature_map, factors = self.features(read_image(source))
            return self.score(feature_map, boxes, factors)[0]

    @torch.inference_mode()
    def detect_regions(
        self, image: NDArray[np.uint8], boxes: Floats, options: PostprocessOptions
    ) -> Candidates:
        """Score proposals (N, 4) and suppress duplicates; every score over `evaluate_threshold`.

        A score is the class's probability times that of being an object at all, as MultiBox
        multiplies its two confidences (arXiv 1312.2249).
        """
        size = (image.shape[0], image.shape[1])
        feature_map, factors = self.features(image)

        def score(boxes: Floats, objectness: Floats) -> Candidates:
            probabilities, deltas = self.score(feature_map, boxes, factors)
            probabilities[:, 1:] *= objectness[:, None]
            decoded = decode(boxes, deltas, size)
            return candidates(Scored(probabilities, decoded), options.evaluate_threshold)

        objectness = self.objectness(feature_map, boxes, factors)
        best = self.select(objectness)
        found = score(boxes[best], objectness[best])
        for _ in range(options.refine):
            best_boxes = replace(options, max_detections=options.refine_boxes)
            again = suppress(found, best_boxes).boxes_xyxy
            found = found.join(score(again, self.objectness(feature_map, again, factors)))
        return suppress(found, options)

    def features(self, image: NDArray[np.uint8]) -> tuple[Tensor, Floats]:
        """The trunk's map of a photograph, and the factors that take boxes to network pixels."""
        resized, factors = resize_for_network(image, self.recipe.network)
        with mixed_precision(self.device):
            tensor = torch.from_numpy(resized).to(self.device).permute(2, 0, 1)
            return self.model.features(tensor), factors

    def objectness(self, feature_map: Tensor, boxes: Floats, factors: Floats) -> Floats:
        """Probability (N,) that a box holds an object of any class; cheap."""
        with mixed_precision(self.device):
            logits = self.model.objectness(feature_map, self._to_network(boxes, factors))
        return logits.float().sigmoid().cpu().numpy()

    def select(self, objectness: Floats) -> NDArray[np.int64]:
        """Rows of the `keep` likeliest objects, likeliest first; the head sees no others."""
        order = np.argsort(-objectness, kind="stable")
        return order[: self.recipe.network.keep or None]

    def score(self, feature_map: Tensor, boxes: Floats, factors: Floats) -> tuple[Floats, Floats]:
        """Probabilities (N, classes + 1) and box deltas (N, classes, 4) of boxes, in batches."""
        classes = self.model.classes
        probabilities = np.zeros((len(boxes), classes + 1), np.float32)
        deltas = np.zeros((len(boxes), classes, 4), np.float32)
        batch = self.recipe.network.batch
        for first in range(0, len(boxes), batch):
            rows = slice(first, first + batch)
            with mixed_precision(self.device):
                logits, delta = self.model(feature_map, self._to_network(boxes[rows], factors))
            probabilities[rows] = logits.float().softmax(1).cpu().numpy()
            deltas[rows] = delta.float().cpu().numpy() * DELTA_SCALE
        return probabilities, deltas

    def _to_network(self, boxes: Floats, factors: Floats) -> Tensor:
        return torch.from_numpy(boxes * factors).to(self.device)


def _holds_weights(path: Path) -> bool:
    if str(path) in recipe_names():  # also where a folder of that name lies about
        return False
    is_other_file = path.is_file() and path.suffix not in (".yaml", ".yml")
    return path.suffix == ".safetensors" or path.is_dir() or is_other_file


def _weights_path(path: Path, recipe: Recipe | None) -> Path:
    """The weights file of a recipe, else the one that `path` (a file or run folder) stands for."""
    if recipe is not None:
        if not recipe.weights:
            raise DetectorError(f"recipe {recipe.name!r} names no weights; give --weights FILE")
        path = Path(recipe.weights)
        return path if path.parent != Path() else WEIGHTS_FOLDER / path
    if path.is_dir():
        path = path / "weights.safetensors"
        if not path.is_file():
            raise DetectorError(f"{path}: not there; finish this run folder with `detect train`")
    return path


def choose_device(device: str | torch.device | None) -> torch.device:
    """The named device, or CUDA where there is one, else the CPU."""
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.zeros(1, device=chosen)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise DetectorError(f"device {str(device)!r}: {reason}; use cpu, cuda or cuda:N") from None
    return chosen


def _boxes(boxes: Any) -> Floats:
    """(N, 4) float32 from Proposals or anything array-like."""
    expected = "proposals: expected finite (N, 4) boxes [x1, y1, x2, y2], got"
    try:
        array = np.asarray(getattr(boxes, "boxes_xyxy", boxes), np.float32)
    except (TypeError, ValueError):
        raise DetectorError(f"{expected} {boxes!r:.60}") from None
    if array.shape == (0,):  # an empty list: no boxes
        return array.reshape(0, 4)
    if array.ndim != 2 or array.shape[1] != 4 or not np.isfinite(array).all():
        raise DetectorError(f"{expected} shape {array.shape}")
    return array
