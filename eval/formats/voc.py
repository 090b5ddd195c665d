"""Ground truth in the layout of PASCAL VOC: a folder with Annotations, ImageSets, JPEGImages."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from eval.datasets import Dataset, ImageRecord, group_by_image
from eval.errors import EvaluationError
from eval.formats.faults import Fault, Report, refuse
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

# In the order of the devkit (VOCinit.m), which is that of their ids 1..20 elsewhere.
VOC_CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
)
SPLITS = ("test", "val", "trainval")  # the first that is there, where none is asked for


def read_voc(
    path: str | os.PathLike[str],
    split: str | None = None,
    *,
    classes: Sequence[str] | None = None,
    report: Report = refuse,
) -> Dataset:
    """Read a VOC folder, or a folder of XML files alone.

    Boxes stay as in the files (whole pixels counted from 1, layout "inclusive1"; fractions are
    taken as they are). An image's id is its file's stem.

    Parameters
    ----------
    split
        ImageSets/Main/SPLIT.txt lists the images. Default: test, val or trainval, the first that
        is there; without any, all XML files in the order of their names.
    classes
        The class names, whose ids are 1, 2, ... Default: the 20 of VOC if the objects know no
        others, otherwise the names found, sorted.

    Raises
    ------
    EvaluationError
        Naming file, object and field: no such split, a listed image without XML, no XML, a
        missing or malformed field, xmax < xmin, a class not among `classes`.
    """
    root = Path(path)
    annotations = root / "Annotations" if (root / "Annotations").is_dir() else root
    stems, said = _listed(root, annotations, split, report)
    found = [_read(annotations / f"{stem}.xml", report) for stem in stems]
    names = _class_names(found) if classes is None else tuple(classes)
    labels = {name: label for label, name in enumerate(names)}
    remedy = f"the classes are {', '.join(names):.200}"
    pairs = [
        label_objects(image.objects, labels, _where(annotations, stem), report, remedy)
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
        notes=(*said, *oddities(images, truths, truth_images)),
        pictures=folder if folder.is_dir() else None,
    )


def _listed(
    root: Path, annotations: Path, split: str | None, report: Report
) -> tuple[list[str], tuple[str, ...]]:
    """Stems of the images, and what to say of their choice."""
    folder = root / "ImageSets" / "Main"
    chosen = split or next((name for name in SPLITS if (folder / f"{name}.txt").is_file()), None)
    if chosen is None:
        stems = sorted(path.stem for path in annotations.glob("*.xml"))
        if not stems:
            raise EvaluationError(f"{root}: no XML file in {annotations}; check the path")
        said = f"no list in ImageSets/Main: all {len(stems)} XML files were read"
        above = root.resolve().parent
        if annotations == root and any((above / "ImageSets" / "Main").glob("*.txt")):
            said += f"; ImageSets is in the folder above: give {above.name} to read one list"
        return stems, (said,)
    if not (folder / f"{chosen}.txt").is_file():
        there = ", ".join(sorted(path.stem for path in folder.glob("*.txt"))) or "none"
        raise EvaluationError(f"{root}: no ImageSets/Main/{chosen}.txt; lists there: {there}")
    stems = listed_names(folder / f"{chosen}.txt", report)
    said = (
        f"images of ImageSets/Main/{chosen}.txt; name another list with --split (split= in Python)"
    )
    return stems, () if split else (said,)


def listed_names(path: Path, report: Report) -> list[str]:
    """First word of each line, each once."""
    rows: dict[str, int] = {}
    for line, words in word_lines(path):
        if words[0] in rows:
            message = f"{words[0]} is already on line {rows[words[0]]}; list each image once"
            report(Fault(f"{path.name}: line {line}", "image", message, "image listed twice"))
        rows.setdefault(words[0], line)
    if not rows:
        message = "no image is listed; write one name a line"
        report(Fault(path.name, "image", message, "empty list"))
    return list(rows)


def _read(path: Path, report: Report) -> XmlImage:
    where = _where(path.parent, path.stem)
    if not path.is_file():
        message = "no such file, though its image is listed; add it or take the image off the list"
        report(Fault(where, "", message, "listed image without annotation"))
        return NOTHING
    return parse_xml(read_bytes(path), where, report)


def _where(folder: Path, stem: str) -> str:
    return f"{folder.name}/{stem}.xml"


def _class_names(images: list[XmlImage]) -> tuple[str, ...]:
    names = {one.name for image in images for one in image.objects}
    return VOC_CLASSES if names <= set(VOC_CLASSES) else tuple(sorted(names))
