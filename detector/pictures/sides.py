"""Whether a picture has the sides that its data set says: else its boxes may not fit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from detector.pictures.finding import printable

if TYPE_CHECKING:
    from eval.datasets import ImageRecord

Sides = tuple[int, int]  # height, width


def sides_of(record: ImageRecord) -> Sides | None:
    """What a data set says of an image; None where it leaves the sides out."""
    return (record.height, record.width) if min(record.height, record.width) > 0 else None


def other_sides(path: Path, actual: Sides, expected: Sides | None) -> str:
    """What is to be said of a picture that has others than expected; empty where it has not."""
    if expected is None or actual == expected:
        return ""
    return (
        f"{printable(path)}: is {actual[1]} x {actual[0]} pixels, its data set says "
        f"{expected[1]} x {expected[0]}; its boxes may not fit"
    )
