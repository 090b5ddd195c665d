"""GoogLeNet, to be read beside Table 1 of "Going deeper with convolutions" (arXiv 1409.4842).

The network serves three times:

- as the ImageNet classifier of the paper (`GoogLeNet.forward`);
- as a *trunk* over a whole photograph, up to inception 4e, stride 16 (`GoogLeNet.trunk`);
- as a *region head*: the fourth max pool, 5a, 5b and the global average pool
  (`GoogLeNet.region_head`), for regions cut out of the trunk's map.

Where the paper leaves details open, the network follows BVLC's Caffe model, whose weights are
used: a dense 7x7 stem, 208 filters in 4a, local response normalisation (size 5, alpha 1e-4, beta
0.75) after the first pool and after conv2, and pools that round their output size up.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from detector.networks.operators.pooling import max_pool
from detector.networks.operators.response_norm import rectified_norm
from detector.networks.precision import in_float32

# Table 1: name -> (input, #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj)
INCEPTION = {
    "3a": (192, 64, 96, 128, 16, 32, 32),
    "3b": (256, 128, 128, 192, 32, 96, 64),
    "4a": (480, 192, 96, 208, 16, 48, 64),
    "4b": (512, 160, 112, 224, 24, 64, 64),
    "4c": (512, 128, 128, 256, 24, 64, 64),
    "4d": (512, 112, 144, 288, 32, 64, 64),
    "4e": (528, 256, 160, 320, 32, 128, 128),
    "5a": (832, 256, 160, 320, 32, 128, 128),
    "5b": (832, 384, 192, 384, 48, 128, 128),
}
TRUNK_CHANNELS = 832
TRUNK_STRIDE = 16
HEAD_CHANNELS = 1024
# Mean of the ImageNet training images in the order the weights expect: BGR, 0..255.
MEAN_BGR = (104.0, 117.0, 123.0)


class Inception(nn.Module):
    """Figure 2b: four branches over one input, concatenated; a ReLU after every convolution."""

    def __init__(
        self, inputs: int, one: int, reduce3: int, three: int, reduce5: int, five: int, pool: int
    ) -> None:
        super().__init__()
        self.one = nn.Conv2d(inputs, one, 1)
        self.reduce3 = nn.Conv2d(inputs, reduce3, 1)
        self.three = nn.Conv2d(reduce3, three, 3, padding=1)
        self.reduce5 = nn.Conv2d(inputs, reduce5, 1)
        self.five = nn.Conv2d(reduce5, five, 5, padding=2)
        self.pool = nn.Conv2d(inputs, pool, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, one + three + five + pool, H, W)."""
        pooled = max_pool(x, stride=1)
        branches = (
            self.one(x),
            self.three(F.relu_(self.reduce3(x))),
            self.five(F.relu_(self.reduce5(x))),
            self.pool(pooled),
        )
        return F.relu_(torch.cat(branches, 1))


class AuxiliaryClassifier(nn.Module):
    """A side classifier on 4a or 4d; the paper adds its loss times 0.3, in training alone."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, 128, 1)
        self.hidden = nn.Linear(128 * 4 * 4, 1024)
        self.classifier = nn.Linear(1024, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, 14, 14) -> logits (N, outputs); maps of other sizes are averaged to 4x4."""
        as_published = x.shape[2:] == (14, 14)
        pooled = F.avg_pool2d(x, 5, stride=3) if as_published else F.adaptive_avg_pool2d(x, 4)
        x = F.relu(self.conv(pooled))
        x = F.relu(self.hidden(x.flatten(1)))
        return self.classifier(F.dropout(x, 0.7, self.training))


