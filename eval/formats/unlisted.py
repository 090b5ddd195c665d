"""Records on images or classes that the ground truth does not list, left out and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from eval.formats.faults import Fault, refuse
from eval.wording import amount

KINDS = ("unknown image", "unknown class")  # of faults that may be left out
SHOWN = 3  # different images or classes in a note


class Unlisted:
    """A fault handler that counts records on what is not listed, and refuses all other faults."""

    def __init__(self, noun: str) -> None:
        self.noun = noun
        self.counts: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
        self.first: dict[str, str] = {}

    def __call__(self, fault: Fault) -> None:
        if fault.kind not in KINDS:
            refuse(fault)
        self.counts[fault.kind][fault.value] += fault.records
        self.first.setdefault(fault.kind, fault.where)

    def notes(self) -> tuple[str, ...]:
        """How many records were left out, and the first of their images or classes."""
        return tuple(
            left_out(
                self.noun, kind.removeprefix("unknown "), sum(counts.values()), [*counts],
                self.first[kind],
            )
            for kind, counts in self.counts.items()
            if counts
        )  # fmt: skip


def left_out(noun: str, what: str, count: int, different: Sequence[Any], first: str) -> str:
    """The note on `count` records whose images or classes (`what`) are not listed."""
    plural = "classes" if what == "class" else f"{what}s"
    shown = ", ".join(f"{value!r:.60}" for value in different[:SHOWN])
    more = f" and {len(different) - SHOWN:,} more" if len(different) > SHOWN else ""
    return (
        f"left out {amount(count, noun)} of {amount(len(different), what, plural)} that the ground "
        f"truth does not list: {shown}{more} (first: {first})"
    )
