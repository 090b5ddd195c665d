"""A cheap score of every proposal, which ranks them to choose the regions worth classifying."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from detector.networks.googlenet import TRUNK_CHANNELS
from detector.networks.precision import in_float32
from detector.networks.pyramid import Pyramid


class Objectness(nn.Module):
    """Class-agnostic score of a proposal from 64 channels of the trunk's map, 7x7 cells.

    It costs about 1/250 of the head's work per region.
    """

    channels, size, rows = 64, 7, 256

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Conv2d(TRUNK_CHANNELS, self.channels, 1)
        self.hidden = nn.Linear(self.channels * self.size**2, 128)
        self.score = nn.Linear(128, 1)

    def forward(self, pyramid: Pyramid, boxes_xyxy: Tensor) -> Tensor:
        """Maps and boxes (N, 4) -> logits (N,): higher = likelier to hold an object."""
        return self.score_boxes(self.reduce(pyramid), boxes_xyxy)

    def reduce(self, pyramid: Pyramid) -> Pyramid:
        """The 64 channels of the maps that the score reads."""
        return pyramid.through(lambda m: F.relu(self.project(m)))

    def score_boxes(self, reduced: Pyramid, boxes_xyxy: Tensor) -> Tensor:
        """The output of `reduce` and boxes (N, 4) -> logits (N,)."""
        regions = reduced.cut(boxes_xyxy, self.size)
        # Channels last is the order in memory
        cells = regions.permute(0, 2, 3, 1).flatten(1)
        # oneDNN compiles code for every number of rows, so there should be few different ones
        cells = F.pad(cells, (0, 0, 0, -cells.shape[0] % self.rows))
        hidden = F.relu(self.hidden(cells))
        return in_float32(self.score, hidden)[: regions.shape[0], 0]
