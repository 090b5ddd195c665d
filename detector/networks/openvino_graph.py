"""GoogLeNet's passes as OpenVINO's graphs, to be read beside `googlenet.py`.

They are built from OpenVINO's operators, because its converter would trace torch's response
normalisation, which is written as a convolution, and compute it in a fifth of the whole time.
OpenVINO has the normalisation as one operator.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import Any, cast

import numpy as np
from torch import nn

from detector.networks.googlenet import TRUNK_CHANNELS, GoogLeNet
from detector.networks.operators.response_norm import ALPHA, SIZE
from detector.networks.quantisation import ranges_by_name

# Pass -> channels of its input, and the layers with weights that it goes through
_FIRST = ("conv1", "conv2_reduce", "conv2", "inception_3a", "inception_3b")
_LATE = tuple(f"inception_4{letter}" for letter in "abcde")
PASSES = {
    "trunk": (3, _FIRST + _LATE),
    "early": (3, _FIRST),
    "late": (480, _LATE),
    "region_cells": (TRUNK_CHANNELS, ("inception_5a", "inception_5b")),
}


def pass_graph(network: GoogLeNet, name: str) -> Any:
    """OpenVINO's model of a pass, from (N, H, W, C) of any size to (N, H, W, C), as in memory.

    All convolutions of a quantised network but the first compute in 8-bit integers.
    """
    ops, layers = _operators(), _Layers(network)
    channels, _ = PASSES[name]
    inputs = ops.parameter([-1, -1, -1, channels], np.float32)
    x = ops.transpose(inputs, ops.constant([0, 3, 1, 2]))
    if name in ("trunk", "early"):
        x = layers.early(x, after="inception_4a.one" if name == "trunk" else "")
    if name == "late":
        x = layers.rounded(x, "inception_4a.one")
    if name in ("trunk", "late"):
        x = layers.inceptions(("4a", "4b", "4c", "4d", "4e"), x)
    if name == "region_cells":
        x = layers.inceptions(("5a", "5b"), _max_pool(layers.rounded(x, "inception_5a.one")))
    results = ops.result(ops.transpose(x, ops.constant([0, 2, 3, 1])))
    return openvino_package().Model([results], [inputs], name)


class _Layers:
    """Layers of a network by their names, as OpenVINO's operators.

    `after` names the convolution that reads a layer's output, whose range decides how the output is
    rounded; "" is a pass's last layer, whose output stays as it is.
    """

    def __init__(self, network: GoogLeNet) -> None:
        self.network, self.ranges = network, ranges_by_name(network)

    def early(self, x: Any, after: str) -> Any:
        x = _response_norm(_max_pool(self.convolution("conv1", x)))
        x = self.convolution("conv2_reduce", self.rounded(x, "conv2_reduce"), after="conv2")
        x = self.rounded(_response_norm(self.convolution("conv2", x)), "inception_3a.one")
        return _max_pool(self.inceptions(("3a", "3b"), _max_pool(x), after))

    def inceptions(self, names: tuple[str, ...], x: Any, after: str = "") -> Any:
        readers = [*(f"inception_{name}.one" for name in names[1:]), after]
        for name, reader in zip(names, readers, strict=True):
            x = self.inception(f"inception_{name}", x, reader)
        return x

    def inception(self, name: str, x: Any, after: str) -> Any:
        three = self.convolution(f"{name}.reduce3", x, after=f"{name}.three")
        five = self.convolution(f"{name}.reduce5", x, after=f"{name}.five")
        branches = [
            self.convolution(f"{name}.one", x, after),
            self.convolution(f"{name}.three", three, after),
            self.convolution(f"{name}.five", five, after),
            self.convolution(f"{name}.pool", _max_pool(x, stride=1), after),
        ]
        return _operators().concat(branches, 1)

    def convolution(self, name: str, x: Any, after: str = "") -> Any:
        """A convolution and its ReLU."""
        ops, layer = _operators(), cast(nn.Conv2d, self.network.get_submodule(name))
        values, bias = (array.detach().numpy() for array in (layer.weight, cast(Any, layer.bias)))
        weight = ops.constant(values)
        if self.ranges and name != "conv1":  # pixels have both signs, which is slower
            largest = np.abs(values).max((1, 2, 3), keepdims=True)
            weight = _rounded(weight, -largest, largest, levels=255)  # -127 to 127
        padding = list(cast("tuple[int, int]", layer.padding))
        sums = ops.convolution(x, weight, list(layer.stride), padding, padding, [1, 1])
        return self.rounded(ops.relu(ops.add(sums, ops.constant(bias[:, None, None]))), after)

    def rounded(self, x: Any, name: str) -> Any:
        """What the convolution of that name reads."""
        return _rounded(x, 0, self.ranges[name], levels=256) if name in self.ranges else x


def _rounded(x: Any, low: Any, high: Any, levels: int) -> Any:
    """Values between low and high, rounded to so many levels."""
    ops = _operators()
    ends = [ops.constant(np.asarray(end, np.float32)) for end in (low, high)]
    return ops.fake_quantize(x, *ends, *ends, levels)


def _max_pool(x: Any, stride: int = 2) -> Any:
    """`operators.pooling.max_pool`."""
    padding, rounding = [2 - stride] * 2, "ceil" if stride == 2 else "floor"
    pooled = _operators().max_pool(
        x, [stride] * 2, [1, 1], padding, padding, [3, 3], rounding_type=rounding
    )
    return pooled.output(0)  # the other output is the places of the largest values


def _response_norm(x: Any) -> Any:
    """`operators.response_norm.local_response_norm`."""
    ops = _operators()
    return ops.lrn(x, ops.constant([1]), alpha=ALPHA, beta=0.75, bias=1.0, size=SIZE)


def _operators() -> Any:
    return openvino_package().opset13


@cache
def openvino_package() -> Any:
    """The package, which would report each import to Google Analytics by `openvino_telemetry`."""
    sys.modules.setdefault("openvino_telemetry", cast(Any, None))  # as if it were not installed
    import openvino

    return openvino
