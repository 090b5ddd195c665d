"""The region classifier: one network, read in two ways.

Shared mode: one trunk pass per photograph, a head per region.

    photograph, at each scale -> trunk (to 4e, stride 16) -> maps
    maps, proposals -> objectness: a cheap score that chooses the regions to classify
    maps, proposals -> RoIAlign 14x14 -> fourth max pool -> 5a, 5b -> average -> classes, boxes
    maps -> fourth max pool, 5a, 5b -> averages around each proposal -> classes (`context`)

A region of 14x14 cells goes through GoogLeNet's own fourth max pool, so that 5a and 5b see 7x7
inputs like those their ImageNet weights were trained on. RoIAlign straight to 7x7 would skip the
pool; with frozen features, that halves the mAP.

Warp mode (R-CNN and the paper): every region is cut out and goes through the whole network.

    photograph, proposals -> crops of 224x224 (warp.py) -> trunk -> 5a, 5b -> the same
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from detector.errors import DetectorError
from detector.networks.context import surroundings
from detector.networks.engine import CompiledGoogLeNet
from detector.networks.googlenet import (
    HEAD_CHANNELS,
    TRUNK_STRIDE,
    AuxiliaryClassifier,
    GoogLeNet,
    preprocess,
)
from detector.networks.objectness import Objectness
from detector.networks.precision import in_float32
from detector.networks.pyramid import Pyramid, together
from detector.networks.warp import PADDING

REGION_SIZE = 14  # cells of RoIAlign, before the fourth max pool
PLACE_CHANNELS = 64  # of 5b's 1024, for box regression
# Photographs enter the trunk on canvases whose sides are multiples of this, because oneDNN compiles
# every layer again for each size of input, which takes twice as long as the pass itself
CANVAS = 64  # pixels


class CropPredictions(NamedTuple):
    """The network's outputs for N crops, as training needs them."""

    logits: Tensor  # (N, classes + 1), background first
    deltas: Tensor  # (N, classes, 4), divided by `DELTA_SCALE`
    auxiliary: list[Tensor]  # (N, classes + 1) each: logits of the side classifiers, if any


