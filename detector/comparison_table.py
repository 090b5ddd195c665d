"""Two reports side by side, as `detect evaluate` prints them. Imports nothing heavy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eval import Report


def comparison_table(first: Report, second: Report, names: tuple[str, str]) -> str:
    """Both figures and the second less the first: main figures, then classes, then notes.

    Parameters
    ----------
    first, second
        Of two results on one data set under one protocol.
    names
        What the two are called.
    """
    title, *_ = first.table().splitlines()
    label = max(len(name) for name in ("class", *first.stats, *first.per_class))
    widths = [max(len(name), 6) for name in names] + [len("difference")]

    def line(name: str, *cells: str) -> str:
        padded = (f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        return "  ".join([f"{name:<{label}}", *padded])

    def figures(a: dict[str, float], b: dict[str, float]) -> list[str]:
        return [
            line(name, _figure(a[name]), _figure(b[name]), _figure(b[name] - a[name], "+"))
            for name in a
        ]

    lines = [title, "", line("", *names, "difference"), *figures(first.stats, second.stats)]
    lines += ["", line("class", "AP", "AP", ""), *figures(first.per_class, second.per_class)]
    said = _said(first, second, names)
    return "\n".join(text.rstrip() for text in [*lines, *([""] if said else []), *said])


def _figure(value: float, sign: str = "-") -> str:
    return "-" if math.isnan(value) else f"{value:{sign}.4f}"


def _said(first: Report, second: Report, names: tuple[str, str]) -> list[str]:
    """Notes and quirks, those of both once; the others with the name whose they are."""
    lines = []
    for kind, a, b in (
        ("Note", first.notes, second.notes),
        ("Quirk", first.quirks, second.quirks),
    ):
        lines += [f"{kind}: {text}" for text in a if text in b]
        for name, own, other in ((names[0], a, b), (names[1], b, a)):
            lines += [f"{kind} ({name}): {text}" for text in own if text not in other]
    return lines
