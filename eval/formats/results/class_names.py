"""The classes that results name, also where case, blanks, hyphens or underscores differ."""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from eval.formats.folders.yolo_names import read_names
from eval.formats.number_lines import number_of
from eval.formats.results.image_names import composed
from eval.wording import amount, listed

SHOWN = 3  # names in a note
SIGNS = "case, blanks, hyphens and underscores"


def labels_by_name(
    names: Iterable[str], known: Sequence[str]
) -> tuple[dict[str, int], tuple[str, ...]]:
    """The label of each name, -1 where it is unknown, and a note on names written otherwise.

    A name that is no class stands for the class that differs from it only in SIGNS. It is unknown
    if several classes do, or if several names would stand for one class.
    """
    different = dict.fromkeys(names)
    exact = {composed(name): label for label, name in enumerate(known)}
    exact |= {name: label for label, name in enumerate(known)}
    labels = {name: exact.get(name, exact.get(composed(name), -1)) for name in different}
    by_form = {bare(name): label for label, name in enumerate(known)}
    classes, written = (Counter(map(bare, group)) for group in (known, different))
    for name, label in labels.items():
        form = bare(name)
        if label < 0 and form and classes[form] == written[form] == 1:
            labels[name] = by_form[form]
    matched = [(n, labels[n]) for n in labels if labels[n] >= 0 and composed(n) not in exact]
    if not matched:
        return labels, ()
    pairs = ", ".join(f"{name!r:.60} is {known[label]!r:.60}" for name, label in matched[:SHOWN])
    more = f" and {len(matched) - SHOWN} more" if len(matched) > SHOWN else ""
    count = amount(len(matched), "class name was", "class names were")
    return labels, (f"{count} matched without regard to {SIGNS}: {pairs}{more}",)


def bare(name: str) -> str:
    """The name without regard to SIGNS."""
    return re.sub(r"[\s_-]+", "", composed(name).casefold())


def labels_by_number(
    numbers: Iterable[float],
    names_file: str | os.PathLike[str] | None,
    known: Sequence[str],
) -> tuple[dict[int, int], tuple[str, ...]]:
    """The label of each class number from 0, and a note on what the `numbers` mean.

    They are positions in the lines of a file, or else in the known classes. Numbers whose name is
    no class are left out.
    """
    names, notes = read_names(Path(names_file)) if names_file is not None else (tuple(known), ())
    by_name, remarks = labels_by_name(names, known)
    used = sorted({int(number) for number in numbers if 0 <= number < len(names)})
    examples = listed(f"{number} {names[number]}" for number in used[:4])
    examples += ", ..." if len(used) > 4 else ""
    if used and names_file is not None:
        notes += (f"class numbers were read as those of {Path(names_file).name}: {examples}",)
    elif used:
        notes += (
            "class numbers were read as positions in the classes of the ground truth, from 0: "
            f"{examples}; state others with --names (names= in Python)",
        )
    labels = {number: by_name[name] for number, name in enumerate(names) if by_name[name] >= 0}
    return labels, (*notes, *remarks)


def labels_of_words(
    words: Iterable[str], names_file: str | os.PathLike[str] | None, known: Sequence[str]
) -> tuple[dict[str, int], tuple[str, ...]]:
    """The label of each word, a class name or a class number, -1 where it is unknown; and notes."""
    values = {word: number_of(word) for word in dict.fromkeys(words)}
    numbers = {word: value for word, value in values.items() if not math.isnan(value)}
    labels, notes = labels_by_name([word for word in values if word not in numbers], known)
    if numbers:
        by_number, remarks = labels_by_number(numbers.values(), names_file, known)
        labels |= {word: _label(by_number, value) for word, value in numbers.items()}
        notes = (*remarks, *notes)
    return labels, notes


def _label(by_number: dict[int, int], value: float) -> int:
    return by_number.get(int(value), -1) if value.is_integer() else -1
