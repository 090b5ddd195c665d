"""Ground truth in COCO JSON -> arrays grouped by image."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from eval.records import (
    EvaluationError,
    boxes,
    corners,
    flags,
    index_of,
    integers,
    numbers,
    read_json,
    record_list,
    texts,
    unique_positions,
)


@dataclass(frozen=True)
class ImageRecord:
    """One image of a data set.

    Attributes
    ----------
    id, file_name
        As in the file.
    height, width
        In pixels.
    """

    id: int
    file_name: str
    height: int
    width: int


@dataclass(frozen=True, eq=False)
class Truths:
    """The annotated objects of one image, or of many; arrays of one length M.

    Attributes
    ----------
    boxes_xywh
        (M, 4) float64, [x, y, width, height] in pixels, as in the file.
    labels
        (M,) int64, index into the data set's class_names.
    areas
        (M,) float64, the annotation's own area (of its mask, if it has one), pixels^2.
    difficult
        (M,) bool, `difficult` or `ignore` was set.
    crowd
        (M,) bool, `iscrowd` was set.
    """

    boxes_xywh: np.ndarray
    labels: np.ndarray
    areas: np.ndarray
    difficult: np.ndarray
    crowd: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: Any) -> Truths:
        """Rows chosen by slice, index array or bool mask."""
        return Truths(
            self.boxes_xywh[rows],
            self.labels[rows],
            self.areas[rows],
            self.difficult[rows],
            self.crowd[rows],
        )

    @property
    def boxes_xyxy(self) -> np.ndarray:
        """(M, 4) float64, 0-based continuous [x1, y1, x2, y2], pixels."""
        return corners(self.boxes_xywh)

    @property
    def ignored(self) -> np.ndarray:
        """(M,) bool: objects that a detector need not find and is not blamed for finding."""
        either: np.ndarray = self.difficult | self.crowd
        return either


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images and their annotated objects, read-only.

    Attributes
    ----------
    images
        In the order that image indices count.
    class_names, category_ids
        Class k has the name class_names[k] and the id category_ids[k] in the file.
    all_truths
        The objects of image 0, then of image 1, ..., each image's in file order.
    starts
        (images + 1,) int64: image i owns rows starts[i] to starts[i + 1] of all_truths.
    source
        Name of the file.
    """

    images: tuple[ImageRecord, ...]
    class_names: tuple[str, ...]
    category_ids: tuple[int, ...]
    all_truths: Truths
    starts: np.ndarray
    source: str = "data set"

    def __len__(self) -> int:
        return len(self.images)

    def truths(self, image_index: int) -> Truths:
        """The objects of one image (views, no copies)."""
        if not 0 <= image_index < len(self.images):
            raise IndexError(f"image index {image_index} outside 0..{len(self.images) - 1}")
        return self.all_truths[self.starts[image_index] : self.starts[image_index + 1]]

    @cached_property
    def truth_images(self) -> np.ndarray:
        """(M,) int64: the image index of each row of all_truths."""
        return np.repeat(np.arange(len(self.images)), np.diff(self.starts))

    @cached_property
    def image_index_by_id(self) -> dict[int, int]:
        return {image.id: index for index, image in enumerate(self.images)}

    @cached_property
    def label_by_category_id(self) -> dict[int, int]:
        return {identity: label for label, identity in enumerate(self.category_ids)}

    def subset(self, image_indices: Sequence[int] | np.ndarray) -> Dataset:
        """The same classes with these images only, in this order.

        Raises
        ------
        EvaluationError
            An index is out of range or comes twice.
        """
        chosen = [int(index) for index in image_indices]
        unique_positions(chosen, "image index", "image_indices")
        if any(not 0 <= index < len(self.images) for index in chosen):
            raise EvaluationError(
                f"image_indices {min(chosen)}..{max(chosen)} outside 0..{len(self.images) - 1}"
            )
        counts = np.diff(self.starts)[np.array(chosen, dtype=np.int64)]
        rows = [np.arange(self.starts[i], self.starts[i + 1]) for i in chosen]
        return Dataset(
            images=tuple(self.images[index] for index in chosen),
            class_names=self.class_names,
            category_ids=self.category_ids,
            all_truths=self.all_truths[np.concatenate([np.empty(0, np.int64), *rows])],
            starts=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            source=self.source,
        )


def read_dataset(path: str | os.PathLike[str]) -> Dataset:
    """Read ground truth from COCO JSON.

    Every image needs id, file_name, height and width; every category id and name; every
    annotation image_id, category_id and bbox `[x, y, width, height]`. `area` defaults to
    width * height, `iscrowd`, `difficult` and `ignore` to 0; annotation ids are not needed.
    Classes keep the file's order and ids.

    Raises
    ------
    EvaluationError
        Naming file, record and field.
    """
    source = Path(path).name
    document = read_json(path)
    images = _images(record_list(document, "images", source), f"{source}: images")
    categories = record_list(document, "categories", source)
    where = f"{source}: categories"
    category_ids = integers(categories, "id", where)
    class_names = texts(categories, "name", where)
    unique_positions(class_names, "name", where)
    labels = unique_positions(category_ids, "id", where)
    image_rows = unique_positions([image.id for image in images], "id", f"{source}: images")

    annotations = record_list(document, "annotations", source)
    where = f"{source}: annotations"
    image_ids = integers(annotations, "image_id", where)
    image_of = index_of(image_ids, image_rows, where, "image_id")
    label_of = index_of(integers(annotations, "category_id", where), labels, where, "category_id")
    order = np.argsort(image_of, kind="stable")
    counts = np.bincount(image_of, minlength=len(images))
    return Dataset(
        images=images,
        class_names=tuple(class_names),
        category_ids=tuple(category_ids),
        all_truths=_truths(annotations, label_of, where)[order],
        starts=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        source=source,
    )


def _images(records: list[dict[str, Any]], where: str) -> tuple[ImageRecord, ...]:
    columns = zip(
        integers(records, "id", where),
        texts(records, "file_name", where),
        integers(records, "height", where),
        integers(records, "width", where),
        strict=True,
    )
    return tuple(ImageRecord(*values) for values in columns)


def _truths(annotations: list[dict[str, Any]], labels: np.ndarray, where: str) -> Truths:
    boxes_xywh = boxes(annotations, where)
    sides = boxes_xywh[:, 2] * boxes_xywh[:, 3]
    return Truths(
        boxes_xywh=boxes_xywh,
        labels=labels,
        areas=numbers(annotations, "area", where, defaults=sides),
        difficult=flags(annotations, "difficult", where) | flags(annotations, "ignore", where),
        crowd=flags(annotations, "iscrowd", where),
    )
