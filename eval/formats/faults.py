"""Faults in files: evaluation stops at the first one, the linter collects all of them.

Readers call the function `on_fault` for each record that they cannot read. If it returns, the
reader leaves the record out and continues, so that evaluation and linter see the same faults.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from eval.errors import EvaluationError


class Fault(NamedTuple):
    """One fault in a file.

    Attributes
    ----------
    where
        File, and the line or object in it.
    field
        The faulty field; "" if the whole record is faulty.
    message
        What is wrong, and the remedy.
    kind
        A short name for grouping.
    value
        The image or class that the ground truth does not list.
    records
        How many objects or detections the fault affects.
    """

    where: str
    field: str
    message: str
    kind: str
    value: str = ""
    records: int = 1

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


FaultHandler: TypeAlias = "Callable[[Fault], None]"


def refuse(fault: Fault) -> None:
    """Stop at the first fault.

    Raises
    ------
    EvaluationError
        Always.
    """
    raise EvaluationError(str(fault))
