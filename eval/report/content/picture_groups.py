"""Arrange all pictures of a run in groups, the worst errors first."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.report.content.boxes import Box, arrange, outcomes_by_image
from eval.report.content.gallery import Gallery
from eval.report.content.operating_point import OperatingPoint, share_of_image
from eval.report.content.photographs import Photograph, has_file, read_photographs
from eval.report.content.worst import most_errors_first, one_for_each_image
from eval.wording import amount, percent, score

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


class _Choice(NamedTuple):
    """An image, its group on the page, and its caption; "" for one that counts its boxes."""

    group: int
    image: int
    caption: str


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
    gallery = Gallery(table.images, dataset.truth_images)
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
        gallery.add(image, number, boxes)
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
) -> list[_Choice]:
    """Every picture that has a file, in the order of the page."""
    truths, share = dataset.all_truths, share_of_image(dataset)
    shown = set(range(len(dataset))) - there
    chosen: list[_Choice] = []
    picks = one_for_each_image(point.false, table.images, table.labels, shown, _PER_CLASS)
    for row, image in islice(picks, _PER_GROUP):
        shown.add(image)
        name = dataset.class_names[table.labels[row]]
        chosen.append(_Choice(0, image, f"{name} {score(table.scores[row])}: {reasons[row]}"))
    picks = one_for_each_image(point.missed, dataset.truth_images, truths.labels, shown, _PER_CLASS)
    for row, image in islice(picks, _PER_GROUP):
        shown.add(image)
        name = dataset.class_names[truths.labels[row]]
        caption = f"missed {name}, {percent(share[row])} of the image"
        chosen.append(_Choice(1, image, caption))
    errors = (table.images[point.false], dataset.truth_images[point.missed])
    order = most_errors_first(*errors, count=len(dataset)).tolist()
    return chosen + [_Choice(2, image, "") for image in order if image not in shown]


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
    return ", ".join(f"{number:,} {word}" for number, word in parts if number) or "no objects"


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
