"""The objects that a detector found in one picture."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np

from detector.errors import DetectorError


@dataclass(frozen=True)
class Detection:
    """One object.

    Attributes
    ----------
    box_xyxy
        (x1, y1, x2, y2) in pixels.
    score, label, name
        The score, the label and its class name.
    """

    box_xyxy: tuple[float, float, float, float]
    score: float
    label: int
    name: str


@dataclass(frozen=True, eq=False, repr=False)
class Detections:
    """The objects of one picture: parallel arrays of length N, highest score first.

    Lists and arrays of other dtypes are converted.

    Attributes
    ----------
    boxes_xyxy
        (N, 4) float32, 0-based continuous [x1, y1, x2, y2], pixels; x2 >= x1, y2 >= y1.
    scores
        (N,) float32.
    labels
        (N,) int64, index into class_names, which do not include background.
    class_names, category_ids
        The K classes of the detector, and the data set's id of each: numbers or strings, by
        default 1..K.
    image_size
        (height, width) in pixels.
    image
        (H, W, 3) uint8 RGB, for drawing; it is neither compared nor printed.

    Raises
    ------
    DetectorError
        Shapes, lengths or values are inconsistent.
    """

    boxes_xyxy: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    image_size: tuple[int, int]
    category_ids: tuple[int | str, ...] = ()
    image: np.ndarray | None = field(default=None)

    def __post_init__(self) -> None:
        names = tuple(self.class_names)
        identities = tuple(self.category_ids) or tuple(range(1, len(names) + 1))
        values = {
            "boxes_xyxy": _array(self.boxes_xyxy, "boxes_xyxy", np.float32, (-1, 4)),
            "scores": _array(self.scores, "scores", np.float32, (-1,)),
            "labels": _array(self.labels, "labels", np.int64, (-1,)),
            "class_names": names,
            "image_size": tuple(int(side) for side in self.image_size),
            "category_ids": tuple(i if isinstance(i, str) else int(i) for i in identities),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        _check(self)

    def __len__(self) -> int:
        return len(self.scores)

    def __iter__(self) -> Iterator[Detection]:
        return (self[row] for row in range(len(self)))

    @overload
    def __getitem__(self, rows: int | np.integer[Any]) -> Detection: ...
    @overload
    def __getitem__(self, rows: slice | np.ndarray | list[int] | list[bool]) -> Detections: ...
    def __getitem__(self, rows: Any) -> Detection | Detections:
        """One Detection for an integer; Detections for a slice, bool mask or index array."""
        if isinstance(rows, (int, np.integer)) and not isinstance(rows, bool):
            x1, y1, x2, y2 = self.boxes_xyxy[rows].tolist()
            label = int(self.labels[rows])
            score = float(self.scores[rows])
            return Detection((x1, y1, x2, y2), score, label, self.class_names[label])
        if not isinstance(rows, slice):
            rows = np.asarray(rows)
            rows = rows.astype(np.int64) if rows.size == 0 and rows.dtype != bool else rows
        return Detections(
            self.boxes_xyxy[rows],
            self.scores[rows],
            self.labels[rows],
            self.class_names,
            self.image_size,
            self.category_ids,
            self.image,
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Detections):
            return NotImplemented
        arrays = ("boxes_xyxy", "scores", "labels")
        plain = ("class_names", "image_size", "category_ids")
        return all(np.array_equal(getattr(self, a), getattr(other, a)) for a in arrays) and all(
            getattr(self, p) == getattr(other, p) for p in plain
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = [f"{item.name} {item.score:.2f}" for item in self[:6]]
        more = [f"{len(self) - 6} more"] if len(self) > 6 else []
        count = f"{len(self)} detection{'' if len(self) == 1 else 's'}"
        return f"{count}: {', '.join(shown + more)}" if shown else count

    def above(self, threshold: float) -> Detections:
        """The detections with a score of at least `threshold`."""
        return self[self.scores >= threshold]

    def draw(self) -> np.ndarray:
        """The picture with frames and labels, RGB uint8; a small picture is enlarged."""
        from detector.pictures.drawing import draw_detections

        image, names = self._picture(), self.class_names
        return draw_detections(image, self.boxes_xyxy, self.scores, self.labels, names)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the drawn picture; the suffix (.jpg, .png, .webp, ...) selects the format.

        The file appears whole or not at all.

        Raises
        ------
        DetectorError
            The suffix is unknown, or the file cannot be written.
        """
        from detector.pictures.writing import save_picture

        save_picture(self.draw(), path)

    def crops(self) -> list[np.ndarray]:
        """Copies of the picture inside each box, (h, w, 3) uint8, rounded outwards, h, w >= 1."""
        image, (height, width) = self._picture(), self.image_size
        lower = np.floor(self.boxes_xyxy[:, :2]).clip(0, [width - 1, height - 1]).astype(int)
        upper = np.ceil(self.boxes_xyxy[:, 2:]).clip(lower + 1, [width, height]).astype(int)
        pairs = zip(lower.tolist(), upper.tolist(), strict=True)
        return [image[y1:y2, x1:x2].copy() for (x1, y1), (x2, y2) in pairs]

    def to_coco(self, image_id: int | str) -> list[dict[str, Any]]:
        """COCO results: bbox [x, y, width, height] to 0.001 pixel, the data set's category ids."""
        origins = self.boxes_xyxy[:, :2].astype(np.float64)
        sides = self.boxes_xyxy[:, 2:] - origins
        boxes_xywh = np.concatenate([origins, sides], axis=1).round(3).tolist()
        scores = self.scores.astype(np.float64).round(6).tolist()
        return [
            {
                "image_id": image_id,
                "category_id": self.category_ids[label],
                "bbox": bbox,
                "score": score,
            }
            for bbox, score, label in zip(boxes_xywh, scores, self.labels.tolist(), strict=True)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Everything except the picture, in the types of JSON."""
        height, width = self.image_size
        return {
            "height": height,
            "width": width,
            "class_names": list(self.class_names),
            "category_ids": list(self.category_ids),
            "boxes_xyxy": self.boxes_xyxy.tolist(),
            "scores": self.scores.tolist(),
            "labels": self.labels.tolist(),
        }

    def _picture(self) -> np.ndarray:
        if self.image is None:
            raise DetectorError(
                "these detections do not include the picture; "
                "add it with dataclasses.replace(detections, image=read_image(path))"
            )
        return self.image


def _array(values: Any, name: str, dtype: type, shape: tuple[int, ...]) -> np.ndarray:
    array = np.asarray(values)
    if array.size == 0:
        return np.zeros([max(side, 0) for side in shape], dtype=dtype)
    kinds = "iu" if dtype is np.int64 else "iuf"
    fits = array.ndim == len(shape) and array.shape[1:] == shape[1:]
    if not fits or array.dtype.kind not in kinds:
        expected = "(N, 4)" if len(shape) == 2 else "(N,)"
        raise DetectorError(
            f"{name} is {array.dtype} {array.shape}; expected {np.dtype(dtype)} {expected}"
        )
    return array.astype(dtype, copy=False)


def _check(table: Detections) -> None:
    boxes, classes = table.boxes_xyxy, len(table.class_names)
    if not len(boxes) == len(table.scores) == len(table.labels):
        raise DetectorError(
            f"{len(boxes)} boxes_xyxy, {len(table.scores)} scores, {len(table.labels)} labels; "
            "expected equal numbers"
        )
    if len(table.category_ids) != classes:
        raise DetectorError(
            f"{len(table.category_ids)} category_ids for {classes} class_names; "
            "expected equal numbers"
        )
    if len(table.image_size) != 2 or min(table.image_size) < 1:
        raise DetectorError(f"image_size is {table.image_size}; expected (height, width) above 0")
    if not (np.isfinite(boxes).all() and np.isfinite(table.scores).all()):
        raise DetectorError("boxes_xyxy or scores contain NaN or infinity; expected finite numbers")
    crossed = (boxes[:, 2:] < boxes[:, :2]).any(axis=1)
    if crossed.any():
        row = int(np.argmax(crossed))
        raise DetectorError(
            f"boxes_xyxy[{row}] is {boxes[row].tolist()}; expected [x1, y1, x2, y2] with "
            "x2 >= x1 and y2 >= y1"
        )
    if len(table.labels) and not 0 <= table.labels.min() <= table.labels.max() < classes:
        raise DetectorError(
            f"labels lie in {table.labels.min()}..{table.labels.max()}; expected 0..{classes - 1}, "
            f"indices of {classes} class_names"
        )
    image, size = table.image, (*table.image_size, 3)
    if image is not None and not isinstance(image, np.ndarray):
        raise DetectorError(f"image is a {type(image).__name__}; expected read_image's array")
    if image is not None and (image.dtype != np.uint8 or image.shape != size):
        raise DetectorError(f"image is {image.dtype} {image.shape}; expected uint8 {size}")
