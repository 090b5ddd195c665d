"""Ground truth of a data set as arrays grouped by image, whatever format it came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from eval.boxes import to_xywh, to_xyxy
from eval.errors import EvaluationError
from eval.records import unique_positions
from eval.wording import amount

Identity: TypeAlias = "int | str"


class ImageRecord(NamedTuple):
    """One image of a data set: its id and file name as in the file, and its sides in pixels."""

    id: Identity
    file_name: str
    height: int
    width: int


@dataclass(frozen=True, eq=False)
class Truths:
    """The annotated objects of one image or of many, as parallel arrays of length M.

    Attributes
    ----------
    boxes
        (M, 4) float64, pixels, in the layout of the file.
    labels
        (M,) int64, index into the data set's class_names.
    areas
        (M,) float64, the annotated area in pixels^2; of the mask if there is one.
    difficult
        (M,) bool, the annotation is marked `difficult` or `ignore`.
    crowd
        (M,) bool, the annotation is marked `iscrowd`.
    ids
        (M,) int64 or object, the ids of the annotations; None if they have no ids.
    positions
        (M,) int64, index in the file's list of objects; None if unknown.
    layout
        What the four numbers of a box mean, one of eval.boxes.LAYOUTS.
    """

    boxes: np.ndarray
    labels: np.ndarray
    areas: np.ndarray
    difficult: np.ndarray
    crowd: np.ndarray
    ids: np.ndarray | None = None
    layout: str = "xywh"
    positions: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: Any) -> Truths:
        """Select rows by slice, index array or bool mask."""
        return Truths(
            self.boxes[rows],
            self.labels[rows],
            self.areas[rows],
            self.difficult[rows],
            self.crowd[rows],
            None if self.ids is None else self.ids[rows],
            self.layout,
            None if self.positions is None else self.positions[rows],
        )

    @property
    def boxes_xywh(self) -> np.ndarray:
        """(M, 4) float64, 0-based continuous [x, y, width, height], pixels."""
        return to_xywh(self.boxes, self.layout)

    @property
    def boxes_xyxy(self) -> np.ndarray:
        """(M, 4) float64, 0-based continuous [x1, y1, x2, y2], pixels."""
        return to_xyxy(self.boxes, self.layout)

    @property
    def ignored(self) -> np.ndarray:
        """(M,) bool: objects that count neither as missed nor, if detected, as false."""
        either: np.ndarray = self.difficult | self.crowd
        return either


@dataclass(frozen=True, eq=False)
class Federation:
    """What LVIS states about its images and classes, apart from objects and verified pairs.

    Attributes
    ----------
    not_exhaustive
        (Q, 2) int64, pairs of image index and label: only some of the objects of the class in the
        image are annotated.
    frequencies
        For each class "r" (rare), "c" (common), "f" (frequent) or "" (unknown).
    notes
        Oddities that the reader noticed, which matter only under LVIS's rules.
    """

    not_exhaustive: np.ndarray
    frequencies: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def renumbered(self, column: int, numbers: np.ndarray) -> Federation:
        """With numbers[n] for each image index (column 0) or label (column 1); -1 leaves it out."""
        pairs = _renumbered(self.not_exhaustive, column, numbers)
        return replace(self, not_exhaustive=pairs)


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Images and their annotated objects, read-only.

    Attributes
    ----------
    images
        In the order of the image indices.
    class_names, category_ids
        Class k is called class_names[k] and has the id category_ids[k] in the file.
    all_truths
        The objects of image 0, then of image 1, ..., each image's in file order.
    starts
        (images + 1,) int64: image i owns rows starts[i] to starts[i + 1] of all_truths.
    source
        Name of the file or folder.
    excluded
        (P, 2) int64, pairs of image index and label that are not evaluated (the blacklist of
        ILSVRC).
    verified
        (V, 2) int64, pairs of image index and label that the files state to be checked: the image
        labels of Open Images, the absent classes of LVIS. Pairs with an object are checked as well.
        The protocols of both leave out detections on other pairs. None: all pairs are checked.
    federation
        What else a file of LVIS states; None for other data.
    notes
        Oddities that the reader noticed, one sentence each.
    pictures
        The folder that file names are relative to; None if the layout does not define one.
    """

    images: tuple[ImageRecord, ...]
    class_names: tuple[str, ...]
    category_ids: tuple[Identity, ...]
    all_truths: Truths
    starts: np.ndarray
    source: str = "data set"
    excluded: np.ndarray = field(default_factory=lambda: np.empty((0, 2), np.int64))
    verified: np.ndarray | None = None
    federation: Federation | None = None
    notes: tuple[str, ...] = ()
    pictures: Path | None = None

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        objects, classes = len(self.all_truths), len(self.class_names)
        return (
            f"{self.source}: {amount(len(self), 'image')}, {amount(objects, 'object')}, "
            f"{amount(classes, 'class', 'classes')}"
        )

    def truths(self, image_index: int) -> Truths:
        """The objects of one image (views, no copies)."""
        if not 0 <= image_index < len(self.images):
            raise IndexError(f"image index {image_index} outside 0..{len(self.images) - 1}")
        return self.all_truths[self.starts[image_index] : self.starts[image_index + 1]]

    @property
    def in_fractions(self) -> bool:
        """Whether boxes are in fractions of images of unknown size, which are 1 wide and 1 high."""
        return bool(self.images) and all(i.width == 1 == i.height for i in self.images)

    @cached_property
    def truth_images(self) -> np.ndarray:
        """(M,) int64: the image index of each row of all_truths."""
        return np.repeat(np.arange(len(self.images)), np.diff(self.starts))

    @cached_property
    def image_index_by_id(self) -> dict[Identity, int]:
        return {image.id: index for index, image in enumerate(self.images)}

    @cached_property
    def label_by_category_id(self) -> dict[Identity, int]:
        return {identity: label for label, identity in enumerate(self.category_ids)}

    def subset(self, image_indices: Sequence[int] | np.ndarray) -> Dataset:
        """The same classes with only these images, in this order.

        Raises
        ------
        EvaluationError
            An index is out of range or repeated.
        """
        chosen = np.asarray(image_indices, dtype=np.int64)
        unique_positions(chosen.tolist(), "image index", "image_indices")
        if len(chosen) and not (chosen.min() >= 0 and chosen.max() < len(self.images)):
            raise EvaluationError(
                f"image_indices {chosen.min()}..{chosen.max()} outside 0..{len(self.images) - 1}"
            )
        new_index = np.full(len(self.images), -1)
        new_index[chosen] = np.arange(len(chosen))
        rows = [np.arange(self.starts[i], self.starts[i + 1]) for i in chosen]
        return replace(
            self,
            images=tuple(self.images[index] for index in chosen),
            all_truths=self.all_truths[np.concatenate([np.empty(0, np.int64), *rows])],
            starts=np.concatenate([[0], np.cumsum(np.diff(self.starts)[chosen])]),
            excluded=_renumbered(self.excluded, 0, new_index),
            verified=None if self.verified is None else _renumbered(self.verified, 0, new_index),
            federation=self.federation and self.federation.renumbered(0, new_index),
        )

    def with_classes(self, names: Sequence[str]) -> Dataset:
        """All images with only the objects of these classes, in the order of `names`.

        Raises
        ------
        EvaluationError
            A name is unknown or repeated.
        """
        unique_positions(names, "class", "classes")
        unknown = [name for name in names if name not in self.class_names]
        if unknown:
            raise EvaluationError(
                f"{self.source}: no class {unknown[0]!r}; its classes are "
                f"{', '.join(self.class_names)}"
            )
        chosen = [self.class_names.index(name) for name in names]
        new_label = np.full(len(self.class_names), -1)
        new_label[chosen] = np.arange(len(chosen))
        kept = new_label[self.all_truths.labels] >= 0
        truths = self.all_truths[kept]
        counts = np.bincount(self.truth_images[kept], minlength=len(self.images))
        return replace(
            self,
            class_names=tuple(names),
            category_ids=tuple(self.category_ids[label] for label in chosen),
            all_truths=replace(truths, labels=new_label[truths.labels]),
            starts=np.concatenate([[0], np.cumsum(counts)]),
            excluded=_renumbered(self.excluded, 1, new_label),
            verified=None if self.verified is None else _renumbered(self.verified, 1, new_label),
            federation=self.federation
            and replace(
                self.federation.renumbered(1, new_label),
                frequencies=tuple(self.federation.frequencies[label] for label in chosen),
            ),
        )


def _renumbered(pairs: np.ndarray, column: int, numbers: np.ndarray) -> np.ndarray:
    """The (P, 2) pairs with numbers[n] for each n in one column, without those that become -1."""
    chosen: np.ndarray = pairs[numbers[pairs[:, column]] >= 0]
    chosen[:, column] = numbers[chosen[:, column]]
    return chosen


def group_by_image(
    images: Sequence[ImageRecord],
    class_names: Sequence[str],
    category_ids: Sequence[Identity],
    truths: Truths,
    truth_images: np.ndarray,
    **others: Any,
) -> Dataset:
    """Build a Dataset from objects in any order; truth_images (M,) are their image indices."""
    order = np.argsort(truth_images, kind="stable")
    truths = replace(truths, positions=np.arange(len(truths)))
    counts = np.bincount(truth_images, minlength=len(images))
    return Dataset(
        images=tuple(images),
        class_names=tuple(class_names),
        category_ids=tuple(category_ids),
        all_truths=truths[order],
        starts=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        **others,
    )
