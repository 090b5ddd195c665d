"""Convert a data set, or results on one, into a folder in another format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from detector.converting.parts import Part, Reading, read_part, read_parts
from detector.converting.pictures import copy_pictures, folder_of, with_sizes
from detector.files.whole_folders import check_fillable, filled_at_once
from detector.pictures.dataset_folder import check_in_pixels
from eval import read_detections
from eval.formats.writing import coco, csv, label_studio, voc, yolo
from eval.formats.writing.labelled_image import LabelledImage, counted, labelled_images
from eval.wording import amount

# Where a format expects the picture of a file name; a table has no pictures.
PICTURE_PATHS: dict[str, Callable[[str, str], str]] = {
    "coco": coco.picture_path,
    "yolo": yolo.picture_path,
    "voc": voc.picture_path,
    "label-studio": label_studio.picture_path,
}
USUAL = Reading()
MASKS = "objects with the area of a mask, which is not converted"
EXCLUDED = "pairs of image and class on the blacklist, which is not converted"
VERIFIED = "verified pairs of image and class, which are not converted"


class Converted(NamedTuple):
    """What was written, in words, and notes on what the format does not hold."""

    summary: str
    notes: tuple[str, ...]


def convert_dataset(
    sources: Sequence[Path],
    target: str,
    folder: Path,
    reading: Reading = USUAL,
    images: Path | None = None,
    *,
    copy: bool = True,
) -> Converted:
    """Write data sets as one data set in another format.

    Parameters
    ----------
    sources
        Paths that read_dataset reads; together they are the parts of one data set.
    target
        coco, yolo, voc, csv or label-studio.
    folder
        Empty or missing. It is filled whole or not at all.
    reading
        The split, and how the sources are read.
    images
        The folder of the pictures; default: the one in or beside the data set.
    copy
        Whether pictures are copied.

    Raises
    ------
    DetectorError, EvaluationError
        A source or a picture cannot be read, the folder is not empty, or the format cannot name a
        picture or a class.
    """
    check_fillable(folder)
    place_of = PICTURE_PATHS.get(target) if copy else None
    sized = [_sized(part, images, place_of) for part in read_parts(sources, reading)]
    parts = [part for part, _, _ in sized]
    notes = [note for part, _, others in sized for note in (*part.dataset.notes, *others)]
    with filled_at_once(folder) as hidden:
        for part, pictures, _ in sized:
            notes += _write(part, target, hidden)
            if place_of is not None and pictures is not None:
                copy_pictures(part, pictures, hidden, place_of)
    if target == "yolo":
        notes += _stand_ins({part.name for part in parts})
    counts = ", ".join(f"{part.name} {len(part.dataset):,}" for part in parts)
    objects = amount(sum(len(part.dataset.all_truths) for part in parts), "object")
    classes = amount(len(parts[0].dataset.class_names), "class", "classes")
    return Converted(f"images: {counts}; {objects} of {classes}", tuple(dict.fromkeys(notes)))


def convert_results(
    source: Path,
    detections: Path,
    target: str,
    folder: Path,
    reading: Reading = USUAL,
    images: Path | None = None,
    *,
    copy: bool = True,
) -> Converted:
    """Write results on a data set in another format.

    The target is coco, yolo, csv or label-studio; only Label Studio's tasks come with pictures.
    The other parameters and the errors are those of convert_dataset; the split is one of the data
    set's own.
    """
    check_fillable(folder)
    place_of = PICTURE_PATHS[target] if copy and target == "label-studio" else None
    part, pictures, others = _sized(read_part(source, reading), images, place_of)
    table = read_detections(
        detections, part.dataset, names=reading.names, skip_unlisted=reading.skip_unlisted
    )
    found = list(labelled_images(part.dataset, table))
    names, category_ids = part.dataset.class_names, part.dataset.category_ids
    notes = [*part.dataset.notes, *table.notes, *others]
    with filled_at_once(folder) as hidden:
        if target == "coco":
            coco.write_coco_results(found, names, category_ids, hidden)
        elif target == "yolo":
            notes += yolo.write_yolo_results(found, names, hidden)
        elif target == "csv":
            notes += csv.write_csv(found, names, hidden / "detections.csv")
        else:
            notes += label_studio.write_label_studio(found, names, hidden, part.name)
        if place_of is not None and pictures is not None:
            copy_pictures(part, pictures, hidden, place_of)
    counts = f"{amount(len(table), 'detection')} on {amount(len(found), 'image')}"
    return Converted(counts, tuple(dict.fromkeys(notes)))


def _sized(
    part: Part, images: Path | None, place_of: Callable[[str, str], str] | None
) -> tuple[Part, Path | None, tuple[str, ...]]:
    """The part, the folder of its pictures if they are copied, and notes on their sizes."""
    check_in_pixels(part.dataset)
    if place_of is None:
        return part, None, ()
    pictures = folder_of(part, images)
    part, notes = with_sizes(part, pictures)
    return part, pictures, notes


def _write(part: Part, target: str, folder: Path) -> tuple[str, ...]:
    """Write the boxes of a part; returns notes on what the format does not hold."""
    images, names = list(labelled_images(part.dataset)), part.dataset.class_names
    if target == "coco":
        notes = coco.write_coco(images, names, part.dataset.category_ids, folder, part.name)
    elif target == "yolo":
        notes = yolo.write_yolo(images, names, folder, part.name)
    elif target == "voc":
        notes = voc.write_voc(images, names, folder, part.name)
    elif target == "csv":
        notes = csv.write_csv(images, names, folder / f"{part.name}.csv")
    else:
        notes = label_studio.write_label_studio(images, names, folder, part.name)
    verified = part.dataset.verified
    lost = {
        MASKS: sum(map(_masks, images)),
        EXCLUDED: len(part.dataset.excluded),
        VERIFIED: 0 if verified is None else len(verified),
    }
    return (*(f"{part.name}: {note}" for note in (*notes, *counted(lost))),)


def _masks(image: LabelledImage) -> int:
    """The number of objects whose area is not that of their box."""
    with np.errstate(over="ignore"):  # results may have boxes of any size
        sides = image.boxes_xyxy[:, 2:] - image.boxes_xyxy[:, :2]
        areas = sides[:, 0] * sides[:, 1]
    return int((~np.isclose(image.areas, areas, rtol=1e-3, atol=1)).sum())


def _stand_ins(names: set[str]) -> tuple[str, ...]:
    missing = [name for name in ("train", "val") if name not in names]
    if not missing:
        return ()
    return (
        f"data.yaml: there is no part {' or '.join(missing)}, and another part stands for it, "
        "because training programs ask for both",
    )
