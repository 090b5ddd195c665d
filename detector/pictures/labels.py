"""Where the labels of a picture go: beside their frames, inside the picture, not on each other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import ImageFont

    from detector.results import Detections

# Hiding a pixel of a small object is this bad, where hiding a pixel of another label is 1.
SMALL_OBJECT_COST = 0.25
# A label may lose this share of itself under better ones before a shorter one is tried.
TOLERATED_COVER = 0.1


@dataclass(frozen=True)
class Label:
    """Text on a rectangle of the picture.

    Attributes
    ----------
    row
        The row of the detections that it is for.
    text
        What it says.
    place
        The rectangle [x1, y1, x2, y2] of whole pixels.
    """

    row: int
    text: str
    place: tuple[int, int, int, int]


def place_labels(
    detections: Detections,
    frames: np.ndarray,
    font: ImageFont.FreeTypeFont,
    line: int,
    canvas_size: tuple[int, int],
) -> list[Label]:
    """Choose text and place of each label, the best scores first; later ones make way.

    In a crowd a label without a free place is cut to its score, then left out: the frame's
    colour still tells the class. The best of each class always has its full label.

    Parameters
    ----------
    frames
        (N, 4) int, the boxes on the canvas.
    line
        Frame width in pixels.
    canvas_size
        (width, height).
    """
    labels: list[Label] = []
    placed = np.empty((0, 4), dtype=np.int64)
    named: set[int] = set()
    for row in np.argsort(-detections.scores, kind="stable").tolist():
        item = detections[row]
        score = f"{item.score:.0%}" if 0 <= item.score <= 1 else f"{item.score:.2f}"
        for text in (f"{item.name} {score}", score):
            text, size = _fitting(text, font, canvas_size[0])
            places = _inside(_places(frames[row], size, line), canvas_size)
            hidden = _shared(places, placed)
            small = frames[_areas(frames) < 8 * size[0] * size[1]]
            best = int(np.argmin(hidden + SMALL_OBJECT_COST * _shared(places, small)))
            free = hidden[best] <= TOLERATED_COVER * size[0] * size[1]
            if free or item.label not in named:
                x1, y1, x2, y2 = places[best].tolist()
                labels.append(Label(row, text, (x1, y1, x2, y2)))
                placed = np.vstack([placed, places[best]])
                named.add(item.label)
                break
    return labels


def _fitting(text: str, font: ImageFont.FreeTypeFont, room: int) -> tuple[str, tuple[int, int]]:
    """The text and its label's (width, height); a name too long for the picture is cut."""
    ascent, descent = font.getmetrics()
    pad = max(2, round(font.size / 5))
    name, _, score = text.rpartition(" ")
    while font.getlength(text) + 2 * pad > room and name:
        name = name[:-1]
        text = f"{name}\u2026 {score}"
    return text, (math.ceil(font.getlength(text)) + 2 * pad, ascent + descent + pad)


def _places(frame: np.ndarray, size: tuple[int, int], line: int) -> np.ndarray:
    """(P, 4) int places for a label of (width, height), the most natural first."""
    x1, y1, x2, y2 = frame.tolist()
    width, height = size
    edge = max(1, line // 3)
    left, right = x1 - edge, x2 + edge - width
    above, below, top, bottom = y1 - height, y2, y1 - edge, y2 + edge - height
    corners = [
        *((left, above), (left, top), (right, above), (right, top)),
        *((left, below), (left, bottom), (right, below), (right, bottom)),
        *((x2, top), (x1 - width, top), (x2, bottom), (x1 - width, bottom)),
        # further down both sides, as far as the frame goes
        *((x, top + step * height) for x in (left, right) for step in (1, 2, 3)),
    ]
    corners = [corner for corner in corners if corner[1] <= below]
    origins = np.array(corners, dtype=np.int64)
    return np.hstack([origins, origins + size])


def _inside(places: np.ndarray, canvas_size: tuple[int, int]) -> np.ndarray:
    """The same rectangles moved to lie within the picture."""
    sizes = places[:, 2:] - places[:, :2]
    origins = np.maximum(0, np.minimum(places[:, :2], np.array(canvas_size) - sizes))
    return np.hstack([origins, origins + sizes])


def _areas(rectangles: np.ndarray) -> np.ndarray:
    areas: np.ndarray = np.prod(rectangles[:, 2:] - rectangles[:, :2], axis=1)
    return areas


def _shared(places: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(P,) pixels of each place that lie under the others, counted once for each."""
    upper = np.minimum(places[:, None, 2:], others[None, :, 2:])
    lower = np.maximum(places[:, None, :2], others[None, :, :2])
    total: np.ndarray = np.prod(np.maximum(upper - lower, 0), axis=2).sum(axis=1)
    return total
