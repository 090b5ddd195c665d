"""The masks of pycocotools, which only segmentations need."""

from __future__ import annotations

from typing import Any

from eval.errors import EvaluationError


def mask_functions() -> Any:
    """The module pycocotools.mask.

    Raises
    ------
    EvaluationError
        pycocotools is not installed.
    """
    try:
        from pycocotools import mask
    except ImportError:
        raise EvaluationError(
            "masks need pycocotools, which is not installed: pip install pycocotools"
        ) from None
    return mask
