"""The ranges of activations that an engine computes in 8-bit integers.

Weights need no ranges of their own: their largest values are known. What is kept with a network is
thus one number for each map that a convolution reads, `GoogLeNet.ranges`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from detector.networks.googlenet import INCEPTION, GoogLeNet

# The convolutions whose input has a range of its own, in the order of `GoogLeNet.ranges`. All
# branches of an Inception module read one map, and the maximum of a map stays that of its pool.
# The first convolution reads pixels.
RANGED = (
    *("conv2_reduce", "conv2"),
    *(f"inception_{name}.{branch}" for name in INCEPTION for branch in ("one", "three", "five")),
)


def ranges_by_name(network: GoogLeNet) -> dict[str, float]:
    """Largest value of the inputs of `RANGED`; empty if the network is not quantised.

    Convolutions that computed nothing while the ranges were measured are left out.
    """
    if network.ranges is None:
        return {}
    values = dict(zip(RANGED, network.ranges.tolist(), strict=True))
    return {name: value for name, value in values.items() if value > 0}


@contextmanager
def measured_ranges(networks: Iterable[GoogLeNet]) -> Iterator[None]:
    """Quantise the networks by what torch computes with them in the `with` block.

    A range is the mean of the inputs' largest values, which is less than the very largest: rare
    values are cut off, so that all others have finer steps.
    """
    networks = list(networks)
    largest: dict[nn.Module, list[Tensor]] = {}
    with ExitStack() as hooks:
        for layer in {network.get_submodule(name) for network in networks for name in RANGED}:
            keep = partial(_keep_largest, largest.setdefault(layer, []))
            hooks.callback(layer.register_forward_pre_hook(keep).remove)
        yield
    for network in networks:
        values = [largest[network.get_submodule(name)] for name in RANGED]
        means = [torch.cat(found).mean() if found else torch.tensor(0.0) for found in values]
        network.ranges = torch.stack(means)


def _keep_largest(largest: list[Tensor], layer: nn.Module, inputs: tuple[Any, ...]) -> None:
    largest.append(inputs[0].detach().float().amax((1, 2, 3)).cpu())
