"""MultiBox's training targets and losses (Erhan et al. 2014, section 3).

Every object is assigned to one prior, and no prior to two objects, so that the sum of squared
distances is smallest. The location loss pulls an assigned prior's box to its object; the confidence
loss pulls assigned priors to 1 and all others to 0:

    F = alpha * 1/2 sum |l_i - g_j|^2  -  sum log c_i  -  sum log(1 - c_i)
              (assigned pairs)          (assigned)       (the others)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from proposals.boxes import covered_share, intersection_over_union
from proposals.multibox_priors import Priors

Floats = NDArray[np.float32]
UNUSED, BACKGROUND = -2, -1


class Targets(NamedTuple):
    """Training targets of the K priors for one picture."""

    truth: NDArray[np.int64]  # (K,) row of the object, BACKGROUND, or UNUSED (no loss)
    locations: Floats  # (K, 4) in units of the priors' std; 0 for priors without an object


def assign(
    priors: Priors, boxes_xyxy: Floats, ignored: NDArray[np.bool_], extra_iou: float = 0.0
) -> Targets:
    """Assign every object to a prior.

    Parameters
    ----------
    boxes_xyxy
        (T, 4) objects in shares of the picture.
    ignored
        (T,) bool, True for objects without targets (difficult, crowds). Priors whose IoU with one
        reaches 0.5, or that lie in one by more than half, have no confidence loss.
    extra_iou
        If above 0, a prior whose IoU with an object reaches this number is assigned to the object
        it overlaps most, too. The papers assign one to one (0).
    """
    from scipy.optimize import linear_sum_assignment

    truth = np.full(len(priors.mean), BACKGROUND, np.int64)
    usable = np.flatnonzero(~ignored)
    overlap = intersection_over_union(priors.mean, boxes_xyxy)
    if ignored.any():
        truth[covered_share(priors.mean, boxes_xyxy[ignored]) > 0.5] = UNUSED
        truth[overlap[:, ignored].max(axis=1) >= 0.5] = UNUSED
    if len(usable) and extra_iou:
        best = usable[overlap[:, usable].argmax(axis=1)]
        near = overlap[:, usable].max(axis=1) >= extra_iou
        truth[near] = best[near]
    if len(usable):
        # In units of the priors' deviation, small and large objects count equally.
        steps = (boxes_xyxy[usable, None] - priors.mean) / priors.std
        rows, columns = linear_sum_assignment((steps**2).sum(axis=2))
        truth[columns] = usable[rows]
    locations = np.zeros_like(priors.mean)
    assigned = np.flatnonzero(truth >= 0)
    goal = boxes_xyxy[truth[assigned]]
    locations[assigned] = (goal - priors.mean[assigned]) / priors.std[assigned]
    return Targets(truth, locations)


def multibox_losses(
    outputs: Tensor, logits: Tensor, truth: Tensor, locations: Tensor, alpha: float
) -> dict[str, Tensor]:
    """Location and confidence loss of a batch, both divided by the number of objects.

    Parameters
    ----------
    outputs, logits
        (N, K, 4) and (N, K), the network's outputs.
    truth, locations
        (N, K) and (N, K, 4): `Targets` of every picture.
    alpha
        Weight of the location loss.
    """
    assigned = truth >= 0
    objects = assigned.sum().clamp(min=1)
    error = outputs[assigned] - locations[assigned]
    location = alpha * 0.5 * (error**2).sum() / objects
    used = truth != UNUSED
    confidence = F.binary_cross_entropy_with_logits(
        logits[used], assigned[used].float(), reduction="sum"
    )
    return {"locations": location, "confidence": confidence / objects}


def stack(targets: list[Targets]) -> tuple[Tensor, Tensor]:
    """Stack the targets of several pictures into tensors (N, K) and (N, K, 4)."""
    truth = torch.from_numpy(np.stack([target.truth for target in targets]))
    return truth, torch.from_numpy(np.stack([target.locations for target in targets]))
