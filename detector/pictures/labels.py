"""Positions of labels: beside their frames, inside the picture, not on top of each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import ImageFont

# The cost of hiding a pixel of a small object; hiding a pixel of another label costs 1.
SMALL_OBJECT_COST = 0.25
# The share of a label that better ones may hide before a shorter text is tried.
TOLERATED_COVER = 0.1


@dataclass(frozen=True)
class Label:
    """Text on a rectangle of the picture.

    Attributes
    ----------
    row
        The row of the detection that it belongs to.
    text
        Class name and score, or the score alone.
    place
        The rectangle (x1, y1, x2, y2) in whole pixels.
    """

    row: int
    text: str
    place: tuple[int, int, int, int]


def place_labels(
    frames: np.ndarray,
    names: Sequence[str],
    scores: Sequence[float],
    font: ImageFont.FreeTypeFont,
    line: int,
    canvas_size: tuple[int, int],
) -> list[Label]:
    """Choose text and place of each label, the best score first.

    In a crowd, a label without a free place is shortened to its score, or else left out: the
    frame's colour still shows the class. The best detection of each class always has its full
    label.

    Parameters
    ----------
    frames
        (N, 4) int, the boxes on the canvas.
    names, scores
        Class name and score of each box.
    line
        Frame width in pixels.
    canvas_size
        (width, height).
    """
    labels: list[Label] = []
    placed = np.empty((0, 4), dtype=np.int64)
    named: set[str] = set()
    for row in np.argsort(-np.asarray(scores), kind="stable").tolist():
        name, score = names[row], scores[row]
        shown = f"{score:.2f}"
        for text in (f"{name} {shown}", shown):
            text, size = _fitting(text, font, canvas_size[0])
            places = _inside(_places(frames[row], size, line), canvas_size)
            hidden = _shared(places, placed)
            small = frames[_areas(frames) < 8 * size[0] * size[1]]
            best = int(np.argmin(hidden + SMALL_OBJECT_COST * _shared(places, small)))
            free = hidden[best] <= TOLERATED_COVER * size[0] * size[1]
            if free or name not in named:
                x1, y1, x2, y2 = places[best].tolist()
                labels.append(Label(row, text, (x1, y1, x2, y2)))
                placed = np.vstack([placed, places[best]])
                named.add(name)
                break
    return labels


def _fitting(text: str, font: ImageFont.FreeTypeFont, room: int) -> tuple[str, tuple[int, int]]:
    """The text and its label's (width, height); a name too long for the picture is shortened."""
    ascent, descent = font.getmetrics()
    pad = max(2, round(font.size / 5))
    name, _, score = text.rpartition(" ")
    while font.getlength(text) + 2 * pad > room and name:
        name = name[:-1]
        text = f"{name}\u2026 {score}"
    return text, (math.ceil(font.getlength(text)) + 2 * pad, ascent + descent + pad)


def _places(frame: np.ndarray, size: tuple[int, int], line: int) -> np.ndarray:
    """(P, 4) int candidate places for a label of (width, height), the most natural first."""
    x1, y1, x2, y2 = frame.tolist()
    width, height = size
    edge = max(1, line // 3)
    left, right = x1 - edge, x2 + edge - width
    above, below, top, bottom = y1 - height, y2, y1 - edge, y2 + edge - height
    corners = [
        *((left, above), (left, top), (right, above), (right, top)),
        *((left, below), (left, bottom), (right, below), (right, bottom)),
        *((x2, top), (x1 - width, top), (x2, bottom), (x1 - width, bottom)),
        # further down on both sides, as far as the frame extends
        *((x, top + step * height) for x in (left, right) for step in (1, 2, 3)),
    ]
    corners = [corner for corner in corners if corner[1] <= below]
    origins = np.array(corners, dtype=np.int64)
    return np.hstack([origins, origins + size])


def _inside(places: np.ndarray, canvas_size: tuple[int, int]) -> np.ndarray:
    """The same rectangles, moved into the picture."""
    sizes = places[:, 2:] - places[:, :2]
    origins = np.maximum(0, np.minimum(places[:, :2], np.array(canvas_size) - sizes))
    return np.hstack([origins, origins + sizes])


def _areas(rectangles: np.ndarray) -> np.ndarray:
    areas: np.ndarray = np.prod(rectangles[:, 2:] - rectangles[:, :2], axis=1)
    return areas


def _shared(places: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(P,) pixels that each place shares with the others; overlaps among those count twice."""
    upper = np.minimum(places[:, None, 2:], others[None, :, 2:])
    lower = np.maximum(places[:, None, :2], others[None, :, :2])
    total: np.ndarray = np.prod(np.maximum(upper - lower, 0), axis=2).sum(axis=1)
    return total
