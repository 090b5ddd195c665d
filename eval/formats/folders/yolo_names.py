"""The class names of a YOLO data set: data.yaml, or a text file with one name per line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from eval.errors import EvaluationError
from eval.formats.folders.yolo_folders import read_yaml
from eval.formats.text_files import decoded, read_bytes

MOST_CLASSES = 10_000  # where only their number is known


def read_names(path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Class names, and notes on names that had to be made up or changed.

    data.yaml has a list of names, a mapping from numbers (which may be written as text), or only
    their number `nc`. The second of two equal names gets its class number appended.

    Raises
    ------
    EvaluationError
        There are no names, or the numbers do not begin at 0 or have gaps.
    """
    if path.suffix not in (".yaml", ".yml"):
        lines = decoded(read_bytes(path), path.name).splitlines()
        written = [line.strip() for line in lines if line.strip()]
        if not written:
            raise EvaluationError(f"{path.name}: names no class; write one name per line")
        return _unique(written, path, ())
    content = read_yaml(path)
    names, number = content.get("names"), content.get("nc")
    if not names and type(number) is int and 0 < number < MOST_CLASSES:
        made = [f"class_{one}" for one in range(number)]
        note = f"{path.name} has no names: the {number} classes are called {made[0]} and so on"
        return tuple(made), (note,)
    if isinstance(names, dict):
        names = _in_order(names)
    if not isinstance(names, list) or not names:
        raise EvaluationError(
            f"{path.name}: 'names' is {content.get('names')!r:.60}; expected a list of class "
            "names, or a mapping from the numbers 0, 1, ... to names"
        )
    return _unique([str(name) for name in names], path, ())


def _in_order(names: dict[Any, Any]) -> list[Any] | None:
    """The names by their numbers; None unless these are 0, 1, and so on."""
    by_number = {str(number).strip(): name for number, name in names.items()}
    if set(by_number) != {str(number) for number in range(len(names))}:
        return None
    return [by_number[str(number)] for number in range(len(names))]


def _unique(
    names: list[str], path: Path, notes: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    made: dict[str, None] = {}
    known = set(names)
    for number, name in enumerate(names):
        if name in made:
            other = next(n for n in (f"{name} ({number})", f"class {number}") if n not in known)
            notes += (f"{path.name}: class {number} is called {name!r} like another: {other!r}",)
            name = other
        made[name] = None
    return tuple(made), notes
