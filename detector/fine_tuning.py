"""Fine-tuning a RegionClassifier: losses of a photograph, and layers that stay as they are."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from configs import TrainingOptions
from detector.errors import DetectorError
from detector.regions import RegionClassifier
from detector.sampling import sample_objectness, sample_regions
from detector.training import PartLosses
from detector.training_data import Example
from proposals.multibox import MultiBox

HEAD = ("5a", "5b")  # the stages that the trunk's map goes into


def example_losses(
    model: RegionClassifier,
    example: Example,
    options: TrainingOptions,
    device: torch.device,
    multibox: MultiBox | None = None,
) -> dict[str, Tensor]:
    """Losses of one photograph: classes, boxes (Fast R-CNN's) and the objectness score's.

    With `multibox` its boxes join the example's, found on the map of this very pass.
    """
    rng = np.random.default_rng([options.seed, 4, *example.key])
    boxes = example.boxes_xyxy
    feature_map = model.features(example.image.to(device))
    if multibox is not None:
        with torch.no_grad():
            found = multibox.propose(feature_map.detach(), *example.image.shape[1:])
        boxes = np.concatenate([boxes, found.boxes_xyxy])

    logits = model.objectness(feature_map, torch.from_numpy(boxes).to(device)).float()
    rows, target = sample_objectness(boxes, example.truths, options, rng)
    # Sums over counts, not means: a picture that is all crowd has no regions and loss 0
    objectness = F.binary_cross_entropy_with_logits(
        logits[torch.from_numpy(rows).to(device)],
        torch.from_numpy(target).to(device),
        reduction="sum",
    ) / max(1, len(rows))

    hardness = logits.detach().cpu().numpy()
    regions = sample_regions(boxes, hardness, example.truths, options, rng)
    logits, deltas = model(feature_map, torch.from_numpy(regions.boxes_xyxy).to(device))
    labels = torch.from_numpy(regions.labels).to(device)
    count = max(1, len(labels))
    classes = F.cross_entropy(logits.float(), labels, reduction="sum") / count
    # Regression counts on foreground only, but is divided by all regions: each weighs the same
    foreground = labels.nonzero()[:, 0]
    error = F.smooth_l1_loss(
        deltas.float()[foreground, labels[foreground] - 1],
        torch.from_numpy(regions.deltas).to(device)[foreground],
        reduction="sum",
    )
    box = options.box_weight * error / count
    return {"classes": classes, "boxes": box, "objectness": objectness}


def detector_losses(options: TrainingOptions, multibox: MultiBox | None = None) -> PartLosses:
    """The losses of one photograph, as the training loop asks for them."""

    def losses(
        model: RegionClassifier, example: Example, device: torch.device
    ) -> dict[str, Tensor]:
        return example_losses(model, example, options, device, multibox)

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
