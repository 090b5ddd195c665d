"""One image with its boxes, as all writers take it: ground truth or detections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from eval.datasets import Dataset, Identity
from eval.detections import DetectionTable
from eval.errors import EvaluationError

LARGEST_ROUNDED = 1e9  # pixels; larger numbers have no noise to remove
DECIMALS = 6  # of a pixel; removes the noise of x1 + width - x1 and nothing else


@dataclass(frozen=True, eq=False)
class LabelledImage:
    """One image with N boxes, as parallel arrays. Lists and other dtypes are converted.

    Attributes
    ----------
    file_name
        Relative to the folder of pictures; folders are separated by slashes.
    width, height
        Pixels; 0 if unknown.
    boxes_xyxy
        (N, 4) float64, 0-based continuous [x1, y1, x2, y2], pixels.
    labels
        (N,) int64, index into the class names.
    scores
        (N,) float64; None for ground truth.
    difficult, crowd
        (N,) bool, flags of ground truth; default: all False.
    areas
        (N,) float64, pixels^2, of the mask if there is one; default: width * height of the box.
    id
        The image's id in its data set; None if it has none.

    Raises
    ------
    EvaluationError
        The lengths of the arrays differ, or the file name is not Unicode.
    """

    file_name: str
    width: int
    height: int
    boxes_xyxy: np.ndarray
    labels: np.ndarray
    scores: np.ndarray | None = None
    difficult: np.ndarray = None  # type: ignore[assignment]  # an array once constructed
    crowd: np.ndarray = None  # type: ignore[assignment]
    areas: np.ndarray = None  # type: ignore[assignment]
    id: Identity | None = None

    def __post_init__(self) -> None:
        boxes = np.asarray(self.boxes_xyxy, np.float64).reshape(-1, 4)
        sides = boxes[:, 2:] - boxes[:, :2]
        with np.errstate(over="ignore"):  # of results, which may have boxes of any size
            areas = sides[:, 0] * sides[:, 1] if self.areas is None else self.areas
        unset = np.zeros(len(boxes), bool)
        arrays = {
            "boxes_xyxy": boxes,
            "labels": np.asarray(self.labels, np.int64),
            "scores": None if self.scores is None else np.asarray(self.scores, np.float64),
            "difficult": unset if self.difficult is None else np.asarray(self.difficult, bool),
            "crowd": unset if self.crowd is None else np.asarray(self.crowd, bool),
            "areas": np.asarray(areas, np.float64),
        }
        for name, array in arrays.items():
            object.__setattr__(self, name, array)
            if array is not None and len(array) != len(boxes):
                raise EvaluationError(
                    f"{self.file_name}: {len(array)} {name} for {len(boxes)} boxes_xyxy; expected "
                    "equal numbers"
                )
        try:
            self.file_name.encode()
        except UnicodeEncodeError:
            raise EvaluationError(
                f"{self.file_name!a}: this file name is not Unicode; rename the picture"
            ) from None

    def __len__(self) -> int:
        return len(self.labels)


def rounded(boxes: np.ndarray, decimals: int = DECIMALS) -> np.ndarray:
    """Boxes with so many decimals, without negative zeros."""
    with np.errstate(over="ignore", invalid="ignore"):  # of results, which may be of any size
        near = np.round(boxes, decimals) + 0.0
    return np.where(np.abs(boxes) < LARGEST_ROUNDED, near, boxes)


def cut_at_border(image: LabelledImage) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes cut at the border of the image.

    Returns
    -------
    boxes_xyxy, cut, gone
        (N, 4) float64; (N,) bool, boxes that reached outside; (N,) bool, those of which nothing
        remains.
    """
    boxes = image.boxes_xyxy.clip(0, [image.width, image.height] * 2)
    cut = np.asarray((boxes != image.boxes_xyxy).any(axis=1))
    return boxes, cut, cut & np.asarray((boxes[:, 2:] <= boxes[:, :2]).any(axis=1))


def check_size(image: LabelledImage, reason: str) -> None:
    """Raise EvaluationError if the size of an image is unknown; `reason` is what needs it."""
    if min(image.width, image.height) <= 0:
        raise EvaluationError(
            f"{image.file_name}: its size is unknown, and {reason} need it; add width and height "
            "to the data set"
        )


def counted(counts: Mapping[str, int]) -> tuple[str, ...]:
    """A note for each kind of loss that occurs: its words and its count."""
    return tuple(f"{words}: {count:,}" for words, count in counts.items() if count)


def labelled_images(
    dataset: Dataset, detections: DetectionTable | None = None
) -> Iterator[LabelledImage]:
    """The images of a data set with its own objects, or with detections instead."""
    if detections is None:
        for index, record in enumerate(dataset.images):
            truths = dataset.truths(index)
            yield LabelledImage(
                record.file_name, record.width, record.height, truths.boxes_xyxy, truths.labels,
                difficult=truths.difficult, crowd=truths.crowd, areas=truths.areas, id=record.id,
            )  # fmt: skip
        return
    order = np.argsort(detections.images, kind="stable")
    ends = np.searchsorted(detections.images[order], np.arange(len(dataset)), side="right")
    rows_of = np.split(order, ends[:-1]) if len(dataset) else []
    for record, rows in zip(dataset.images, rows_of, strict=True):
        yield LabelledImage(
            record.file_name, record.width, record.height, detections.boxes_xyxy[rows],
            detections.labels[rows], detections.scores[rows], id=record.id,
        )  # fmt: skip
