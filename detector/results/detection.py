"""One object that a detector found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Detection:
    """One object.

    Attributes
    ----------
    box_xyxy
        (x1, y1, x2, y2) in pixels.
    score, label, name
        The score, the label and its class name.
    """

    box_xyxy: tuple[float, float, float, float]
    score: float
    label: int
    name: str
