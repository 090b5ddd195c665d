"""Lines of YOLO results with more columns than `class cx cy w h confidence`.

ultralytics writes a polygon, the four corners of a rotated box, or a box with keypoints, then the
confidence, then the number of the track if objects are tracked.
"""

from __future__ import annotations

import math

from eval.formats.folders.yolo_lines import box_around
from eval.formats.number_lines import number_of

CORNERS = 9  # four points and the confidence


def polygon_columns(words: list[bytes]) -> list[float] | None:
    """Box and confidence of a line with a track, a polygon, or keypoints of three numbers each.

    None for any other line.
    """
    values = _numbers(words)
    if len(values) == 6 and _is_track(values[-1]):
        return values[:5]
    if len(values) % 2 == 0 and len(values) > 7 and _is_track(values[-1]):
        values = values[:-1]
    if len(values) >= 7 and len(values) % 2:
        return [*box_around(values[:-1:2], values[1:-1:2]), values[-1]]
    return keypoint_columns(words) if (len(values) - 5) % 3 == 0 else None


def keypoint_columns(words: list[bytes]) -> list[float] | None:
    """Box and confidence of a line `class cx cy w h`, keypoints, confidence, and maybe a track."""
    values = _numbers(words)
    tracked = len(values) % 2 == 0 and _is_track(values[-1]) if values else False
    values = values[:-1] if tracked else values
    return [*values[:4], values[-1]] if len(values) > CORNERS else None


def _numbers(words: list[bytes]) -> list[float]:
    """The numbers behind the class; [] unless all are numbers."""
    values = [number_of(word) for word in words[1:]]
    return [] if any(map(math.isnan, values)) else values


def _is_track(value: float) -> bool:
    return value >= 0 and value.is_integer()
