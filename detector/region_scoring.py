"""What the pipeline asks of the network: arrays in, arrays out, whatever the device.

A photograph is seen once (`see`); every question about its regions is answered from that.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from configs import NetworkOptions
from detector.regions import DELTA_SCALE, RegionClassifier, mixed_precision, resize_for_network

Floats = NDArray[np.float32]


class Features(NamedTuple):
    """A photograph as the trunk sees it, once for proposals and classification alike."""

    map: Tensor  # (1, 832, ~h/16, ~w/16) of the resized photograph
    factors: Floats  # (4,) x, y, x, y: from the photograph's pixels to the resized one's
    size: tuple[int, int]  # the photograph's height and width

    def scaled(self, boxes_xyxy: Floats) -> Tensor:
        """Boxes (N, 4) of the photograph in pixels of the resized one, beside the map."""
        return torch.from_numpy(boxes_xyxy * self.factors).to(self.map.device)


@torch.inference_mode()
def see(
    model: RegionClassifier,
    image: NDArray[np.uint8],
    options: NetworkOptions,
    device: torch.device,
) -> Features:
    """One pass of the trunk over an (H, W, 3) RGB photograph."""
    resized, factors = resize_for_network(image, options)
    with mixed_precision(device):
        tensor = torch.from_numpy(resized).to(device).permute(2, 0, 1)
        return Features(model.features(tensor), factors, (image.shape[0], image.shape[1]))


@torch.inference_mode()
def objectness(model: RegionClassifier, features: Features, boxes_xyxy: Floats) -> Floats:
    """Probability (N,) that a box holds an object of any class; cheap."""
    with mixed_precision(features.map.device):
        logits = model.objectness(features.map, features.scaled(boxes_xyxy))
    return logits.float().sigmoid().cpu().numpy()


@torch.inference_mode()
def score(
    model: RegionClassifier, features: Features, boxes_xyxy: Floats, batch: int
) -> tuple[Floats, Floats]:
    """Probabilities (N, classes + 1) and box deltas (N, classes, 4), `batch` boxes a pass."""
    probabilities = np.zeros((len(boxes_xyxy), model.classes + 1), np.float32)
    deltas = np.zeros((len(boxes_xyxy), model.classes, 4), np.float32)
    for first in range(0, len(boxes_xyxy), batch):
        rows = slice(first, first + batch)
        with mixed_precision(features.map.device):
            logits, delta = model(features.map, features.scaled(boxes_xyxy[rows]))
        probabilities[rows] = logits.float().softmax(1).cpu().numpy()
        deltas[rows] = delta.float().cpu().numpy() * DELTA_SCALE
    return probabilities, deltas
