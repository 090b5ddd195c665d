"""Names of the files that are written for pictures."""

from __future__ import annotations

from collections.abc import Iterable

from eval.errors import EvaluationError


def inner_name(file_name: str) -> str:
    """A file name that stays inside its folder: relative, with slashes, without `..`."""
    parts = file_name.replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", ".", ".."))


def flat_name(file_name: str) -> str:
    """A file name without folders: theirs precede its own, a/1.jpg becomes a_1.jpg."""
    return inner_name(file_name).replace("/", "_")


def stem_of(name: str) -> str:
    """A file name without its suffix."""
    return name.rpartition(".")[0] or name


def check_stems(names: Iterable[str], layout: str) -> None:
    """Raise EvaluationError if two pictures would share one text file."""
    taken: dict[str, str] = {}
    for name in names:
        other = taken.setdefault(stem_of(name), name)
        if other != name:
            raise EvaluationError(
                f"{name}: {layout} names its files after pictures without their suffix, and "
                f"{other} has the same name; rename one of them"
            )
