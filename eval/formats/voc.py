"""Ground truth in the layout of PASCAL VOC: a folder with Annotations, ImageSets and JPEGImages."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from eval.datasets import Dataset, ImageRecord, group_by_image
from eval.errors import EvaluationError
from eval.formats.faults import Fault, FaultHandler, refuse
from eval.formats.text_files import read_bytes, word_lines
from eval.formats.xml_boxes import (
    NOTHING,
    XmlImage,
    file_names,
    label_objects,
    objects_as_arrays,
    oddities,
    parse_xml,
)

# In the order of VOCinit.m of the devkit; their ids are 1 to 20 in this order.
VOC_CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
)
SPLITS = ("test", "val", "trainval")  # by default the first that exists


def read_voc(
    path: str | os.PathLike[str],
    split: str | None = None,
    *,
    classes: Sequence[str] | None = None,
    on_fault: FaultHandler = refuse,
) -> Dataset:
    """Read a VOC folder, or a folder with nothing but XML files.

    Boxes keep the convention of the files (whole pixels counted from 1, layout "inclusive1");
    fractions of pixels are kept. The id of an image is the stem of its file name.

    Parameters
    ----------
    split
        ImageSets/Main/SPLIT.txt lists the images. Default: the first of test, val and trainval
        that exists; without any list, all XML files in the order of their names.
    classes
        The class names; their ids are 1, 2, and so on. Default: the 20 classes of VOC if they
        include all names in the files, otherwise the sorted names in the files.

    Raises
    ------
    EvaluationError
        The message names file, object and field: a missing split, a listed image without XML, a
        file that is no XML, a missing or malformed field, xmax < xmin, or a class not in `classes`.
    """
    root = Path(path)
    annotations = root / "Annotations" if (root / "Annotations").is_dir() else root
    stems, notes = _listed(root, annotations, split, on_fault)
    found = [_read(annotations / f"{stem}.xml", on_fault) for stem in stems]
    names = _class_names(found) if classes is None else tuple(classes)
    labels = {name: label for label, name in enumerate(names)}
    remedy = f"the classes are {', '.join(names):.200}"
    pairs = [
        label_objects(image.objects, labels, _where(annotations, stem), on_fault, remedy)
        for stem, image in zip(stems, found, strict=True)
    ]
    folder = root / "JPEGImages"
    pictures = file_names(folder)
    images = [
        ImageRecord(
            stem, pictures.get(stem) or image.file_name or f"{stem}.jpg", image.height, image.width
        )
        for stem, image in zip(stems, found, strict=True)
    ]
    truths, truth_images = objects_as_arrays(pairs, "inclusive1")
    return group_by_image(
        images,
        names,
        range(1, len(names) + 1),
        truths,
        truth_images,
        source=root.resolve().name,
        notes=(*notes, *oddities(images, truths, truth_images)),
        pictures=folder if folder.is_dir() else None,
    )


def _listed(
    root: Path, annotations: Path, split: str | None, on_fault: FaultHandler
) -> tuple[list[str], tuple[str, ...]]:
    """Stems of the images, and a note on how they were chosen."""
    folder = root / "ImageSets" / "Main"
    chosen = split or next((name for name in SPLITS if (folder / f"{name}.txt").is_file()), None)
    if chosen is None:
        stems = sorted(path.stem for path in annotations.glob("*.xml"))
        if not stems:
            raise EvaluationError(f"{root}: no XML file in {annotations}; check the path")
        note = f"no list in ImageSets/Main: all {len(stems)} XML files were read"
        above = root.resolve().parent
        if annotations == root and any((above / "ImageSets" / "Main").glob("*.txt")):
            note += f"; ImageSets is in the folder above: name {above.name} to read one list"
        return stems, (note,)
    if not (folder / f"{chosen}.txt").is_file():
        there = ", ".join(sorted(path.stem for path in folder.glob("*.txt"))) or "none"
        raise EvaluationError(f"{root}: no ImageSets/Main/{chosen}.txt; existing lists: {there}")
    stems = listed_names(folder / f"{chosen}.txt", on_fault)
    note = (
        f"images of ImageSets/Main/{chosen}.txt; name another list with --split (split= in Python)"
    )
    return stems, () if split else (note,)


def listed_names(path: Path, on_fault: FaultHandler) -> list[str]:
    """The first word of each line; each must be unique."""
    rows: dict[str, int] = {}
    for line, words in word_lines(path):
        if words[0] in rows:
            message = f"{words[0]} is already on line {rows[words[0]]}; list each image once"
            on_fault(Fault(f"{path.name}: line {line}", "image", message, "image listed twice"))
        rows.setdefault(words[0], line)
    if not rows:
        message = "no image is listed; write one name per line"
        on_fault(Fault(path.name, "image", message, "empty list"))
    return list(rows)


def _read(path: Path, on_fault: FaultHandler) -> XmlImage:
    where = _where(path.parent, path.stem)
    if not path.is_file():
        message = (
            "no such file, although its image is listed; add it or remove the image from the list"
        )
        on_fault(Fault(where, "", message, "listed image without annotation"))
        return NOTHING
    return parse_xml(read_bytes(path), where, on_fault)


def _where(folder: Path, stem: str) -> str:
    return f"{folder.name}/{stem}.xml"


def _class_names(images: list[XmlImage]) -> tuple[str, ...]:
    names = {one.name for image in images for one in image.objects}
    return VOC_CLASSES if names <= set(VOC_CLASSES) else tuple(sorted(names))
