"""Pixel arrays of any kind -> RGB uint8."""

from __future__ import annotations

import numpy as np

from detector.errors import DetectorError


def array_to_rgb(array: np.ndarray, name: str) -> np.ndarray:
    """(H, W), (H, W, 1), (H, W, 3) or (H, W, 4) uint8, uint16 or bool -> (H, W, 3) uint8.

    Grey is repeated, RGBA is put on white, uint16 is divided by 257 and rounded. An RGB uint8 array
    is returned itself. Other arrays raise DetectorError, whose message begins with `name`.
    """
    shape = array.shape
    channels = 1 if array.ndim == 2 else shape[-1] if array.ndim == 3 else 0
    if channels not in (1, 3, 4):
        hint = "; transpose it with .transpose(1, 2, 0)" if shape[:1] in ((1,), (3,)) else ""
        raise DetectorError(
            f"{name} has shape {shape}; expected (H, W), (H, W, 1), (H, W, 3) or (H, W, 4){hint}"
        )
    if array.size == 0:
        raise DetectorError(f"{name} of shape {shape} is empty; expected at least one pixel")
    pixels = _eight_bit(array, name)
    if channels == 4:
        return _over_white(pixels)
    return pixels if channels == 3 else np.repeat(pixels.reshape(*shape[:2], 1), 3, axis=2)


def _eight_bit(array: np.ndarray, name: str) -> np.ndarray:
    if array.dtype == np.uint8:
        return array
    if array.dtype == bool:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype.kind == "u" and array.dtype.itemsize == 2:
        return ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)
    scale = "multiply 0..1 by 255" if array.dtype.kind == "f" else "bring the values to 0..255"
    raise DetectorError(
        f"{name} is {array.dtype}, so the range of its values is unknown; expected uint8 "
        f"(or uint16, bool): {scale} and call .astype(np.uint8)"
    )


def _over_white(rgba: np.ndarray) -> np.ndarray:
    colour, alpha = rgba[..., :3].astype(np.uint16), rgba[..., 3:].astype(np.uint16)
    return ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def sixteen_bit(values: np.ndarray, name: str) -> np.ndarray:
    """Integers of any width with values 0..65535 -> uint16; others raise DetectorError."""
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65535:
        raise DetectorError(
            f"{name}: integer values {low}..{high} lie outside the 16 bits 0..65535; "
            "save it with 8 or 16 bits per channel"
        )
    return values.astype(np.uint16)


def from_float(values: np.ndarray, name: str) -> np.ndarray:
    """A float picture (H, W) with values 0..1 or 0..255 -> uint8; others raise DetectorError."""
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= 255):
        raise DetectorError(
            f"{name}: float values {low:g}..{high:g}; expected 0..1 or 0..255: rescale the picture"
        )
    scaled: np.ndarray = np.rint(values * (255 if high <= 1 else 1))
    return scaled.astype(np.uint8)
