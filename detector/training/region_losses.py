"""What regions cost: the loss of each by class and box, and the choice of those that cost most."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import nms

from detector.recipes import TrainingOptions
from detector.training.region_sampling import Regions

OHEM_CANDIDATES = 4  # times the regions that are learned from
OHEM_NMS = 0.7  # Shrivastava et al., section 4: near-duplicates share one object's loss


class RegionLosses(NamedTuple):
    """Losses of each of R regions, (R,) both; boxes is 0 for background."""

    classes: Tensor
    boxes: Tensor


def region_losses(
    logits: Tensor, deltas: Tensor, regions: Regions, options: TrainingOptions
) -> RegionLosses:
    """Cross-entropy of the class, and Fast R-CNN's smooth L1 of the right class's box.

    Parameters
    ----------
    logits, deltas
        (R, classes + 1) and (R, classes, 4), as the network answers.
    """
    labels = torch.from_numpy(regions.labels).to(logits.device)
    classes = F.cross_entropy(
        logits.float(), labels, reduction="none", label_smoothing=options.label_smoothing
    )
    target = torch.from_numpy(regions.deltas).to(logits.device)
    rows = torch.arange(len(labels), device=logits.device)
    found = deltas.float()[rows, (labels - 1).clamp(min=0)]
    error = F.smooth_l1_loss(found, target, reduction="none").sum(1)
    return RegionLosses(classes, options.box_weight * error * (labels > 0))


def hardest(boxes_xyxy: NDArray[np.float32], losses: Tensor, count: int) -> NDArray[np.int64]:
    """Rows of the `count` regions with the largest losses (R,), near-duplicates left out (OHEM).

    Online hard example mining (Shrivastava et al. 2016, arXiv 1604.03540): regions that overlap a
    costlier one by more than IoU .7 go first.
    """
    kept = nms(torch.from_numpy(boxes_xyxy), losses.detach().float().cpu(), OHEM_NMS)
    return np.asarray(kept[:count].numpy(), np.int64)
