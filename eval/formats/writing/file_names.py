"""Names of the files that are written for pictures, and the letters that names may have."""

from __future__ import annotations

import re
from collections.abc import Sequence

from eval.errors import EvaluationError

# Characters that XML does not allow, or (carriage return) does not keep
NOT_XML = re.compile("[\0-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")


def inner_name(file_name: str) -> str:
    """A file name that stays inside its folder: relative, with slashes, without `..`."""
    parts = file_name.replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", ".", ".."))


def flat_name(file_name: str) -> str:
    """A file name without folders: theirs precede its own, a/1.jpg becomes a_1.jpg."""
    return inner_name(file_name).replace("/", "_")


def bare_name(file_name: str) -> str:
    """A file name without folders: a/1.jpg becomes 1.jpg."""
    return inner_name(file_name).rpartition("/")[2]


def stem_of(name: str) -> str:
    """A file name without its suffix."""
    return name.rpartition(".")[0] or name


def check_stems(names: Sequence[str], layout: str) -> None:
    """Raise EvaluationError if two pictures would share one file of annotations."""
    taken: dict[str, int] = {}
    for row, name in enumerate(names):
        first = taken.setdefault(stem_of(name), row)
        if first != row:
            raise EvaluationError(
                f"{name}: {layout} names its files after pictures without their suffix, and "
                f"{names[first]} would have the same file; rename one of them"
            )
