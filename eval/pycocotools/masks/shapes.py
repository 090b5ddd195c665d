"""Masks of annotations as compressed run-length encodings (RLE)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

import numpy as np

from eval.errors import EvaluationError
from eval.pycocotools.masks.polygon_kernels import polygon_runs, write_runs
from eval.pycocotools.masks.runs import Texts

SIDES = ("height", "width")
FIFTHS = 5  # pycocotools samples outlines at fifths of a pixel
LARGEST = 2**31
FAR = 4e8  # pixels; pycocotools counts fifths in 32 bits


@dataclass(frozen=True)
class Converter:
    """Converts the masks of a COCO object's annotations."""

    coco: Any

    def compress(self, annotations: list[dict[str, Any]]) -> None:
        """See the function `compress`."""
        compress(self.coco, annotations)

    def sizes(self, images: np.ndarray) -> np.ndarray:
        """(N, 2) int64 height and width of images, given by their ids; 0 where not known."""
        ids, rows = np.unique(images, return_inverse=True)
        found = [self.coco.imgs.get(one, {}) for one in ids.tolist()]
        sides = [[_whole(image.get(side)) for side in SIDES] for image in found]
        return np.array(sides, dtype=np.int64).reshape(-1, 2)[rows]


def _whole(side: Any) -> int:
    return side if type(side) is int and 0 < side < LARGEST else 0


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
    texts = polygon_texts(points, counts, np.array(sizes, dtype=np.int64))
    content, bounds = texts.text.tobytes(), texts.starts.tolist()
    for one, size, (first, end) in zip(annotations, sizes, pairwise(bounds), strict=True):
        one["segmentation"] = {"size": size, "counts": content[first:end]}


def _has_other_values(annotation: dict[str, Any]) -> bool:
    return not all(isinstance(one, int | float) for one in annotation["segmentation"][0])


def polygon_texts(points: np.ndarray, counts: np.ndarray, frames: np.ndarray) -> Texts:
    """The masks of polygons.

    Parameters
    ----------
    points
        x and y in turn, in pixels, of all polygons.
    counts
        (N,) int64, how many of these numbers each polygon has.
    frames
        (N, 2) int64, height and width of each one's image.
    """
    corners = counts // 2
    ends = np.cumsum(corners)
    fifths = (FIFTHS * points + 0.5).astype(np.int64)  # cut off towards zero, as in C
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
    return Texts(text[: text_starts[-1]], text_starts, frames)
