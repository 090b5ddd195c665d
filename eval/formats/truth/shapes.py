"""Boxes around shapes: points, circles, ellipses and rotated rectangles, in pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence


def around_points(x: Sequence[float], y: Sequence[float]) -> list[float] | None:
    """[xmin, ymin, xmax, ymax] around points; None without points, or if one is not finite."""
    if not x or len(x) != len(y) or not all(map(math.isfinite, (*x, *y))):
        return None
    return [min(x), min(y), max(x), max(y)]


def around_rotated(box: Sequence[float], degrees: float) -> list[float]:
    """[xmin, ymin, xmax, ymax] around a rectangle that is turned at its centre."""
    xmin, ymin, xmax, ymax = box
    if not degrees:
        return [xmin, ymin, xmax, ymax]
    sine, cosine = _shares(degrees)
    width, height = xmax - xmin, ymax - ymin
    half_width = (width * cosine + height * sine) / 2
    half_height = (width * sine + height * cosine) / 2
    return _around((xmin + xmax) / 2, (ymin + ymax) / 2, half_width, half_height)


def around_ellipse(cx: float, cy: float, rx: float, ry: float, degrees: float = 0) -> list[float]:
    """[xmin, ymin, xmax, ymax] around an ellipse with these half axes that is turned."""
    sine, cosine = _shares(degrees)
    return _around(cx, cy, math.hypot(rx * cosine, ry * sine), math.hypot(rx * sine, ry * cosine))


def around_circle(centre: Sequence[float], edge: Sequence[float]) -> list[float]:
    """[xmin, ymin, xmax, ymax] around a circle with this centre through this point."""
    radius = math.dist(centre, edge)
    return _around(centre[0], centre[1], radius, radius)


def _shares(degrees: float) -> tuple[float, float]:
    """|sin| and |cos|, exact at right angles; NaN for an angle that is not finite."""
    if not math.isfinite(degrees):
        return math.nan, math.nan
    if degrees % 90 == 0:
        return (0.0, 1.0) if degrees % 180 == 0 else (1.0, 0.0)
    turn = math.radians(degrees)
    return abs(math.sin(turn)), abs(math.cos(turn))


def _around(cx: float, cy: float, half_width: float, half_height: float) -> list[float]:
    return [cx - half_width, cy - half_height, cx + half_width, cy + half_height]
