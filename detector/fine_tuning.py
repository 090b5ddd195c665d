"""Fine-tuning a RegionClassifier: losses of a photograph, and layers that stay as they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from configs import TrainingOptions
from detector.distillation import taught_classes, teach
from detector.errors import DetectorError
from detector.pipeline import Detector
from detector.pyramid import Pyramid
from detector.region_losses import OHEM_CANDIDATES, hardest, region_losses
from detector.regions import RegionClassifier
from detector.sampling import Regions, Truths, sample_objectness, sample_regions
from detector.training import PartLosses
from detector.training_data import Example
from proposals.multibox import BOXES, MultiBox

Floats = NDArray[np.float32]
HEAD = ("5a", "5b")  # the stages that the trunk's map goes into


def example_losses(
    model: RegionClassifier,
    example: Example,
    options: TrainingOptions,
    device: torch.device,
    multibox: MultiBox | None = None,
    teacher: Detector | None = None,
    multibox_boxes: int = BOXES,
) -> dict[str, Tensor]:
    """Losses of one photograph: classes, boxes (Fast R-CNN's) and the objectness score's.

    With `multibox` its best boxes join the example's, found on the map of this very pass.
    With `teacher` its answers are part of what classes should be.
    """
    rng = np.random.default_rng([options.seed, 4, *example.key])
    boxes = example.boxes_xyxy
    maps = [model.features(image.to(device)) for image in example.images]
    pyramid = Pyramid(maps, example.factors.to(device))
    if multibox is not None:
        with torch.no_grad():
            found = multibox.propose(maps[0].detach(), *example.size, multibox_boxes)
        boxes = np.concatenate([boxes, found.boxes_xyxy])

    logits = model.objectness(pyramid, torch.from_numpy(boxes).to(device)).float()
    rows, target = sample_objectness(boxes, example.truths, options, rng)
    # Sums over counts, not means: a picture that is all crowd has no regions and loss 0
    objectness = F.binary_cross_entropy_with_logits(
        logits[torch.from_numpy(rows).to(device)],
        torch.from_numpy(target).to(device),
        reduction="sum",
    ) / max(1, len(rows))

    hardness = logits.detach().cpu().numpy()
    if options.ohem:
        regions = _hard_regions(model, pyramid, boxes, hardness, example.truths, options, rng)
    else:
        regions = sample_regions(boxes, hardness, example.truths, options, rng)
    logits, deltas = model(pyramid, torch.from_numpy(regions.boxes_xyxy).to(device))
    losses = region_losses(logits, deltas, regions, options)
    # Regression counts on foreground only, but is divided by all regions: each weighs the same
    count = max(1, len(regions.labels))
    classes, box = losses.classes.sum() / count, losses.boxes.sum() / count
    if teacher is not None:
        taught = teach(teacher, example, regions.boxes_xyxy).to(device)
        classes = taught_classes(logits, taught, regions, options).sum() / count
    return {"classes": classes, "boxes": box, "objectness": objectness}


def _hard_regions(
    model: RegionClassifier,
    pyramid: Pyramid,
    boxes_xyxy: Floats,
    hardness: Floats,
    truths: Truths,
    options: TrainingOptions,
    rng: np.random.Generator,
) -> Regions:
    """Of several times as many sampled regions, those that the network answers worst now."""
    more = replace(options, regions_per_image=OHEM_CANDIDATES * options.regions_per_image)
    regions = sample_regions(boxes_xyxy, hardness, truths, more, rng)
    learning = model.training
    model.eval()  # scored without dropout
    with torch.no_grad():
        boxes = torch.from_numpy(regions.boxes_xyxy).to(pyramid.factors.device)
        logits, deltas = model(pyramid, boxes)
        losses = region_losses(logits, deltas, regions, options)
    model.train(learning)
    torch.clear_autocast_cache()  # else the next pass might reuse casts made without gradients
    rows = hardest(regions.boxes_xyxy, losses.classes + losses.boxes, options.regions_per_image)
    return Regions(regions.boxes_xyxy[rows], regions.labels[rows], regions.deltas[rows])


def detector_losses(
    options: TrainingOptions,
    multibox: MultiBox | None = None,
    teacher: Detector | None = None,
    multibox_boxes: int = BOXES,
) -> PartLosses:
    """The losses of one photograph, as the training loop asks for them."""

    def losses(
        model: RegionClassifier, example: Example, device: torch.device
    ) -> dict[str, Tensor]:
        return example_losses(model, example, options, device, multibox, teacher, multibox_boxes)

    return losses


def freeze_until(model: RegionClassifier, last: str) -> None:
    """Keep the ImageNet weights of the trunk's layers up to and including `last`."""
    names = [name for name, _ in model.network.stages()]
    if last and last not in names:
        raise DetectorError(f"training.freeze: no layer {last!r}; use one of {', '.join(names)}")
    if last:
        for _, layer in list(model.network.stages())[: names.index(last) + 1]:
            layer.requires_grad_(False)


def trunk_is_frozen(model: RegionClassifier) -> bool:
    """Whether all that makes the trunk's map keeps its weights."""
    trunk = [layer for name, layer in model.network.stages() if name not in HEAD]
    return not any(parameter.requires_grad for layer in trunk for parameter in layer.parameters())
