"""The objects that a detector found in one picture."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from detector.class_names import find_classes, lowest_scores
from detector.errors import DetectorError
from detector.results import conversions
from detector.results.checks import checked
from detector.results.detection import Detection

if TYPE_CHECKING:
    import pandas
    import supervision
    import torch

    from eval.formats.writing.labelled_image import LabelledImage


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
        (height, width) of the photograph in pixels.
    image
        (H, W, 3) uint8 RGB, for drawing; it is neither compared nor printed. A photograph that was
        read at reduced size has fewer pixels here than `image_size` states.

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
        for name, value in checked(vars(self)).items():
            object.__setattr__(self, name, value)

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

    def above(self, threshold: float | Mapping[str, float]) -> Detections:
        """The detections with a score of at least `threshold`, a number or one for each class.

        Classes that a dict does not name keep all their detections.

        Raises
        ------
        DetectorError
            A name that is no class of the detector, or a threshold outside 0..1 in a dict.
        """
        if isinstance(threshold, Mapping):
            threshold = lowest_scores(threshold, self.class_names, -np.inf)[self.labels]
        return self[self.scores >= threshold]

    def with_classes(self, *names: str) -> Detections:
        """The detections of these classes; `class_names` and labels stay as they are.

        Raises
        ------
        DetectorError
            No name, or a name that is no class of the detector.
        """
        if not names:
            first = self.class_names[0] if self.class_names else "person"
            raise DetectorError(f'with_classes() names no class; write with_classes("{first}")')
        return self[np.isin(self.labels, find_classes(names, self.class_names))]

    def draw(self) -> np.ndarray:
        """The picture with frames and labels, RGB uint8; a small picture is enlarged."""
        from detector.pictures.drawing import draw_detections

        image, names = self._picture(), self.class_names
        return draw_detections(image, self._boxes_in_image(), self.scores, self.labels, names)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the drawn picture; the suffix (.jpg, .png, .webp, ...) selects the format.

        The file appears whole or not at all. It replaces an earlier drawing, but no other file,
        which might be the photograph.

        Raises
        ------
        DetectorError
            The suffix is unknown, the file cannot be written, or it exists and is no drawing.
        """
        from detector.pictures.writing import save_picture

        save_picture(self.draw(), path)

    def show(self) -> None:
        """Show the drawn picture: below the cell of a notebook, elsewhere in the system's viewer.

        Raises
        ------
        DetectorError
            The machine has no screen or no viewer.
        """
        from detector.results.display import show

        show(self.draw())

    def _repr_jpeg_(self) -> bytes | None:
        """The drawn picture for notebooks, which call this; None without the picture."""
        from detector.results.display import jpeg

        return None if self.image is None else jpeg(self.draw())

    def crops(self) -> list[np.ndarray]:
        """Copies of the picture inside each box, (h, w, 3) uint8, rounded outwards, h, w >= 1."""
        from detector.results.display import crops

        return crops(self._picture(), self._boxes_in_image())

    def to_records(self) -> list[dict[str, Any]]:
        """One dictionary an object, in the types of JSON: name, label, score, x1, y1, x2, y2."""
        return conversions.to_records(self._columns())

    def to_pandas(self) -> pandas.DataFrame:
        """One row an object, with the columns of `to_records`; needs pandas."""
        return conversions.to_pandas(self._columns())

    def to_torch(self) -> dict[str, torch.Tensor]:
        """The dictionary of torchvision's detectors, on the CPU; needs torch.

        boxes (N, 4) float32 xyxy, labels (N,) int64, scores (N,) float32. As in torchvision, label
        0 is background, so the class of a label is class_names[label - 1].
        """
        return conversions.to_torch(self.boxes_xyxy, self.scores, self.labels)

    def to_supervision(self) -> supervision.Detections:
        """supervision's Detections, with the names in data["class_name"]; needs supervision.

        class_id counts from 0, as `labels` does.
        """
        return conversions.to_supervision(
            self.boxes_xyxy, self.scores, self.labels, self.class_names
        )

    def to_coco(self, image_id: int | str) -> list[dict[str, Any]]:
        """COCO results: bbox [x, y, width, height] to 0.001 pixel, the data set's category ids."""
        ids = [self.category_ids[label] for label in self.labels.tolist()]
        return conversions.to_coco(self.boxes_xyxy, self.scores, ids, image_id)

    def to_yolo(self) -> str:
        """One line an object: label, x_center, y_center, width, height as fractions, score."""
        from eval.formats.writing.yolo import yolo_lines

        return yolo_lines(self.to_labelled_image("the picture"))

    def to_voc(self, file_name: str) -> str:
        """The XML of a PASCAL VOC annotation; `file_name` is the picture's. It has no scores.

        Raises
        ------
        EvaluationError
            XML cannot hold the file's or a class's name.
        """
        from eval.formats.writing.voc import voc_xml

        return voc_xml(self.to_labelled_image(file_name), self.class_names)

    def to_labelled_image(self, file_name: str) -> LabelledImage:
        """The form that all writers in eval.formats.writing take.

        Boxes are rounded to 0.001 pixel and scores to 0.000001.
        """
        from eval.formats.writing.labelled_image import LabelledImage

        height, width = self.image_size
        boxes_xyxy = self.boxes_xyxy.astype(np.float64).round(3)
        scores = self.scores.astype(np.float64).round(6)
        return LabelledImage(file_name, width, height, boxes_xyxy, self.labels, scores)

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

    def _columns(self) -> dict[str, Any]:
        return conversions.columns(self.boxes_xyxy, self.scores, self.labels, self.class_names)

    def _picture(self) -> np.ndarray:
        if self.image is None:
            raise DetectorError(
                "these detections do not include the picture; "
                "add it with dataclasses.replace(detections, image=read_image(path))"
            )
        return self.image

    def _boxes_in_image(self) -> np.ndarray:
        """The boxes in the pixels of `image`."""
        from detector.pictures.reading import ScaledPicture

        return ScaledPicture(self._picture(), self.image_size).to_pixels(self.boxes_xyxy)
