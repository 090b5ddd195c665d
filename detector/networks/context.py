"""The context of a region: 5b's averages over the region enlarged.

A bird is small, but the sky around it is large. The fourth max pool, 5a and 5b run once over the
maps of the whole photograph, which costs as much as a dozen regions, and every enlarged region is
an average of 4x4 points of the result (as in MR-CNN, arXiv 1505.01749, but shared by all regions).
"""

from __future__ import annotations

import torch
from torch import Tensor

from detector.networks.pyramid import Pyramid

POINTS = 4  # per side of an enlarged region, whose bilinear samples are averaged


def surroundings(cells: Pyramid, boxes_xyxy: Tensor, factors: Tensor) -> Tensor:
    """Averages over enlarged regions.

    Parameters
    ----------
    cells
        5b's maps of the photograph.
    boxes_xyxy
        Regions (N, 4) in the photograph's pixels.
    factors
        (K,): each multiplies a region's sides about its centre; a large factor covers the whole
        photograph.

    Returns
    -------
    (N, K * 1024), the first factor's channels first.
    """
    grown = torch.stack([enlarge(boxes_xyxy, factor) for factor in factors], 1)
    inside = grown.minimum(cells.extent.repeat(2)).clamp(min=0).flatten(0, 1)
    channels = cells.maps[0].shape[1]
    return cells.cut(inside, 1, POINTS).reshape(-1, len(factors) * channels)


def enlarge(boxes_xyxy: Tensor, factor: Tensor) -> Tensor:
    """Boxes (N, 4) with `factor` times the sides about the same centres."""
    low, high = boxes_xyxy[:, :2], boxes_xyxy[:, 2:]
    centre, half = (low + high) / 2, factor * (high - low) / 2
    return torch.cat([centre - half, centre + half], 1)
