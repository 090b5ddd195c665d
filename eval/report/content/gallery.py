"""All pictures of a run in groups, and links from figures of the page to the pictures behind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.report.content.boxes import Box, arrange, outcomes_by_image
from eval.report.content.operating_point import OperatingPoint, share_of_image
from eval.report.content.photographs import Photograph, has_file, read_photographs
from eval.report.content.words import points
from eval.report.content.worst import most_errors_first, one_for_each_image
from eval.wording import amount

# A page with more pictures would take long to open.
MOST_PICTURES = 5000
_PER_GROUP, _PER_CLASS = 6, 2
_GROUPS = (
    (
        "The false detections with the highest scores",
        "Ranked by score; each image appears once, each class at most twice.",
    ),
    (
        "The largest missed objects",
        "Ranked by the share of the image that the object covers; each image appears once, each "
        "class at most twice.",
    ),
    ("All other images", "Those with the most errors come first."),
)


class Link(NamedTuple):
    """A set of pictures: the first one, all of them with their boxes, and a description.

    `boxes` has an entry "PICTURE:BOX,BOX" for each picture; the boxes are those that are meant.
    """

    first: int
    boxes: str
    words: str


@dataclass
class Gallery:
    """The pictures that the page shows; one without pictures gives no links.

    Attributes
    ----------
    groups
        For the template: title, rule and figures of each group.
    notes
        What is to be said about pictures that are not shown.
    """

    groups: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _numbers: dict[int, int] = field(default_factory=dict)  # of the picture of an image
    _detections: dict[int, int] = field(default_factory=dict)  # box number by row of the table
    _objects: dict[int, int] = field(default_factory=dict)  # box number by row of all_truths
    _detection_images: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    _object_images: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))

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
        meant: dict[int, set[int]] = {}
        for rows, images, boxes in (
            (detections, self._detection_images, self._detections),
            (objects, self._object_images, self._objects),
        ):
            for row in map(int, rows):
                number = self._numbers.get(int(images[row])) if len(images) else None
                if number is not None:
                    meant.setdefault(number, set()).update({boxes[row]} if row in boxes else ())
        if not meant:
            return None
        parts = [f"{n}:{','.join(map(str, sorted(meant[n])))}" for n in sorted(meant)]
        return Link(min(meant), " ".join(parts), words)

    def _add(self, image: int, number: int, boxes: list[Box]) -> None:
        self._numbers[image] = number
        for index, box in enumerate(boxes):
            numbers = self._objects if box.kind == "missed" else self._detections
            numbers[box.row] = index


def make_gallery(
    table: DetectionTable,
    dataset: Dataset,
    point: OperatingPoint,
    reasons: dict[int, str],
    folder: Path,
    address: Callable[[Photograph, int], str],
) -> Gallery:
    """Read the pictures and arrange them in groups, the worst errors first.

    Images whose file does not exist or cannot be read are skipped.

    Parameters
    ----------
    reasons
        Why a detection is false, by row of the table.
    folder
        The folder of the images, which may lie in it with or without the folders of their names.
    address
        Gives the address of a photograph on the page, from the photograph and its number.
    """
    gallery = Gallery(
        _detection_images=table.images.astype(np.int64), _object_images=dataset.truth_images
    )
    there = {i for i, record in enumerate(dataset.images) if has_file(folder, record)}
    chosen = _choose(table, dataset, point, reasons, there)
    wanted, outcomes = chosen[:MOST_PICTURES], outcomes_by_image(table, dataset, point, reasons)
    photographs = read_photographs(folder, [dataset.images[image] for _, image, _ in wanted])
    figures: list[list[dict[str, Any]]] = [[] for _ in _GROUPS]
    number = 0
    for (group, image, caption), photograph in zip(wanted, photographs, strict=True):
        if photograph is None:
            continue
        number += 1
        record = dataset.images[image]
        sides = (record.width or photograph.full_width, record.height or photograph.full_height)
        boxes = arrange(outcomes.get(image, []), sides)
        gallery._add(image, number, boxes)
        figures[group].append(
            _figure(number, photograph, boxes, caption, record.file_name)
            | {"uri": address(photograph, number)}
        )
    gallery.groups = [
        {"title": title, "rule": rule, "figures": shown, "dense": group == len(_GROUPS) - 1}
        for group, ((title, rule), shown) in enumerate(zip(_GROUPS, figures, strict=True))
        if shown
    ]
    gallery.notes = _notes(folder, len(dataset), len(chosen), number)
    return gallery


def _choose(
    table: DetectionTable,
    dataset: Dataset,
    point: OperatingPoint,
    reasons: dict[int, str],
    there: set[int],
) -> list[tuple[int, int, str]]:
    """Group, image and caption of every picture that has a file, in the order of the page."""
    truths, share = dataset.all_truths, share_of_image(dataset)
    shown = set(range(len(dataset))) - there
    chosen: list[tuple[int, int, str]] = []
    picks = one_for_each_image(point.false, table.images, table.labels, shown, _PER_CLASS)
    for row, image in islice(picks, _PER_GROUP):
        shown.add(image)
        name = dataset.class_names[table.labels[row]]
        chosen.append((0, image, f"{name} {table.scores[row]:.2f}: {reasons[row]}"))
    picks = one_for_each_image(point.missed, dataset.truth_images, truths.labels, shown, _PER_CLASS)
    for row, image in islice(picks, _PER_GROUP):
        shown.add(image)
        name = dataset.class_names[truths.labels[row]]
        chosen.append((1, image, f"missed {name}, {points(share[row], 0)} % of the image"))
    errors = (table.images[point.false], dataset.truth_images[point.missed])
    order = most_errors_first(*errors, count=len(dataset)).tolist()
    return chosen + [(2, image, "") for image in order if image not in shown]


def _figure(
    number: int, photograph: Photograph, boxes: list[Box], caption: str, file_name: str
) -> dict[str, Any]:
    kinds = [box.kind for box in boxes]
    false, missed, true = (kinds.count(kind) for kind in ("false", "missed", "true"))
    return {
        "number": number,
        "width": photograph.width,
        "height": photograph.height,
        "aspect": round(photograph.width / photograph.height, 3),
        "boxes": boxes,
        "caption": caption or _short_counts(false, missed, true),
        "file": file_name,
        "words": f"{file_name} with {amount(false, 'false detection')}, "
        f"{amount(missed, 'missed object')} and {amount(true, 'found object')}"
        + (f": {caption}" if caption else ""),
    }


def _short_counts(false: int, missed: int, true: int) -> str:
    parts = [(false, "false"), (missed, "missed"), (true, "found")]
    return ", ".join(f"{number:,} {word}" for number, word in parts if number) or "nothing found"


def _notes(folder: Path, images: int, there: int, shown: int) -> list[str]:
    if not shown:
        return [f"{folder}: no image could be read, so the page shows none"]
    notes = []
    if there > MOST_PICTURES:
        notes.append(
            f"the page shows {MOST_PICTURES:,} of {there:,} images, those with the most errors"
        )
    unread = images - there + min(there, MOST_PICTURES) - shown
    if unread:
        notes.append(f"{amount(unread, 'image')} could not be read and do not appear on the page")
    return notes
