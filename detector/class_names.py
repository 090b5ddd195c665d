"""Class names that a user gives, found among those of a detector or a data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING

from detector.errors import DetectorError, suggest
from detector.files.names import printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


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


def lowest_scores(
    thresholds: Mapping[str, float], class_names: Sequence[str], default: float
) -> NDArray[np.float32]:
    """(classes,) the lowest score of each class: that of `thresholds` by name, or the default.

    Raises
    ------
    DetectorError
        A name that is no class, or a threshold that is no number from 0 to 1.
    """
    import numpy as np

    lowest = np.full(len(class_names), default, dtype=np.float32)
    for name, threshold in thresholds.items():
        if not isinstance(threshold, Real) or not 0 <= threshold <= 1:
            raise DetectorError(f"threshold of {name!r} is {threshold!r}; scores are 0 to 1")
        lowest[find_classes([name], class_names)] = threshold
    return lowest


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
