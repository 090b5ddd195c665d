"""Learning from what a teacher answers, not from the right class alone (arXiv 1503.02531).

The teacher is any detector of the same classes, such as an ensemble that is too slow to keep. It
sees the very picture its pupil learns from, mirrored and distorted as that is, at its own scale.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from detector.networks.scoring import score, see
from detector.pipeline import Detector
from detector.recipes import TrainingOptions
from detector.training.photographs import Example
from detector.training.region_sampling import Regions


@torch.no_grad()
def teach(teacher: Detector, example: Example, boxes_xyxy: NDArray[np.float32]) -> Tensor:
    """Class probabilities (R, classes + 1) that the teacher gives regions (R, 4) of an example.

    It looks at the largest of the example's pictures.
    """
    sizes = [image.shape[1] * image.shape[2] for image in example.images]
    largest = int(np.argmax(sizes))
    # On a GPU already where several processes learn: DistributedDataParallel takes parts there
    picture = example.images[largest].permute(1, 2, 0).contiguous().cpu().numpy()
    options = teacher.recipe.network
    features = see(teacher.members, picture, options, teacher.device)
    boxes = boxes_xyxy * example.factors[largest].cpu().numpy()
    probabilities, _ = score(teacher.members, features, boxes, options.batch, options.average)
    return torch.from_numpy(probabilities)


def taught_classes(
    logits: Tensor, taught: Tensor, regions: Regions, options: TrainingOptions
) -> Tensor:
    """Cross-entropy (R,) against a target that is the teacher's to its share, else the truth.

    Label smoothing spreads its part of that target over all classes.
    """
    labels = torch.from_numpy(regions.labels).to(logits.device)
    truth = F.one_hot(labels, logits.shape[1]).float()
    share = options.teacher_share
    target = share * taught.to(logits.device) + (1 - share) * truth
    return F.cross_entropy(
        logits.float(), target, reduction="none", label_smoothing=options.label_smoothing
    )
