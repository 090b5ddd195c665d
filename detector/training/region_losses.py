"""The loss of each region, by class and by box."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from detector.recipes import TrainingOptions
from detector.training.region_sampling import Regions


class RegionLosses(NamedTuple):
    """Losses of R regions, (R,) each; `boxes` is 0 for background."""

    classes: Tensor
    boxes: Tensor


def region_losses(
    logits: Tensor, deltas: Tensor, regions: Regions, options: TrainingOptions
) -> RegionLosses:
    """Cross-entropy of the class, and Fast R-CNN's smooth L1 loss of the true class's box.

    Parameters
    ----------
    logits, deltas
        (R, classes + 1) and (R, classes, 4), as predicted by the network.
    """
    labels = torch.from_numpy(regions.labels).to(logits.device)
    classes = F.cross_entropy(
        logits.float(), labels, reduction="none", label_smoothing=options.label_smoothing
    )
    target = torch.from_numpy(regions.deltas).to(logits.device)
    rows = torch.arange(len(labels), device=logits.device)
    predicted = deltas.float()[rows, (labels - 1).clamp(min=0)]
    error = F.smooth_l1_loss(predicted, target, reduction="none").sum(1)
    return RegionLosses(classes, options.box_weight * error * (labels > 0))
