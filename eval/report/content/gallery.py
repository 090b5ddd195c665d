"""The pictures on the page, and links from its figures to the pictures behind them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from eval.report.content.boxes import Box


class Link(NamedTuple):
    """A set of pictures: the first one, all of them with their boxes, and a description.

    `boxes` has an entry "PICTURE:BOX,BOX" for each picture, with the boxes that the link
    is about.
    """

    first: int
    boxes: str
    words: str


class Gallery:
    """The pictures that the page shows; one without pictures gives no links.

    Attributes
    ----------
    groups
        For the template: title, rule and figures of each group.
    notes
        Notes on pictures that are not shown.
    """

    def __init__(
        self, detection_images: np.ndarray | None = None, object_images: np.ndarray | None = None
    ) -> None:
        """The image index of each row of the table and of all_truths; None without pictures."""
        nowhere = np.zeros(0, dtype=np.int64)
        self.groups: list[dict[str, Any]] = []
        self.notes: list[str] = []
        self._detection_images = nowhere if detection_images is None else detection_images
        self._object_images = nowhere if object_images is None else object_images
        # The picture of an image, and the box of a detection or an object in its picture.
        self._pictures: dict[int, int] = {}
        self._detections: dict[int, int] = {}
        self._objects: dict[int, int] = {}

    def add(self, image: int, number: int, boxes: list[Box]) -> None:
        """Note that an image is shown as picture `number`, with these boxes."""
        self._pictures[image] = number
        for index, box in enumerate(boxes):
            numbers = self._objects if box.kind == "missed" else self._detections
            numbers[box.row] = index

    def link(
        self,
        words: str,
        *,
        detections: Iterable[int] | np.ndarray = (),
        objects: Iterable[int] | np.ndarray = (),
    ) -> Link | None:
        """The pictures with these detections and objects; None if the page shows none of them.

        Parameters
        ----------
        words
            Describes the set.
        detections, objects
            Rows of the table and of all_truths.
        """
        if not self._pictures:
            return None
        meant: dict[int, set[int]] = {}
        for rows, images, boxes in (
            (detections, self._detection_images, self._detections),
            (objects, self._object_images, self._objects),
        ):
            for row in map(int, rows):
                number = self._pictures.get(int(images[row]))
                if number is None:
                    continue
                in_picture = meant.setdefault(number, set())
                if row in boxes:
                    in_picture.add(boxes[row])
        if not meant:
            return None
        parts = [f"{n}:{','.join(map(str, sorted(meant[n])))}" for n in sorted(meant)]
        return Link(min(meant), " ".join(parts), words)
