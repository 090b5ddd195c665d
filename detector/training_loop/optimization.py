"""What a step of the training loop does to the weights: optimizer, learning rate, precision."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from detector.networks.precision import mixed_precision
from detector.recipes import LoopOptions

MOMENTUM = 0.9  # GoogLeNet paper, section 6
GRADIENT_CLIP = 10.0  # norm of all gradients together; longer ones are scaled down to it
# Names of layers with ImageNet weights: of a detector, and of GoogLeNet itself
PRETRAINED = ("network.", "conv1.", "conv2", "inception_")
PAPER_FACTOR, PAPER_EPOCHS = 0.96, 8.0  # section 6: the rate falls by 4 % every 8 epochs


def make_optimizer(
    parameters: Mapping[str, nn.Parameter], options: LoopOptions
) -> torch.optim.Optimizer:
    """AdamW, or SGD with momentum. New layers have a rate of their own; biases do not decay."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in parameters.items():
        key = (name.startswith(PRETRAINED), parameter.ndim > 1)
        groups.setdefault(key, []).append(parameter)
    rate = options.learning_rate
    described: list[dict[str, Any]] = [
        {
            "params": members,
            "lr": 0.0,
            "peak": rate if pretrained else rate * options.head_factor,
            "weight_decay": options.weight_decay if decays else 0.0,
        }
        for (pretrained, decays), members in groups.items()
    ]
    # On a CPU torch's default passes over every tensor a dozen times, the fused optimizer once
    fused = all(parameter.device.type == "cpu" for parameter in parameters.values()) or None
    if options.optimizer == "sgd":
        return torch.optim.SGD(described, momentum=MOMENTUM, fused=fused)
    return torch.optim.AdamW(described, fused=fused)


def learning_rate_factor(step: int, total: int, options: LoopOptions) -> float:
    """The learning rate of a step, relative to its peak.

    Linear warm-up, then half a cosine down to zero, or the paper's staircase (section 6).
    """
    warmup = min(options.warmup_steps, total // 10)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    if options.schedule == "paper":
        epoch = step * options.epochs / total
        return PAPER_FACTOR ** math.floor(epoch / PAPER_EPOCHS)
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))


PRECISIONS: dict[str, Callable[[torch.device], contextlib.AbstractContextManager[object]]] = {
    "auto": lambda device: mixed_precision(device, training=True),
    "bf16": lambda device: torch.autocast(device.type, dtype=torch.bfloat16),
    "fp32": lambda device: contextlib.nullcontext(),
}


def seed_part(seed: int, step: int, place: int) -> None:
    """Seed dropout for one part of a step, whatever other parts and processes do."""
    (word,) = np.random.SeedSequence([seed, step, place]).generate_state(1, np.uint64)
    torch.manual_seed(int(word))
