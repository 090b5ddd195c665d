"""Pixel arrays of any kind -> RGB uint8."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from detector.errors import DetectorError, DetectorWarning

VALUES_AT_A_TIME = 4_000_000  # so that large pictures need little memory beside their own


def array_to_rgb(array: np.ndarray, name: str) -> NDArray[np.uint8]:
    """(H, W), (H, W, 1), (H, W, 3) or (H, W, 4) of bool or real numbers -> (H, W, 3) uint8.

    Grey is repeated and RGBA is put on white; `eight_bit` brings the values to 0..255. An RGB uint8
    array is returned itself. Other arrays raise DetectorError, whose message begins with `name`.
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
    if channels == 4:
        return _over_white(eight_bit(array[..., :3], name), _opacity(array[..., 3:], name))
    pixels = eight_bit(array, name)
    return pixels if channels == 3 else np.repeat(pixels.reshape(*shape[:2], 1), 3, axis=2)


def eight_bit(values: np.ndarray, name: str) -> NDArray[np.uint8]:
    """Real numbers of any shape -> uint8, with a DetectorWarning if their range had to be guessed.

    The largest value decides which range the numbers have:

    - 0..255: the values are kept; fractions are rounded.
    - 0..65535, if the numbers are integers and the largest is at least 32768: divided by 257.
    - 0..1, if the numbers are floats and the largest is 0.5 to 1: multiplied by 255.
    - Anything else, such as 12 bits in a file of 16, negative numbers or a nearly black 0..1: the
      range from the smallest to the largest value is stretched to 0..255, with a warning.

    NaN and infinities become 0, with a warning. If all values are equal and in none of the first
    three ranges, the picture is black. Other dtypes, such as complex numbers, raise DetectorError.
    """
    if values.dtype == np.uint8:
        return values
    if values.dtype == bool:
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype.kind not in "iuf":
        raise DetectorError(f"{name} is {values.dtype}; expected whole or real numbers, or bool")
    low, high, bad = _finite_range(values, name)
    if not np.isfinite(high - low):
        raise DetectorError(f"{name}: its values {low:g}..{high:g} are no colours; scale them")
    start, factor = _known_range(low, high, is_float=values.dtype.kind == "f")
    if factor is None and low == high:
        start, factor = low, 1.0
        _warn(f"{name}: all its values are {low:g}; the picture becomes black")
    elif factor is None:
        start, factor = low, 255 / (high - low)
        _warn(f"{name}: its values {low:g}..{high:g} are stretched to 0..255")
    if bad:
        _warn(f"{name}: {bad:,} of {values.size:,} values are NaN or infinite; they become black")
    result = np.empty(values.shape, np.uint8)
    for rows in _parts(values):
        scaled = (values[rows].astype(np.float64) - start) * factor
        result[rows] = np.rint(np.where(np.isfinite(scaled), scaled, 0))
    return result


def _known_range(low: float, high: float, *, is_float: bool) -> tuple[float, float | None]:
    """Where a usual range begins, and the factor from it to 0..255; None: the range is unusual."""
    if low < 0 or high > 65535:
        return 0.0, None
    if is_float and high <= 1:
        return 0.0, 255.0 if high >= 0.5 or high == 0 else None
    if high <= 255:
        return 0.0, 1.0
    return 0.0, 1 / 257 if high >= 32768 and not is_float else None


def _finite_range(values: np.ndarray, name: str) -> tuple[float, float, int]:
    """Smallest and largest finite value, and the number of values that are not finite."""
    low, high, count = np.inf, -np.inf, 0
    for rows in _parts(values):
        part = values[rows]
        if values.dtype.kind == "f":
            part = part[np.isfinite(part)]
        if part.size:
            low, high = min(low, float(part.min())), max(high, float(part.max()))
            count += part.size
    if not count:
        raise DetectorError(f"{name}: all values are NaN or infinite; write the picture again")
    return low, high, values.size - count


def _parts(values: np.ndarray) -> list[slice]:
    """Slices of rows that together are the whole array."""
    step = max(1, VALUES_AT_A_TIME * len(values) // values.size)
    return [slice(start, start + step) for start in range(0, len(values), step)]


def _opacity(alpha: np.ndarray, name: str) -> NDArray[np.uint8]:
    """Alpha as uint8; integers beyond 8 bits use the fewest bits that hold the largest."""
    if alpha.dtype.kind in "iu" and alpha.dtype.itemsize > 1 and alpha.min() >= 0:
        most = 2 ** max(8, int(alpha.max()).bit_length()) - 1
        return np.rint(alpha * (255 / most)).astype(np.uint8)
    return eight_bit(alpha, name)


def _over_white(colour: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    wide, opacity = colour.astype(np.uint16), alpha.astype(np.uint16)
    return ((wide * opacity + 255 * (255 - opacity) + 127) // 255).astype(np.uint8)


def _warn(message: str) -> None:
    warnings.warn(message, DetectorWarning, stacklevel=2)
