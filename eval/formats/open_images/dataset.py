"""Ground truth in the files of Open Images: boxes, verified image labels, names and hierarchy."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from eval.datasets import Dataset, ImageRecord, Truths, group_by_image
from eval.errors import EvaluationError
from eval.formats.faults import FaultHandler, refuse
from eval.formats.open_images.files import Files, find_files, picture_folder, pictures_in
from eval.formats.open_images.hierarchy import expanded, expanded_labels, read_hierarchy
from eval.formats.open_images.tables import (
    BoxTable,
    read_boxes,
    read_image_list,
    read_labels,
    read_names,
)
from eval.formats.yolo import picture_size
from eval.wording import amount

MANY = 1000  # a list of more classes than this is that of image labels, not of boxes
EXPECTED = {
    "labels": "verified image labels (*-human-imagelabels.csv)",
    "names": "class names (class-descriptions-boxable.csv)",
    "hierarchy": "the class hierarchy (*hierarchy*.json)",
}


def read_open_images(
    path: str | os.PathLike[str],
    split: str | None = None,
    *,
    images: str | os.PathLike[str] | None = None,
    on_fault: FaultHandler = refuse,
) -> Dataset:
    """Read the files of Open Images as they are downloaded; each may be compressed (.gz).

    Besides the table of boxes, these are read from the same folder where they exist: verified image
    labels, class names, the class hierarchy, and a list of the images. The ids of classes are their
    LabelNames (/m/01g317), the ids of images their ImageIDs. Groups (IsGroupOf) are crowds. With a
    hierarchy, boxes and labels are expanded by it, unless the files are expanded already.

    If there are pictures for all images, boxes are in pixels. Otherwise they stay in fractions, and
    every image is 1 wide and 1 high; overlaps are the same.

    Parameters
    ----------
    path
        The table of boxes, or the folder that holds it.
    split
        Of a folder with several splits: test, validation or train. Default: the first of them that
        exists.
    images
        The folder of the pictures. Default: that of the tables, or images/, data/, pictures/ or one
        called like the split in it.

    Raises
    ------
    EvaluationError
        The message names file, line and column: a missing table or column, a number that is none, a
        box in pixels, or labels that no person verified.
    """
    files = find_files(Path(path), split)
    table = read_boxes(files.boxes, on_fault)
    notes = [_note_on_files(files)]
    if table.unknown:
        boxes = amount(table.unknown, "box has", "boxes have")
        notes.append(f"{boxes} IsGroupOf -1 (unknown) and count as single objects")
    above: dict[str, set[str]] = {}
    if files.hierarchy:
        above = read_hierarchy(files.hierarchy)
        before, table = len(table.labels), expanded(table, above)
        if len(table.labels) > before:
            notes.append(
                f"{before} boxes became {len(table.labels)} by {files.hierarchy.name}: each also "
                "counts for the classes above its own, and so must detections; without that file "
                "it counts for its own class alone"
            )
    verified = None
    if files.labels:
        verified = expanded_labels(read_labels(files.labels, on_fault), above)
    names = read_names(files.names, on_fault) if files.names else {}
    classes = _classes(names, table, above, verified)
    listed = read_image_list(files.images, files.split, on_fault) if files.images else []
    ids = list(dict.fromkeys([*table.images, *sorted({i for i, _ in verified or ()}), *listed]))
    records, pictures, remark = _records(files, ids, images, on_fault)
    notes += [remark] if remark else []
    return _dataset(files, table, records, classes, names, verified, pictures, notes)


def _dataset(
    files: Files,
    table: BoxTable,
    records: list[ImageRecord],
    classes: list[str],
    names: dict[str, str],
    verified: set[tuple[str, str]] | None,
    pictures: Path | None,
    notes: list[str],
) -> Dataset:
    image_of = {str(record.id): row for row, record in enumerate(records)}
    label_of = {label: row for row, label in enumerate(classes)}
    truth_images = np.array([image_of[image] for image in table.images], dtype=np.int64)
    labels = np.array([label_of[label] for label in table.labels], dtype=np.int64)
    sides = np.array([(record.width, record.height) for record in records], dtype=np.float64)
    boxes = table.boxes * np.tile(sides.reshape(-1, 2), 2)[truth_images]
    pairs = None
    if verified is not None:
        checked = [image_of[i] * len(classes) + label_of[c] for i, c in verified if c in label_of]
        boxed = truth_images * len(classes) + labels
        codes = np.unique(np.concatenate([np.array(checked, dtype=np.int64), boxed]))
        pairs = np.stack(np.divmod(codes, max(len(classes), 1)), axis=1)
    return group_by_image(
        records,
        _unique([names.get(label, label) for label in classes], classes),
        classes,
        Truths(
            boxes=boxes,
            labels=labels,
            areas=(boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]),
            difficult=np.zeros(len(boxes), dtype=bool),
            crowd=table.group,
            layout="xyxy",
        ),
        truth_images,
        source=files.boxes.name,
        verified=pairs,
        notes=tuple(notes),
        pictures=pictures,
    )


def _classes(
    names: dict[str, str],
    table: BoxTable,
    above: dict[str, set[str]],
    verified: set[tuple[str, str]] | None,
) -> list[str]:
    """The LabelNames in the order of the class names, then further ones that boxes have.

    Of the 20,000 classes of image labels, only those that boxes can have are kept.
    """
    boxed = set(table.labels) | set(above)
    if not names and not above and verified:
        boxed |= {label for _, label in verified}
    every = list(names) if len(names) <= MANY else [label for label in names if label in boxed]
    return every + sorted(boxed - set(names))


def _unique(names: Iterable[str], labels: list[str]) -> list[str]:
    """The names; of those that several classes share, each with its LabelName."""
    listed = list(names)
    times = Counter(listed)
    pairs = zip(listed, labels, strict=True)
    return [name if times[name] == 1 else f"{name} ({label})" for name, label in pairs]


def _records(
    files: Files,
    ids: list[str],
    folder: str | os.PathLike[str] | None,
    on_fault: FaultHandler,
) -> tuple[list[ImageRecord], Path | None, str]:
    """The images, the folder of their pictures, and a note if their sizes are unknown."""
    if folder is not None:
        found: tuple[Path, dict[str, str]] | None = (Path(folder), pictures_in(Path(folder), ids))
    else:
        found = picture_folder(files, ids)
    place, names = found or (None, {})
    if ids and len(names) == len(ids) and place is not None:
        sizes = [picture_size(place / names[image], on_fault) for image in ids]
        pairs = zip(ids, sizes, strict=True)
        return [ImageRecord(i, names[i], height, width) for i, (width, height) in pairs], place, ""
    if folder is not None and not names:
        raise EvaluationError(
            f"{os.fspath(folder)}: no picture is called like an image of {files.boxes.name} "
            f"({ids[0] if ids else 'it lists none'}); check --images"
        )
    lacking = f"{len(ids) - len(names)} of {amount(len(ids), 'picture')} are not in {place}"
    what = lacking if names else "no pictures are beside it"
    note = f"{what}: boxes stay in fractions of the picture, and sizes of objects are unknown"
    return [ImageRecord(i, names.get(i, f"{i}.jpg"), 1, 1) for i in ids], place, note


def _note_on_files(files: Files) -> str:
    """Which files were read, and which were not found."""
    chosen = f"the split {files.split}: " if files.split else ""
    own = [getattr(files, name) for name in (*EXPECTED, "images")]
    beside = ", ".join(file.name for file in own if file)
    missing = " and ".join(text for name, text in EXPECTED.items() if not getattr(files, name))
    text = f"{chosen}{files.boxes.name} was read" + (f" with {beside}" if beside else "")
    return text + (f"; not found beside it: {missing}" if missing else "")
