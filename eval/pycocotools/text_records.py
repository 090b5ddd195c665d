"""The annotations of a JSON file as arrays, read by compiled code without a dict for each.

Only regular lists are supported; anything else gives None, and the caller reads the dicts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from eval.formats.compiled.json_columns import name_words
from eval.formats.compiled.json_numbers import POWERS_OF_FIVE, POWERS_OF_TEN
from eval.pycocotools.compiled.json_fields import (
    find_fields,
    read_boxes,
    read_flags,
    read_integers,
    read_numbers,
    read_polygons,
    read_rles,
)
from eval.pycocotools.masks import runs
from eval.pycocotools.masks.runs import Texts
from eval.pycocotools.masks.shapes import FAR, Converter, polygon_texts
from rcnn_kernels import Kernel

FIELDS = (
    *("image_id", "category_id", "bbox", "segmentation"),
    *("score", "area", "id", "iscrowd", "caption"),
)
IMAGE, CATEGORY, BBOX, SEGMENTATION, SCORE, AREA, IDENTITY, CROWD, CAPTION = range(9)
SMALLEST_RECORD = 32  # the length of {"image_id":1,"category_id":1},
EXACT = 2**26  # whole numbers up to here have products that float64 has exactly


@dataclass(frozen=True, eq=False)
class TextRecords:
    """N annotations of a file, in its order or another one (see annotations.Annotations).

    Attributes
    ----------
    text
        The file, followed by NULS NULs.
    images, categories, identities
        (N,) int64 ids.
    shapes
        (N, 2) int64: where each segmentation begins and ends in the text; 0 without one.
    xywh
        (N, 4) float64 boxes; None without.
    scores
        (N,) float64; None for ground truth.
    areas
        (N,) float64, in pixels.
    crowd
        (N,) uint8.
    converter
        Converts segmentations to compressed RLEs.
    """

    text: np.ndarray
    images: np.ndarray
    categories: np.ndarray
    identities: np.ndarray
    shapes: np.ndarray
    xywh: np.ndarray | None
    scores: np.ndarray | None
    areas: np.ndarray
    crowd: np.ndarray
    converter: Converter

    def take(self, rows: np.ndarray) -> TextRecords:
        """Those of some rows, in their order."""
        columns = {
            name: column[rows]
            for name, column in vars(self).items()
            if isinstance(column, np.ndarray) and name != "text"
        }
        return replace(self, **columns)

    def owner(self, row: int) -> dict[str, Any]:
        return {"id": int(self.identities[row]), "image_id": int(self.images[row])}

    def ids(self) -> list[int]:
        return self.identities.tolist()

    def numbers(self, key: str) -> np.ndarray:
        column = {"score": self.scores, "area": self.areas}[key]
        assert column is not None
        return column

    def crowds(self) -> np.ndarray:
        return self.crowd

    def ignored(self) -> np.ndarray:
        return self.crowd > 0

    def boxes(self) -> np.ndarray:
        assert self.xywh is not None
        return self.xywh

    def masks(self, needed: np.ndarray) -> Texts:
        found = self.rles(needed)
        others = np.flatnonzero(needed & (found.sizes[:, 0] < 0))
        if not len(others):
            return found
        outlined, texts = self._polygons(others)
        found = found.replaced(others[outlined], texts)
        others = others[~outlined]
        return (
            found.replaced(others, runs.texts_of(self._converted(others))) if len(others) else found
        )

    def rles(self, needed: np.ndarray) -> Texts:
        """The compressed RLEs; other shapes and those that are not needed have negative sizes."""
        begins, ends = (np.where(needed, side, 0) for side in self.shapes.T)
        text = np.empty((ends - begins).sum(), dtype=np.uint8)
        starts, sizes = np.empty(len(begins) + 1, np.int64), np.empty((len(begins), 2), np.int64)
        read_rles(self.text, begins, np.zeros(1, np.int64), text, starts, sizes)
        return Texts(text[: starts[-1]], starts, sizes)

    def _polygons(self, rows: np.ndarray) -> tuple[np.ndarray, Texts]:
        """Which of some rows are single polygons in images of known sizes, and their masks."""
        begins, ends = self.shapes[rows].T
        sizes = self.converter.sizes(self.images[rows])
        known = (sizes > 0).all(axis=1)
        points = np.empty((ends - begins).sum() // 2 + 1)
        starts = np.empty(len(rows) + 1, np.int64)
        read_polygons(
            self.text, np.where(known, begins, 0), POWERS_OF_FIVE, POWERS_OF_TEN,
            np.zeros(1, np.uint64), FAR, points, starts,
        )  # fmt: skip
        counts = np.diff(starts)
        found = counts > 0
        if not found.any():
            return found, Texts.of([], np.empty((0, 2), np.int64))
        return found, polygon_texts(points[: starts[-1]], counts[found], sizes[found])

    def _converted(self, rows: np.ndarray) -> list[dict[str, Any]]:
        """Annotations of some rows whose masks were other shapes."""
        import orjson

        text = self.text.data
        values = b",".join([text[first:end] for first, end in self.shapes[rows].tolist()])
        shapes = orjson.loads(b"[" + values + b"]")
        owners = map(self.owner, rows.tolist())
        annotations = [
            {**owner, "segmentation": shape} for owner, shape in zip(owners, shapes, strict=True)
        ]
        self.converter.compress(annotations)
        return annotations


def read_records(
    text: np.ndarray, begin: int, converter: Converter, *, results: bool
) -> tuple[TextRecords, int] | None:
    """The annotations of the list at text[begin], and the place after the list.

    Results have ids, areas and boxes as eval.pycocotools.results adds them. None if the list is
    irregular, or without a value that the evaluation needs.
    """
    places = np.zeros(((len(text) - begin) // SMALLEST_RECORD + 1, len(FIELDS), 2), np.int64)
    ended = np.zeros(1, np.int64)
    count = find_fields(
        text, begin, name_words(FIELDS), np.array([len(name) + 2 for name in FIELDS]),
        POWERS_OF_FIVE, POWERS_OF_TEN, np.zeros(1, np.uint64),
        np.arange(len(FIELDS) + 1) % len(FIELDS), places, ended,
    )  # fmt: skip
    if count < 0:
        return None
    try:
        records = _records(text, places[:count], converter, results=results)
    except _IrregularError:
        return None
    return records, int(ended[0])


class _IrregularError(Exception):
    """A record has another kind of value, or none."""


def _records(
    text: np.ndarray, places: np.ndarray, converter: Converter, *, results: bool
) -> TextRecords:
    begins = np.ascontiguousarray(places[:, :, 0].T)
    count, numbers = len(places), (POWERS_OF_FIVE, POWERS_OF_TEN, np.zeros(1, np.uint64))

    def read(kernel: Kernel, field: int, values: np.ndarray, *tables: np.ndarray) -> np.ndarray:
        if kernel(text, begins[field], *tables, values) < count:
            raise _IrregularError
        return values

    def integers(field: int) -> np.ndarray:
        return read(read_integers, field, np.empty(count, np.int64))

    with_boxes = np.count_nonzero(begins[BBOX])
    if results and (with_boxes not in (0, count) or begins[CAPTION].any()):
        raise _IrregularError
    records = TextRecords(
        text=text,
        images=integers(IMAGE),
        categories=integers(CATEGORY),
        identities=np.arange(1, count + 1) if results else integers(IDENTITY),
        shapes=np.ascontiguousarray(places[:, SEGMENTATION]),
        xywh=read(read_boxes, BBOX, np.empty((count, 4)), *numbers)
        if with_boxes == count
        else None,
        scores=read(read_numbers, SCORE, np.empty(count), *numbers) if results else None,
        areas=np.empty(count) if results else read(read_numbers, AREA, np.empty(count), *numbers),
        crowd=np.zeros(count, np.uint8)
        if results
        else read(read_flags, CROWD, np.empty(count, np.uint8)),
        converter=converter,
    )
    if not results:
        if len(np.unique(records.identities)) < count:  # the last one of an id counts for all
            raise _IrregularError
        return records
    return _complete(records)


def _complete(records: TextRecords) -> TextRecords:
    """The areas and boxes of results."""
    if records.xywh is not None:
        if (np.abs(records.xywh) > EXACT).any():
            raise _IrregularError
        return replace(records, areas=records.xywh[:, 2] * records.xywh[:, 3])
    texts = records.rles(np.ones(len(records.images), dtype=bool))
    if (texts.sizes < 0).any():
        raise _IrregularError
    masks = runs.read(texts, records.owner)
    return replace(records, areas=masks.areas.astype(np.uint32).astype(float), xywh=masks.boxes)
