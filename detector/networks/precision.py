"""Half precision, where it is faster."""

from __future__ import annotations

import contextlib

import torch
from torch import Tensor, nn


def mixed_precision(
    device: torch.device, training: bool = False
) -> contextlib.AbstractContextManager[object]:
    """Autocast where it is faster: half precision on CUDA, bfloat16 on CPUs that compute in it.

    Training uses bfloat16 or float32, since float16 gradients underflow.
    """
    if device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.autocast("cuda", dtype=torch.bfloat16)
    if device.type == "cuda" and not training:
        return torch.autocast("cuda", dtype=torch.float16)
    if device.type == "cpu" and cpu_has_bfloat16():
        return torch.autocast("cpu", dtype=torch.bfloat16)
    return contextlib.nullcontext()


def in_float32(layer: nn.Linear, x: Tensor) -> Tensor:
    """A last layer's output (N, outputs) in float32, whatever the other layers compute in.

    In half precision the highest scores tie, and ties have no order.
    """
    with torch.autocast(x.device.type, enabled=False):
        return layer(x.float())


def cpu_has_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 natively (AVX512_BF16 or AMX)."""
    capabilities = getattr(torch.cpu, "get_capabilities", None)  # not before torch 2.11
    features = capabilities() if capabilities else {}
    return bool(features.get("avx512_bf16") or features.get("amx_bf16"))
