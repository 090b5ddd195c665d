"""The kinds of error in words: those of TIDE, and false detections under the protocol alone."""

from __future__ import annotations

from typing import NamedTuple

from eval.report.content.operating_point import OTHER, OperatingPoint


class KindWords(NamedTuple):
    """The words for one kind of error.

    Attributes
    ----------
    name, meaning
        A heading, and what the kind means.
    several
        All errors of the kind, after "comes from".
    detections
        The same after a number of detections.
    """

    name: str
    meaning: str
    several: str
    detections: str = ""


TIDE_KINDS = {
    "Miss": KindWords(
        "Missed", "no detection near the object", "objects without any detection nearby"
    ),
    "Loc": KindWords(
        "Location",
        "right class, box poorly placed",
        "poorly placed boxes of the right class",
        "poorly placed",
    ),
    "Cls": KindWords(
        "Class", "good box, wrong class", "good boxes with the wrong class", "of the wrong class"
    ),
    "Both": KindWords(
        "Class and location",
        "wrong class, box poorly placed",
        "poorly placed boxes of the wrong class",
        "of the wrong class and poorly placed",
    ),
    "Dupe": KindWords(
        "Duplicate",
        "a second detection of an object",
        "duplicates",
        "on an object that is already found",
    ),
    "Bkg": KindWords(
        "Background",
        "no annotated object there",
        "detections on background",
        "where no object is annotated",
    ),
}
KINDS = TIDE_KINDS | {
    OTHER: KindWords(
        "Other",
        "false under the protocol's own matching",
        "detections that TIDE calls correct",
        "for another reason",
    )
}


def reasons(point: OperatingPoint) -> dict[int, str]:
    """Why each false detection (row of the table) is false, in a few words."""
    pairs = zip(point.false.tolist(), point.kinds.tolist(), strict=True)
    return {row: KINDS[kind].meaning for row, kind in pairs}
