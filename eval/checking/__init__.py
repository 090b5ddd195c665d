"""Find the faults of ground truth and results, by file, record and field."""

from eval.checking.linter import check
from eval.checking.smells import Finding

__all__ = ["Finding", "check"]
