"""Folders that hold a file for each split: the one that is meant."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from eval.errors import EvaluationError


def file_of_split(folder: Path, files: Sequence[Path], split: str | None) -> Path:
    """The file that is called after the split, or the only one.

    Raises
    ------
    EvaluationError
        There are several files and no `split`, or the split has no file.
    """
    names = {path.stem: path for path in files}
    there = ", ".join(names)
    if split is None and len(names) == 1:
        return next(iter(names.values()))
    if split is None:
        raise EvaluationError(
            f"{folder}: holds the splits {there:.120}; name one with --split (split= in Python)"
        )
    if split not in names:
        raise EvaluationError(f"{folder}: no split {split!r:.40}; its splits are {there:.120}")
    return names[split]
