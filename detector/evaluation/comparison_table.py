"""Two reports side by side, as `detect evaluate` prints them. It imports no heavy package."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eval import Dataset, Report
    from eval.detections import DetectionTable


def compared(
    results: Sequence[tuple[Report, DetectionTable]], part: Dataset, names: tuple[str, str]
) -> str:
    """Two results in one table, then a sentence on how much better the second is."""
    from eval.evaluate import all_matches, evaluated
    from eval.why import compare

    tables = [evaluated(report, table, part)[0] for report, table in results]
    part = evaluated(*results[0], part)[1]
    first, second = (
        (table, all_matches(report, table, part))
        for (report, _), table in zip(results, tables, strict=True)
    )
    sentence = compare(first, second, part, names=names).sentence
    return f"{comparison_table(results[0][0], results[1][0], names)}\n\n{sentence}"


def comparison_table(first: Report, second: Report, names: tuple[str, str]) -> str:
    """Both figures and their difference, second minus first: totals, classes, then notes.

    Parameters
    ----------
    first, second
        Reports on one data set under one protocol.
    names
        The names of the two results.
    """
    from eval.wording import difference, fraction

    title, *_ = first.table().splitlines()
    label = max(len(name) for name in ("class", *first.stats, *first.per_class))
    widths = [max(len(name), 6) for name in names] + [len("difference")]

    def line(name: str, *cells: str) -> str:
        padded = (f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        return "  ".join([f"{name:<{label}}", *padded])

    def figures(a: dict[str, float], b: dict[str, float]) -> list[str]:
        return [
            line(name, fraction(a[name]), fraction(b[name]), difference(b[name] - a[name]))
            for name in a
        ]

    lines = [title, "", line("", *names, "difference"), *figures(first.stats, second.stats)]
    lines += ["", line("class", "AP", "AP", ""), *figures(first.per_class, second.per_class)]
    notes = _notes(first, second, names)
    return "\n".join(text.rstrip() for text in [*lines, *([""] if notes else []), *notes])


def _notes(first: Report, second: Report, names: tuple[str, str]) -> list[str]:
    """Shared notes and quirks once; the rest with the name of the result they belong to."""
    lines = []
    for kind, a, b in (
        ("Note", first.notes, second.notes),
        ("Quirk", first.quirks, second.quirks),
    ):
        lines += [f"{kind}: {text}" for text in a if text in b]
        for name, own, other in ((names[0], a, b), (names[1], b, a)):
            lines += [f"{kind} ({name}): {text}" for text in own if text not in other]
    return lines
