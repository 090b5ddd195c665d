"""Checks of arguments, with messages that name the remedy."""

from __future__ import annotations

import difflib
import math
import numbers
from collections.abc import Iterable
from typing import TypeGuard

import numpy as np

from proposals.result import ProposalError

# An edge's code is 4 x pixel + direction, in 32 bits.
MAX_PIXELS = 2**29


def check_image(image: object) -> None:
    """Raise ProposalError unless the image is a non-empty (H, W, 3) uint8 array."""
    if not isinstance(image, np.ndarray):
        raise ProposalError(
            f"image: expected an RGB array of shape (H, W, 3) and dtype uint8, got "
            f"{type(image).__name__}; read a file with an image library and pass its pixels"
        )
    actual = f"got shape {image.shape}, dtype {image.dtype}"
    expected = "image: expected an RGB array of shape (H, W, 3) and dtype uint8"
    if image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 1):
        raise ProposalError(
            f"{expected}, {actual}; repeat the grey channel three times: "
            "np.repeat(image.reshape(*image.shape[:2], 1), 3, axis=2)"
        )
    if image.ndim == 3 and image.shape[2] == 4:
        raise ProposalError(f"{expected}, {actual}; drop the alpha channel: image[..., :3]")
    if image.ndim != 3 or image.shape[2] != 3:
        raise ProposalError(f"{expected}, {actual}; move the channels last, one image at a time")
    if image.dtype != np.uint8:
        raise ProposalError(
            f"{expected}, {actual}; scale the values to 0..255 and use .astype(np.uint8)"
        )
    if image.size == 0:
        raise ProposalError(f"{expected}, {actual}; the image has no pixels, check the crop")
    if image.shape[0] * image.shape[1] > MAX_PIXELS:
        raise ProposalError(f"image: at most {MAX_PIXELS} pixels, {actual}; shrink it first")


def check_positive(name: str, value: object) -> None:
    """Raise ProposalError unless the value is a finite number above 0."""
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or value <= 0:  # type: ignore[arg-type,operator]
        raise ProposalError(f"{name}: expected a number above 0, got {value!r}")


def check_count(name: str, value: object, least: int) -> int:
    """Return the value as Python's int, which cannot overflow.

    Raises
    ------
    ProposalError
        The value is no whole number, or below ``least``.
    """
    if not is_whole(value) or value < least:
        raise ProposalError(f"{name}: expected a whole number >= {least}, got {value!r}")
    return int(value)


def is_whole(value: object) -> TypeGuard[numbers.Integral]:
    """Whether a value is a whole number of Python's or NumPy's types."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def check_choice(name: str, value: object, choices: Iterable[str]) -> None:
    """Raise ProposalError, which suggests the nearest choice, unless the value is a choice."""
    known = list(choices)
    if isinstance(value, str) and value in known:
        return
    near = difflib.get_close_matches(str(value).lower(), known, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ProposalError(f"{name}: expected one of {', '.join(known)}, got {value!r}{hint}")
