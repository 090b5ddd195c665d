"""pycocotools itself, which only some forms of masks need."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from eval.errors import EvaluationError


def official(module: str, purpose: str) -> Any:
    """A module of pycocotools, such as "mask".

    Raises
    ------
    EvaluationError
        pycocotools is not installed; `purpose` needs it.
    """
    try:
        return import_module(f"pycocotools.{module}")
    except ImportError:
        raise EvaluationError(
            f"{purpose} pycocotools, which is not installed: pip install pycocotools"
        ) from None
