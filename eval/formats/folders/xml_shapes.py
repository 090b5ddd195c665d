"""Objects in VOC XML that have no box but a polygon or a rotated box (labelImg's relatives)."""

from __future__ import annotations

import math
from xml.etree import ElementTree

from eval.formats.number_lines import number_of


def box_around_shape(element: ElementTree.Element) -> list[float] | None:
    """[xmin, ymin, xmax, ymax] around the polygon or the rotated box of an object, if it has one.

    A polygon lists x1, y1, x2, y2, ... (Roboflow, Darwin) or points `pt` of x and y (LabelMe). A
    rotated box (roLabelImg) has a centre cx, cy, sides w, h and an angle in radians, continuous
    from 0; its corners are converted to VOC's pixels, counted from 1.
    """
    rotated = element.find("robndbox")
    if rotated is not None:
        cx, cy, w, h, angle = (
            number_of(rotated.findtext(name)) for name in ("cx", "cy", "w", "h", "angle")
        )
        sine, cosine = abs(math.sin(angle)), abs(math.cos(angle))
        half_width, half_height = (w * cosine + h * sine) / 2, (w * sine + h * cosine) / 2
        box = [cx - half_width + 1, cy - half_height + 1, cx + half_width, cy + half_height]
        return box if all(map(math.isfinite, box)) else None
    polygon = element.find("polygon")
    if polygon is None:
        return None
    x = [number_of(one.text) for one in polygon.iter() if one.tag.rstrip("0123456789") == "x"]
    y = [number_of(one.text) for one in polygon.iter() if one.tag.rstrip("0123456789") == "y"]
    if not x or len(x) != len(y) or any(map(math.isnan, x + y)):
        return None
    return [min(x), min(y), max(x), max(y)]