class RegionClassifier(nn.Module):
    """GoogLeNet with a classifier over classes + background and box regression.

    Box regression is the same for all classes, so that rare classes profit from the others' boxes.
    It reads the 7x7 cells of 5b, since their average has lost an object's place.

    Parameters
    ----------
    classes
        Number of classes, background not counted.
    context
        Factors by which a region is enlarged to see its context; empty if it sees none. Only shared
        mode has context.
    padding
        Pixels of a crop around the box (`warp_regions`), in warp mode.
    auxiliary
        Add the paper's side classifiers on 4a and 4d, which training in warp mode may use. Weights
        files never hold them: set `auxiliary` to None before saving.
    """

    def __init__(
        self,
        classes: int,
        auxiliary: bool = False,
        context: Sequence[float] = (),
        padding: int = PADDING,
    ) -> None:
        super().__init__()
        self.classes = classes
        self.network = GoogLeNet(outputs=None)
        self.objectness = Objectness()
        self.classifier = nn.Linear(HEAD_CHANNELS * (1 + len(context)), classes + 1)
        self.context: Tensor | None
        self.padding: Tensor | None  # None: R-CNN's 16
        # Buffers are saved with the weights, which were learned with these values. The factors are
        # rounded to half precision, as they are in weights files
        factors = torch.tensor(context).half().float()
        self.register_buffer("context", factors if len(context) else None)
        self.register_buffer("padding", torch.tensor(padding) if padding != PADDING else None)
        self.reduce = nn.Conv2d(HEAD_CHANNELS, PLACE_CHANNELS, 1)
        self.regressor = nn.Linear(PLACE_CHANNELS * 7 * 7, 4)
        for layer, deviation in ((self.classifier, 0.01), (self.regressor, 0.001)):
            nn.init.normal_(layer.weight, std=deviation)
            nn.init.zeros_(layer.bias)
        nn.init.zeros_(cast(Tensor, self.objectness.project.bias))
        nn.init.zeros_(self.objectness.hidden.bias)
        nn.init.zeros_(self.objectness.score.bias)
        self.compiled: CompiledGoogLeNet | None = None  # set by `Detector` for OpenVINO
        self.auxiliary: nn.ModuleDict | None = None
        if auxiliary:
            self.auxiliary = nn.ModuleDict(
                {
                    name: AuxiliaryClassifier(channels, classes + 1)
                    for name, channels in (("4a", 512), ("4d", 528))
                }
            )

    def begin_with(self, other: RegionClassifier) -> None:
        """Copy all weights except the classifier's; the class lists may differ."""
        not_copied = ("classifier.", "context", "padding")
        # A tensor of zeros, as in `proposer_for_classes`, was never trained and would stay at 0
        state = other.state_dict()
        taken = {n: t for n, t in state.items() if not n.startswith(not_copied) and t.any()}
        self.load_state_dict(taken, strict=False)

    def continue_from(self, other: RegionClassifier) -> None:
        """Copy all weights of another network of the same classes.

        If that network saw no context, the classifier begins by ignoring the context.

        Raises
        ------
        DetectorError
            The other network's classifier saw another context.
        """
        state = dict(other.state_dict())
        own, theirs = (m.context.tolist() if m.context is not None else [] for m in (self, other))
        if theirs and own != theirs:
            raise DetectorError(
                f"network.context: the detector to continue has {theirs}, the recipe {own}; "
                "use the same, or start from another detector"
            )
        if self.padding is not None:
            state["padding"] = self.padding  # a network soon adapts to crops of another padding
        if own != theirs:
            state["context"] = self.context
            state["classifier.weight"] = torch.zeros_like(self.classifier.weight)
            state["classifier.weight"][:, :HEAD_CHANNELS] = other.classifier.weight
        self.load_state_dict(state, strict=False)

    @property
    def moves_boxes(self) -> bool:
        """Whether the network learned box regression; its deltas are all 0 otherwise."""
        return any(bool(parameter.any()) for parameter in self.regressor.parameters())

    @property
    def crop_padding(self) -> int:
        """Pixels around the box in the crops that the network reads."""
        return PADDING if self.padding is None else int(self.padding)

    @property
    def passes(self) -> GoogLeNet | CompiledGoogLeNet:
        """What computes the network's passes: the network, or in inference an engine."""
        return self.network if self.compiled is None or torch.is_grad_enabled() else self.compiled

    def features(self, image: Tensor) -> Tensor:
        """(3, H, W) RGB uint8 -> the trunk's map (1, 832, H/16, W/16), rounded up."""
        return self.maps([image])[0]

    def maps(self, images: Sequence[Tensor]) -> list[Tensor]:
        """`features` of each image; canvases of one size go through the trunk together."""
        canvases = [_canvas(image) for image in images]
        padded_maps = together(self.passes.trunk, canvases)
        more = TRUNK_STRIDE - 1  # -(-height // 16) is rounded down in exported graphs
        return [
            feature_map[:, :, : (height + more) // TRUNK_STRIDE, : (width + more) // TRUNK_STRIDE]
            for feature_map, (_, height, width) in zip(
                padded_maps, (image.shape for image in images), strict=True
            )
        ]

    def forward(self, pyramid: Pyramid, boxes_xyxy: Tensor) -> tuple[Tensor, Tensor]:
        """Maps, boxes (N, 4) in pixels -> logits (N, classes + 1), deltas (N, classes, 4).

        Column 0 of the logits is background. Deltas are R-CNN's (appendix C) divided by
        `DELTA_SCALE`.
        """
        around = self.around(self.cells(pyramid), boxes_xyxy)
        return self.predict(self.regions(pyramid, boxes_xyxy), around)

    def regions(self, pyramid: Pyramid, boxes_xyxy: Tensor) -> Tensor:
        """Maps and boxes (N, 4) in the photograph's pixels -> (N, 832, 14, 14)."""
        return pyramid.cut(boxes_xyxy, REGION_SIZE)

    def cells(self, pyramid: Pyramid) -> Pyramid | None:
        """5b's maps of the whole photograph; None where the network sees no context."""
        return self.cells_of([pyramid])[0]

    def cells_of(self, pyramids: Sequence[Pyramid]) -> Sequence[Pyramid | None]:
        """`cells` of each photograph; maps of one size go through 5a and 5b together."""
        if self.context is None:
            return [None] * len(pyramids)
        cells = iter(together(self._whole_cells, [m for p in pyramids for m in p.maps]))
        return [
            p._replace(maps=[next(cells) for _ in p.maps], stride=2 * p.stride) for p in pyramids
        ]

    def _whole_cells(self, feature_map: Tensor) -> Tensor:
        """5b's map of a whole photograph; a strip one cell wide is padded for the pool."""
        height, width = feature_map.shape[2:]
        padding = (0, max(0, 2 - width), 0, max(0, 2 - height))
        return self.passes.region_cells(F.pad(feature_map, padding))

    def around(self, cells: Pyramid | None, boxes_xyxy: Tensor) -> Tensor | None:
        """`cells` and boxes (N, 4) in the photograph's pixels -> (N, K * 1024): context."""
        if cells is None or self.context is None:
            return None
        return surroundings(cells, boxes_xyxy, self.context)

    def predict_crops(self, crops: Tensor) -> CropPredictions:
        """(N, 3, 224, 224) from `warp_regions` -> `forward`'s outputs and the side classifiers'."""
        taps: dict[str, Tensor] = {}
        logits, deltas = self.predict(self.network.trunk(crops, taps))
        sides = self.auxiliary.items() if self.auxiliary is not None else ()
        return CropPredictions(logits, deltas, [side(taps[name]) for name, side in sides])

    def predict(self, regions: Tensor, around: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(N, 832, 14, 14), regions of a map or maps of crops -> the outputs of `forward`."""
        cells = self.passes.region_cells(regions)
        hidden = cells.mean((2, 3))
        if around is not None:
            hidden = torch.cat([hidden, around.to(hidden.dtype)], 1)
        hidden = F.dropout(hidden, 0.4, self.training)
        place = F.relu(self.reduce(cells)).permute(0, 2, 3, 1).flatten(1)
        deltas = in_float32(self.regressor, place)[:, None]
        return in_float32(self.classifier, hidden), deltas.expand(-1, self.classes, -1)


def _canvas(image: Tensor) -> Tensor:
    """(3, H, W) RGB uint8 -> the network's input (1, 3, ...) in channels_last, see `CANVAS`."""
    height, width = image.shape[1:]
    pixels = F.pad(preprocess(image)[None], (0, -width % CANVAS, 0, -height % CANVAS))
    return pixels.contiguous(memory_format=torch.channels_last)


# The network predicts deltas in units of about their standard deviation (Fast R-CNN normalises its
# targets; these rounded values have been in common use since).
DELTA_SCALE = np.array([0.1, 0.1, 0.2, 0.2], np.float32)
