"""Class names that a user gives, found among those of a detector or a data set."""

from __future__ import annotations

from collections.abc import Sequence

from detector.errors import DetectorError, suggest
from detector.files.names import printable


def find_classes(wanted: Sequence[str], class_names: Sequence[str]) -> list[int]:
    """The indices of the wanted names in `class_names`, in ascending order, each once.

    Case is ignored, except between classes that differ in nothing else: "Cat" does not find "cat"
    if there is a class "Cat" too.

    Raises
    ------
    DetectorError
        A name that is no class, or that could be several.
    """
    return sorted({_find(name, class_names) for name in wanted})


def _find(name: str, class_names: Sequence[str]) -> int:
    if not isinstance(name, str):
        raise DetectorError(f"{name!r:.60} is no class name; give names as texts, one by one")
    if name in class_names:
        return class_names.index(name)
    rows = [row for row, other in enumerate(class_names) if other.casefold() == name.casefold()]
    if len(rows) == 1:
        return rows[0]
    if rows:
        choices = " or ".join(repr(printable(class_names[row])) for row in rows)
        raise DetectorError(
            f"class {printable(name)!r}: could be {choices}; spell it like the class"
        )
    remedy = suggest(name, [printable(other) for other in class_names])
    raise DetectorError(f"class {printable(name)!r}: no such class{remedy}")