class GoogLeNet(nn.Module):
    """Table 1.

    Parameters
    ----------
    outputs
        Classes of the linear layer; None builds none (a detector has its own).
    auxiliary
        Add the side classifiers on 4a and 4d, which only training uses.
    """

    def __init__(self, outputs: int | None = 1000, auxiliary: bool = False) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3)
        self.conv2_reduce = nn.Conv2d(64, 64, 1)
        self.conv2 = nn.Conv2d(64, 192, 3, padding=1)
        for name, filters in INCEPTION.items():
            self.add_module(f"inception_{name}", Inception(*filters))
        self.classifier = None if outputs is None else nn.Linear(HEAD_CHANNELS, outputs)
        if auxiliary and outputs is not None:
            self.auxiliary_4a = AuxiliaryClassifier(512, outputs)
            self.auxiliary_4d = AuxiliaryClassifier(528, outputs)
        self.auxiliary = auxiliary
        self.ranges: Tensor | None  # of activations, see `quantisation`; None: not quantised
        self.register_buffer("ranges", None)
        initialise(self)

    def stages(self) -> Iterator[tuple[str, nn.Module]]:
        """The trunk's layers with weights in the order of Table 1, for freezing."""
        for name in ("conv1", "conv2_reduce", "conv2"):
            yield name, getattr(self, name)
        for name in INCEPTION:
            yield name, self.inception(name)

    def inception(self, name: str) -> Inception:
        """The module of that name in Table 1, such as "4e"."""
        return cast(Inception, getattr(self, f"inception_{name}"))

    def trunk(self, x: Tensor, taps: dict[str, Tensor] | None = None) -> Tensor:
        """(N, 3, H, W) normalised BGR -> map of inception 4e, (N, 832, ~H/16, ~W/16).

        The maps of 4a to 4e are put into `taps` by name where it is given.
        """
        return self.late(self.early(x), taps)

    def early(self, x: Tensor) -> Tensor:
        """The trunk's first layers, to the third pool: (N, 480, ~H/16, ~W/16).

        They are more than half of all the work; fine-tuning with `freeze: 3b` keeps them.
        """
        # ReLU gives the same result after the first pool, and has a quarter of the values there
        x = rectified_norm(max_pool(self.conv1(x)))
        x = F.relu_(self.conv2_reduce(x))
        x = max_pool(rectified_norm(self.conv2(x)))
        return max_pool(self.inception("3b")(self.inception("3a")(x)))

    def late(self, x: Tensor, taps: dict[str, Tensor] | None = None) -> Tensor:
        """The trunk's other layers, 4a to 4e, on the output of `early`; `taps` as in `trunk`."""
        for name in ("4a", "4b", "4c", "4d", "4e"):
            x = self.inception(name)(x)
            if taps is not None:
                taps[name] = x
        return x

    def region_head(self, regions: Tensor) -> Tensor:
        """(N, 832, 14, 14) -> (N, 1024): fourth max pool, 5a, 5b, average pool (section 5)."""
        return self.region_cells(regions).mean((2, 3))

    def region_cells(self, regions: Tensor) -> Tensor:
        """(N, 832, 14, 14) -> (N, 1024, 7, 7): `region_head` before the average pool."""
        return self.inception("5b")(self.inception("5a")(max_pool(regions)))

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor, Tensor]:
        """(N, 3, 224, 224) -> logits; in training with `auxiliary` also the logits of 4a and 4d."""
        if self.classifier is None:
            raise RuntimeError("this GoogLeNet was built without a classifier (outputs=None)")
        taps: dict[str, Tensor] = {}
        features = self.region_head(self.trunk(x, taps))
        logits = in_float32(self.classifier, F.dropout(features, 0.4, self.training))
        if self.auxiliary and self.training:
            return logits, self.auxiliary_4a(taps["4a"]), self.auxiliary_4d(taps["4d"])
        return logits


def preprocess(image_rgb: Tensor) -> Tensor:
    """RGB 0..255 (..., 3, H, W) of any dtype -> float32 BGR with the ImageNet mean subtracted."""
    pixels = image_rgb.flip(-3).float()
    return pixels - pixels.new_tensor(MEAN_BGR)[:, None, None]


def initialise(network: nn.Module) -> None:
    """Xavier weights and bias 0.2, as in BVLC's training (the paper does not state them)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.constant_(cast(Tensor, module.bias), 0.2)


# Our names for the parts of an Inception module -> those of the Caffe model.
_CAFFE_PARTS = {
    "one": "1x1", "reduce3": "3x3_reduce", "three": "3x3",
    "reduce5": "5x5_reduce", "five": "5x5", "pool": "pool_proj",
}  # fmt: skip
_CAFFE_LAYERS = {
    "conv1": "conv1/7x7_s2", "conv2_reduce": "conv2/3x3_reduce", "conv2": "conv2/3x3",
    "classifier": "loss3/classifier",
}  # fmt: skip


def caffe_name(name: str) -> str:
    """Our parameter name -> the name in BVLC's model: inception_3a.one.bias -> .../1x1.bias."""
    module, _, parameter = name.rpartition(".")
    if module in _CAFFE_LAYERS:
        return f"{_CAFFE_LAYERS[module]}.{parameter}"
    block, _, part = module.partition(".")
    return f"{block}/{_CAFFE_PARTS[part]}.{parameter}"
