"""Masks of annotations as compressed run-length encodings (RLE)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, pairwise
from typing import Any

import numpy as np

from eval.errors import EvaluationError
from eval.pycocotools.masks.polygon_kernels import polygon_runs, write_runs

SIDES = ("height", "width")
FIFTHS = 5  # pycocotools samples outlines at fifths of a pixel
FAR = 4e8  # pixels; pycocotools counts fifths in 32 bits


def compress(coco: Any, annotations: Sequence[dict[str, Any]]) -> None:
    """Replace each `segmentation` by its compressed RLE, as pycocotools does.

    Single polygons are converted together; for all other shapes, `coco.annToRLE` is called.

    Raises
    ------
    EvaluationError
        A polygon has something else than finite numbers.
    """
    plain = []
    for one in annotations:
        shape = one["segmentation"]
        if isinstance(shape, list) and len(shape) == 1 and len(shape[0]) >= 6:
            image = coco.imgs[one["image_id"]]
            if all(type(image.get(side)) is int and image[side] > 0 for side in SIDES):
                plain.append(one)
                continue
        elif isinstance(shape, dict) and isinstance(shape.get("counts"), str | bytes):
            continue
        one["segmentation"] = coco.annToRLE(one)
    if plain:
        _compress_polygons(coco, plain)


def _compress_polygons(coco: Any, annotations: list[dict[str, Any]]) -> None:
    shapes = [one["segmentation"][0] for one in annotations]
    shapes = [one[:-1] if len(one) % 2 else one for one in shapes]
    counts = np.array([len(one) for one in shapes])
    try:
        points = np.fromiter(chain.from_iterable(shapes), np.float64, counts.sum())
        near = np.logical_and.reduceat(np.abs(points) < FAR, np.cumsum(counts) - counts)
        bad = annotations[int(np.argmin(near))]
    except (TypeError, ValueError):
        near, bad = np.zeros(1, dtype=bool), next(filter(_has_other_values, annotations), {})
    if not near.all():
        raise EvaluationError(
            f"annotation {bad.get('id')} of image {bad.get('image_id')}: its polygon has something "
            "else than coordinates in pixels"
        )
    sizes = [[coco.imgs[one["image_id"]][side] for side in SIDES] for one in annotations]
    for one, size, text in zip(annotations, sizes, _texts(points, counts, sizes), strict=True):
        one["segmentation"] = {"size": size, "counts": text}


def _has_other_values(annotation: dict[str, Any]) -> bool:
    return not all(isinstance(one, int | float) for one in annotation["segmentation"][0])


def _texts(points: np.ndarray, counts: np.ndarray, sizes: list[list[int]]) -> list[bytes]:
    """The `counts` of polygons, of which each has some of the points: x and y in turn."""
    corners = counts // 2
    ends = np.cumsum(corners)
    fifths = (FIFTHS * points + 0.5).astype(np.int64)  # cut off towards zero, as in C
    frames = np.array(sizes, dtype=np.int64)
    following = np.roll(fifths[::2], -1)
    following[ends - 1] = fifths[::2][ends - corners]
    # An edge crosses each column once; two more numbers are for rounding and for the last pixel.
    columns = np.minimum(np.abs(following - fifths[::2]) // FIFTHS, frames[:, 1].repeat(corners))
    room = np.add.reduceat(columns + 2, ends - corners)
    lengths = np.empty(room.sum(), dtype=np.int32)
    starts = np.empty(len(counts) + 1, dtype=np.int64)
    point_starts = np.concatenate([[0], 2 * ends])
    polygon_runs(fifths, point_starts, frames, np.empty(room.max(), np.int64), lengths, starts)
    text = np.empty(7 * starts[-1], dtype=np.uint8)
    text_starts = np.empty_like(starts)
    write_runs(lengths, starts, text, text_starts)
    content, bounds = text.tobytes(), text_starts.tolist()
    return [content[first:end] for first, end in pairwise(bounds)]
