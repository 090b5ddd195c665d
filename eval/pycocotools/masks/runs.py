"""Masks as run-length encodings (RLE): areas, boxes and overlaps without pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from eval.errors import EvaluationError
from eval.pycocotools.masks.run_kernels import copy_texts, measure_runs, read_runs

INCOMPARABLE = -2.0  # stands for the IoU of masks with different numbers of pixels


@dataclass(frozen=True, eq=False)
class Runs:
    """The runs of many masks.

    Attributes
    ----------
    lengths
        Lengths of all runs, int32, of background and object in turn, mask after mask.
    starts
        (N + 1,) int64: mask i owns lengths[starts[i]:starts[i + 1]].
    sizes
        (N, 2) int64, height and width of its image in pixels.
    areas
        (N,) int64, in pixels.
    boxes
        (N, 4) float64, xywh in pixels.
    """

    lengths: np.ndarray
    starts: np.ndarray
    sizes: np.ndarray
    areas: np.ndarray
    boxes: np.ndarray


@dataclass(frozen=True, eq=False)
class Texts:
    """Masks in COCO's text: mask i owns text[starts[i]:starts[i + 1]], and `sizes` as Runs."""

    text: np.ndarray
    starts: np.ndarray
    sizes: np.ndarray

    @classmethod
    def of(cls, texts: list[bytes], sizes: np.ndarray) -> Texts:
        """The `counts` of masks, and (N, 2) int64 height and width."""
        starts = np.cumsum([0, *map(len, texts)], dtype=np.int64)
        return cls(np.frombuffer(b"".join(texts), dtype=np.uint8), starts, sizes)

    def followed_by(self, others: Texts) -> Texts:
        """These masks, then others."""
        return Texts(
            np.concatenate([self.text[: self.starts[-1]], others.text]),
            np.concatenate([self.starts[:-1], others.starts + self.starts[-1]]),
            np.concatenate([self.sizes, others.sizes]),
        )

    def replaced(self, rows: np.ndarray, others: Texts) -> Texts:
        """These masks, with others in some rows, which have no text here."""
        lengths, sizes = np.diff(self.starts), self.sizes.copy()
        lengths[rows], sizes[rows] = np.diff(others.starts), others.sizes
        starts = np.concatenate([[0], np.cumsum(lengths)])
        text = np.empty(starts[-1], dtype=np.uint8)
        copy_texts(self.text, self.starts, np.arange(len(sizes)), text, starts)
        copy_texts(others.text, others.starts, rows, text, starts)
        return Texts(text, starts, sizes)


def texts_of(annotations: Sequence[dict[str, Any]], needed: np.ndarray | None = None) -> Texts:
    """The masks of annotations, whose `segmentation` is a compressed RLE.

    Parameters
    ----------
    needed
        (N,) bool: masks to read; the others stay empty. By default all.

    Raises
    ------
    EvaluationError
        A segmentation is something else.
    """
    shapes: list[Any] = [one.get("segmentation") for one in annotations]
    try:
        flat = chain.from_iterable([one["size"] for one in shapes])
        sizes = np.fromiter(flat, np.int64, 2 * len(shapes)).reshape(-1, 2)
        texts: list[Any] = [one["counts"] for one in shapes]
        if needed is not None:
            texts = [one if use else b"" for one, use in zip(texts, needed.tolist(), strict=True)]
        texts = [one if isinstance(one, bytes) else one.encode() for one in texts]
    except (KeyError, TypeError, ValueError, AttributeError):
        bad = next(filter(_is_other, annotations), annotations[0])
        raise EvaluationError(_unreadable(bad)) from None
    return Texts.of(texts, sizes)


def read(texts: Texts, owner: Callable[[int], dict[str, Any]]) -> Runs:
    """The masks of texts; `owner` gives the annotation of one, for messages.

    Raises
    ------
    EvaluationError
        A text is damaged.
    """
    count = len(texts.sizes)
    lengths = np.empty(texts.starts[-1] + count, dtype=np.int32)
    starts = np.empty(count + 1, dtype=np.int64)
    done = read_runs(texts.text, texts.starts, texts.sizes, lengths, starts)
    if done < count:
        raise EvaluationError(_unreadable(owner(done)))
    areas, boxes = np.empty(count, dtype=np.int64), np.empty((count, 4))
    measure_runs(lengths, starts, texts.sizes, areas, boxes)
    return Runs(lengths, starts, texts.sizes, areas, boxes)


def _is_other(annotation: dict[str, Any]) -> bool:
    """Whether a segmentation is no compressed RLE."""
    shape = annotation.get("segmentation")
    if not isinstance(shape, dict) or not isinstance(shape.get("counts"), str | bytes):
        return True
    size = shape.get("size")
    return not isinstance(size, list | tuple) or len(size) != 2


def _unreadable(annotation: dict[str, Any]) -> str:
    return (
        f"annotation {annotation.get('id')} of image {annotation.get('image_id')}: its "
        "segmentation is no compressed RLE, a dict of `size` [height, width] and the text `counts`"
    )


def too_long(runs: Runs, owner: Callable[[int], dict[str, Any]]) -> str:
    """The message about the first mask that covers more pixels than its image has."""
    pixels = np.add.reduceat(runs.lengths[: runs.starts[-1]].astype(np.int64), runs.starts[:-1])
    first = int(np.argmax(pixels > runs.sizes.prod(axis=1)))
    height, width = runs.sizes[first].tolist()
    annotation = owner(first)
    return (
        f"annotation {annotation.get('id')} of image {annotation.get('image_id')}: its mask has "
        f"{pixels[first]} pixels, but `size` is [{height}, {width}]; the mask belongs to another "
        "size"
    )
