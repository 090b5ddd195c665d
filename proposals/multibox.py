"""MultiBox: class-agnostic boxes and confidences from one pass over the picture.

Erhan et al. 2014 (arXiv 1312.2249), with the convolutional heads and grid priors of its second
version (Szegedy et al., arXiv 1412.1441). MultiBox takes the trunk's feature map as input, so that
in a detector one map serves both proposals and classification.

    map -> pooled to 32x32 (the whole picture, squashed) -> 32, 16, 8, 4, 2 cells per side
    every cell -> for each of its priors four corners and a confidence -> NMS -> 200 boxes
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from proposals.boxes import clip_boxes
from proposals.multibox_priors import Priors
from proposals.result import ProposalError, Proposals
from proposals.suppression import non_maximum_suppression

BOXES = 200  # GoogLeNet paper, section 8
NMS_IOU = 0.5
CANDIDATES = 2000  # number of boxes, the most confident ones, that enter the suppression


class MultiBox(nn.Module):
    """Heads on a trunk's feature map.

    Parameters
    ----------
    priors
        K boxes in the order grid, row, column, shape (`grid_priors`).
    grids, shapes
        Cells per side of each grid, each half of the previous grid's; priors per cell of each.
    inputs
        Channels of the trunk's map.
    channels
        Channels of the reduced map; the levels after the first have twice as many.
    """

    priors_mean: Tensor
    priors_std: Tensor

    def __init__(
        self,
        priors: Priors,
        grids: Sequence[int],
        shapes: Sequence[int],
        inputs: int = 832,
        channels: int = 128,
    ) -> None:
        super().__init__()
        expected = sum(grid * grid * count for grid, count in zip(grids, shapes, strict=True))
        if len(priors.mean) != expected:
            raise ProposalError(
                f"MultiBox: {len(priors.mean)} priors, but the grids hold {expected}; "
                "make them with grid_priors(boxes, grids, shapes)"
            )
        self.register_buffer("priors_mean", torch.from_numpy(priors.mean))
        self.register_buffer("priors_std", torch.from_numpy(priors.std))
        self.register_buffer("layout", torch.tensor([list(grids), list(shapes)]))
        self.grids = tuple(grids)
        self.reduce = nn.Conv2d(inputs, channels, 1)
        widths = [channels] + [2 * channels] * (len(grids) - 1)
        # The first level keeps the grid; every further level has stride 2.
        self.levels = nn.ModuleList(
            nn.Conv2d(channels if i == 0 else widths[i - 1], width, 3, 2 if i else 1, 1)
            for i, width in enumerate(widths)
        )
        self.heads = nn.ModuleList(
            nn.Conv2d(width, 5 * count, 1) for width, count in zip(widths, shapes, strict=True)
        )
        for layer in (self.reduce, *self.levels):
            nn.init.kaiming_normal_(cast(Tensor, layer.weight), nonlinearity="relu")
            nn.init.zeros_(cast(Tensor, layer.bias))
        for head in self.heads:
            nn.init.normal_(cast(Tensor, head.weight), std=0.01)
            with torch.no_grad():
                bias = cast(Tensor, head.bias).view(-1, 5)
                bias.zero_()
                bias[:, 4] = -6.0  # few priors match an object: sigmoid(-6) is about 1 in 400

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> MultiBox:
        """Rebuild a network from its state dict, which holds priors and layout."""
        mean, std = state["priors_mean"].float().numpy(), state["priors_std"].float().numpy()
        grids, shapes = state["layout"].int().tolist()
        channels, inputs = state["reduce.weight"].shape[:2]
        model = cls(Priors(mean, std), grids, shapes, inputs, channels)
        model.load_state_dict(dict(state))
        return model

    def forward(self, feature_map: Tensor) -> tuple[Tensor, Tensor]:
        """Map (N, C, H, W) -> outputs (N, K, 4) in units of the priors' std, logits (N, K)."""
        x = F.relu(self.reduce(self.squash(feature_map)))
        predictions = []
        for level, head in zip(self.levels, self.heads, strict=True):
            x = F.relu(level(x))
            predictions.append(head(x).permute(0, 2, 3, 1).reshape(len(x), -1, 5))
        joined = torch.cat(predictions, 1).float()
        return joined[..., :4], joined[..., 4]

    def squash(self, feature_map: Tensor) -> Tensor:
        """Pool a map of any size to the finest grid; MultiBox squashes the picture likewise."""
        return F.adaptive_avg_pool2d(feature_map, self.grids[0])

    def decode(self, outputs: Tensor) -> Tensor:
        """Outputs (..., K, 4) -> clipped, ordered corners in shares of the picture's sides."""
        corners = (outputs * self.priors_std + self.priors_mean).clamp(0, 1)
        first, second = corners[..., :2], corners[..., 2:]
        return torch.cat([torch.minimum(first, second), torch.maximum(first, second)], -1)

    def propose(
        self, feature_map: Tensor, height: int, width: int, count: int = BOXES
    ) -> Proposals:
        """Propose boxes for one picture of `height` x `width` pixels from its map (1, C, H, W).

        Returns
        -------
        Proposals
            At most `count`, most confident first; scores are the confidences in (0, 1).
        """
        outputs, logits = self(feature_map)
        confidence = logits[0].sigmoid().cpu()
        best = confidence.topk(min(CANDIDATES, len(confidence))).indices
        corners = self.decode(outputs)[0].cpu()[best].numpy()
        boxes = clip_boxes(corners * np.array([width, height] * 2, np.float32), height, width)
        scores = confidence[best].numpy()
        is_visible = ((boxes[:, 2:] - boxes[:, :2]) >= 1).all(axis=1)
        boxes, scores = boxes[is_visible], scores[is_visible]
        keep = non_maximum_suppression(boxes, scores, NMS_IOU)[:count]
        return Proposals(boxes[keep], scores[keep], np.full(len(keep), "multibox"))
