"""Faults in files: a reader stops at the first, the linter collects them all.

Readers take a function `report`. What it is handed cannot be read; if it returns, the reader
leaves that record out and goes on, so that both see the same faults.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from eval.errors import EvaluationError


class Fault(NamedTuple):
    """One fault: its place in the file, the field, what is wrong and what to do, its name."""

    where: str
    field: str
    message: str
    kind: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


Report: TypeAlias = "Callable[[Fault], None]"


def refuse(fault: Fault) -> None:
    """Stop at the first fault.

    Raises
    ------
    EvaluationError
        Always.
    """
    raise EvaluationError(str(fault))
