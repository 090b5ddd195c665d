"""GoogLeNet's passes as OpenVINO's graphs, to be read beside `googlenet.py`.

They are built from OpenVINO's operators, because its converter would trace torch's response
normalisation, which is written as a convolution, and compute it in a fifth of the whole time.
OpenVINO has the normalisation as one operator.
"""

from __future__ import annotations

import sys
from functools import cache, reduce
from typing import Any, cast

import numpy as np
from torch import nn

from detector.networks.googlenet import TRUNK_CHANNELS, GoogLeNet, Inception
from detector.networks.operators.response_norm import ALPHA, SIZE

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
    """OpenVINO's model of a pass, from (N, H, W, C) of any size to (N, H, W, C), as in memory."""
    ops = _operators()
    channels, _ = PASSES[name]
    inputs = ops.parameter([-1, -1, -1, channels], np.float32)
    x = ops.transpose(inputs, ops.constant([0, 3, 1, 2]))
    if name in ("trunk", "early"):
        x = _early(network, x)
    if name in ("trunk", "late"):
        x = _inceptions(network, ("4a", "4b", "4c", "4d", "4e"), x)
    if name == "region_cells":
        x = _inceptions(network, ("5a", "5b"), _max_pool(x))
    results = ops.result(ops.transpose(x, ops.constant([0, 2, 3, 1])))
    return openvino_package().Model([results], [inputs], name)


def _early(network: GoogLeNet, x: Any) -> Any:
    x = _response_norm(_max_pool(_convolution(network.conv1, x)))
    x = _convolution(network.conv2_reduce, x)
    x = _max_pool(_response_norm(_convolution(network.conv2, x)))
    return _max_pool(_inceptions(network, ("3a", "3b"), x))


def _inceptions(network: GoogLeNet, names: tuple[str, ...], x: Any) -> Any:
    return reduce(lambda x, name: _inception(network.inception(name), x), names, x)


def _inception(module: Inception, x: Any) -> Any:
    branches = [
        _convolution(module.one, x),
        _convolution(module.three, _convolution(module.reduce3, x)),
        _convolution(module.five, _convolution(module.reduce5, x)),
        _convolution(module.pool, _max_pool(x, stride=1)),
    ]
    return _operators().concat(branches, 1)


def _convolution(layer: nn.Conv2d, x: Any) -> Any:
    """A convolution and its ReLU."""
    ops, padding = _operators(), list(cast("tuple[int, int]", layer.padding))
    weight, bias = (array.detach().numpy() for array in (layer.weight, cast(Any, layer.bias)))
    sums = ops.convolution(x, ops.constant(weight), list(layer.stride), padding, padding, [1, 1])
    return ops.relu(ops.add(sums, ops.constant(bias[:, None, None])))


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
