"""Made-up masks for the problems of evaluator_problems.py: polygons and runs, as in COCO's files.

Objects are polygons to hundredths of a pixel, crowds uncompressed runs, detections compressed
runs, which is what annotators and networks deliver. Each shape is a rounded one that fills its
box, with a wavy outline.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

POINTS = 28  # of a polygon, about as many as COCO's have
WAVES = 0.06  # standard deviation of the outline, in units of the radius


def outlines(boxes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(N, points, 2) the x and y of rounded shapes in boxes (N, 4), xywh."""
    angles = np.linspace(0, 2 * np.pi, POINTS, endpoint=False)
    # A superellipse lies between an ellipse and its box.
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    directions = np.sign(directions) * np.abs(directions) ** 0.7
    radii = np.minimum(1 + WAVES * rng.standard_normal((len(boxes), POINTS, 1)), 1)
    center, half = boxes[:, None, :2] + boxes[:, None, 2:] / 2, boxes[:, None, 2:] / 2
    return np.round(center + half * radii * directions, 2)


def polygons(boxes: np.ndarray, rng: np.random.Generator) -> list[list[float]]:
    """One polygon for each box, [x, y, x, y, ...]."""
    points: list[list[float]] = outlines(boxes, rng).reshape(len(boxes), -1).tolist()
    return points


def compressed(
    boxes: np.ndarray, frames: np.ndarray, rng: np.random.Generator
) -> Iterator[dict[str, Any]]:
    """Masks as compressed runs, for boxes (N, 4) in images of (N, 2) width and height."""
    from pycocotools import mask

    for polygon, (width, height) in zip(polygons(boxes, rng), frames.tolist(), strict=True):
        runs = mask.frPyObjects([polygon], height, width)[0]
        yield {"size": runs["size"], "counts": runs["counts"].decode()}


def uncompressed(polygon: list[float], width: int, height: int) -> dict[str, Any]:
    """A polygon's mask as a list of runs."""
    from pycocotools import mask

    pixels = mask.decode(mask.frPyObjects([polygon], height, width)[0]).ravel(order="F")
    changes = np.flatnonzero(np.diff(pixels, prepend=0)).tolist()
    bounds = [0, *changes, len(pixels)]
    return {"size": [height, width], "counts": np.diff(bounds).tolist()}
