"""Torch tensors as pixel arrays; torch is not imported here."""

from __future__ import annotations

from typing import Any

import numpy as np

from detector.errors import DetectorError

CHANNELS = (1, 3, 4)
ROUNDING = 1e-3  # resizing with antialiasing leaves 0..1 by this much


def is_tensor(source: object) -> bool:
    """Whether an object is a torch tensor, or of a subclass such as torchvision's tv_tensors."""
    return hasattr(source, "detach") and hasattr(source, "element_size")


def array_of_tensor(tensor: Any) -> np.ndarray:
    """One picture -> (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) uint8, uint16 or bool.

    Parameters
    ----------
    tensor
        (C, H, W), as in torchvision, (H, W, C) or (H, W), C = 1, 3 or 4, on any device; a batch of
        one picture (1, C, H, W) is that picture. Real numbers lie in 0..1, uint8 in 0..255.

    Raises
    ------
    DetectorError
        Another shape or range; (3, H, 3) and the like, where the channels could be either side.
    """
    try:
        # NumPy has no bfloat16.
        plain = tensor.float() if tensor.is_floating_point() else tensor
        array = plain.numpy(force=True)
    except (TypeError, RuntimeError) as error:  # sparse, quantized, without data ...
        reason = " ".join(str(error).split())
        raise DetectorError(
            f"tensor cannot become an array ({reason:.120}); pass a dense one with data"
        ) from error
    return _eight_bit(_channels_last(array), tensor)


def _channels_last(array: np.ndarray) -> np.ndarray:
    shape = array.shape
    if array.ndim == 4 and len(array) == 1:
        array = array[0]
    elif array.ndim == 4:
        raise DetectorError(
            f"tensor has shape {shape}, a batch of {len(array)} pictures; pass it to "
            "detector.stream(batch)"
        )
    if array.ndim == 2:
        return array
    first, last = (array.ndim == 3 and array.shape[axis] in CHANNELS for axis in (0, 2))
    if first and last:
        raise DetectorError(
            f"tensor has shape {shape}, in which the first or the last side could be the "
            "channels; pass an array (H, W, C): tensor.permute(1, 2, 0).numpy() if the first is"
        )
    if not first and not last:
        raise DetectorError(
            f"tensor has shape {shape}; expected (C, H, W) or (H, W, C) with C = 1, 3 or 4"
        )
    return array.transpose(1, 2, 0) if first else array


def _eight_bit(array: np.ndarray, tensor: Any) -> np.ndarray:
    if array.dtype in (np.uint8, np.uint16, bool) or array.size == 0:
        return array
    dtype = str(tensor.dtype).removeprefix("torch.")
    low, high = array.min(), array.max()
    if array.dtype.kind != "f":
        raise DetectorError(
            f"tensor is {dtype} with values {low}..{high}; expected uint8, or float with values "
            "0..1: call .to(torch.uint8) if they lie in 0..255"
        )
    if not (low >= -ROUNDING and high <= 1 + ROUNDING):
        remedy = "divide by 255" if low >= 0 and high <= 255 else "pass it before Normalize"
        raise DetectorError(
            f"tensor is {dtype} with values {low:g}..{high:g}; expected 0..1, as torchvision's "
            f"detectors do: {remedy}"
        )
    return np.rint(array.clip(0, 1) * 255).astype(np.uint8)
