"""Class names that a user gives, found among those of a detector."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from detector.errors import DetectorError
from detector.files.names import printable


def find_classes(wanted: Sequence[str], class_names: Sequence[str]) -> list[int]:
    """The indices of the wanted names in `class_names`, in ascending order, each once.

    Capital and small letters are the same, unless that would leave a choice: of the classes "Cat"
    and "cat", a name finds the one that is spelt like it.

    Raises
    ------
    DetectorError
        A name that is no class, or that could be several; the message lists the classes.
    """
    return sorted({_find(name, class_names) for name in wanted})


def _find(name: str, class_names: Sequence[str]) -> int:
    if name in class_names:
        return class_names.index(name)
    folded = [other.casefold() for other in class_names]
    rows = [row for row, other in enumerate(folded) if other == name.casefold()]
    if len(rows) == 1:
        return rows[0]
    if rows:
        spelt = " or ".join(repr(printable(class_names[row])) for row in rows)
        raise DetectorError(f"class {printable(name)!r}: could be {spelt}; spell it like the class")
    near = difflib.get_close_matches(name.casefold(), folded, n=1)
    guess = f"did you mean {class_names[folded.index(near[0])]!r}? " if near else ""
    raise DetectorError(
        f"class {printable(name)!r}: this detector does not know it; {guess}"
        f"it knows {', '.join(map(printable, class_names))}"
    )
