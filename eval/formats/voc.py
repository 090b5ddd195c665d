"""Ground truth in the layout of PASCAL VOC: a folder with Annotations, ImageSets and JPEGImages."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from eval.datasets import Dataset, ImageRecord, Truths, group_by_image
from eval.errors import EvaluationError
from eval.formats.faults import Fault, FaultHandler, refuse
from eval.formats.folders.voc_files import (
    LABEL_MAP,
    home_of,
    image_files,
    image_folder,
    listed_images,
    read_label_map,
    states_inclusive_corners,
    xml_files,
)
from eval.formats.folders.xml_boxes import (
    NOTHING,
    XmlImage,
    label_objects,
    objects_as_arrays,
    oddities,
    parse_xml,
)
from eval.formats.text_files import read_bytes
from eval.wording import amount

# In the order of VOCinit.m of the devkit; their ids are 1 to 20 in this order.
VOC_CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
)
MANY_FRACTIONS = 0.1  # share of the boxes; VOC2012 has some with fractions


def read_voc(
    path: str | os.PathLike[str],
    split: str | None = None,
    *,
    classes: Sequence[str] | None = None,
    corners: str = "inclusive",
    on_fault: FaultHandler = refuse,
) -> Dataset:
    """Read a VOC folder, a folder of XML files, or one with such folders in it.

    Boxes keep the convention of the files (whole pixels counted from 1, layout "inclusive1");
    fractions of pixels are kept. The id of an image is the stem of its file name, after the
    subfolders of Annotations. Objects with a polygon or a rotated box in place of `bndbox` get the
    box around it. `difficult` may also be true, false or Unspecified, which counts as false.

    Parameters
    ----------
    split
        ImageSets/Main/SPLIT.txt lists the images. Default: the first of test, val and trainval
        that exists; without any list, all XML files in the order of their names.
    classes
        The class names; their ids are 1, 2, and so on. Default: those in labelmap.txt, which CVAT
        writes; without that file the 20 classes of VOC if they include all names in the files,
        otherwise the sorted names in the files.
    corners
        "inclusive", as in VOC, or "continuous": counted from 0, so that xmax - xmin is the width,
        as CVAT, VoTT and FiftyOne write them.

    Raises
    ------
    EvaluationError
        The message names file, object and field: a missing split, a listed image without XML, a
        file that is no XML, a missing or malformed field, xmax < xmin, or a class not in `classes`.
    """
    if corners not in ("inclusive", "continuous"):
        raise EvaluationError(f"corners is {corners!r}; expected 'inclusive' or 'continuous'")
    root, split, home_notes = home_of(Path(path), split)
    annotations = root / "Annotations" if (root / "Annotations").is_dir() else root
    files = xml_files(annotations, whole=annotations != root)
    stems, notes = listed_images(root, annotations, files, split, on_fault)
    found = [_read(files.get(stem, annotations / f"{stem}.xml"), on_fault) for stem in stems]
    names = _class_names(found, root) if classes is None else tuple(classes)
    labels = {name: label for label, name in enumerate(names)}
    remedy = f"the classes are {', '.join(names):.200}"
    pairs = [
        label_objects(image.objects, labels, _where(annotations, stem), on_fault, remedy)
        for stem, image in zip(stems, found, strict=True)
    ]
    folder = image_folder(root, annotations)
    pictures = image_files(folder)
    images = [
        ImageRecord(
            stem, pictures.get(stem) or image.file_name or f"{stem}.jpg", image.height, image.width
        )
        for stem, image in zip(stems, found, strict=True)
    ]
    truths, truth_images = objects_as_arrays(pairs, "inclusive1")
    is_known = corners == "continuous" or states_inclusive_corners(root / LABEL_MAP)
    doubts = () if is_known else _looks_continuous(truths.boxes)
    if corners == "continuous":
        truths = _continuous(truths)
    return group_by_image(
        images,
        names,
        range(1, len(names) + 1),
        truths,
        truth_images,
        source=root.resolve().name,
        notes=(
            *home_notes,
            *notes,
            *_shapes(found),
            *doubts,
            *oddities(images, truths, truth_images),
        ),
        pictures=folder if pictures else None,
    )


def _read(path: Path, on_fault: FaultHandler) -> XmlImage:
    where = _where(path.parent, path.stem)
    if not os.path.isfile(path):  # also where the name is too long for the system
        message = (
            "no such file, although its image is listed; add it or remove the image from the list"
        )
        on_fault(Fault(where, "", message, "listed image without annotation"))
        return NOTHING
    return parse_xml(read_bytes(path), where, on_fault)


def _where(folder: Path, stem: str) -> str:
    return f"{folder.name}/{stem:.200}.xml"


def _shapes(images: list[XmlImage]) -> tuple[str, ...]:
    """A note on the objects without a box of their own."""
    count = sum(one.around_shape for image in images for one in image.objects)
    what = amount(count, "polygon or rotated box", "polygons or rotated boxes")
    return (f"{what}: the box around each one counts",) if count else ()


def _looks_continuous(boxes: np.ndarray) -> tuple[str, ...]:
    """A note if VOC's convention, whole pixels counted from 1, does not fit many boxes."""
    fractions = int((boxes != np.floor(boxes)).any(axis=1).sum())
    zeros = int((boxes[:, :2] == 0).any(axis=1).sum())
    if fractions <= MANY_FRACTIONS * len(boxes) and not zeros:
        return ()
    found = [
        *([f"{amount(fractions, 'box has', 'boxes have')} fractions of pixels"] * bool(fractions)),
        *([f"{amount(zeros, 'box begins', 'boxes begin')} at 0"] * bool(zeros)),
    ]
    return (
        f"{' and '.join(found)}, but corners were read as VOC's pixels, counted from 1: if the "
        "program that wrote them counts continuously from 0 (CVAT, VoTT, FiftyOne), pass "
        "--voc-corners continuous (corners= in Python)",
    )


def _continuous(truths: Truths) -> Truths:
    """The objects with their corners taken as continuous, from 0."""
    low, high = truths.boxes[:, :2], truths.boxes[:, 2:]
    sides = high - low
    return replace(
        truths,
        boxes=np.concatenate([low, sides], axis=1),
        areas=sides[:, 0] * sides[:, 1],
        layout="xywh",
    )


def _class_names(images: list[XmlImage], root: Path) -> tuple[str, ...]:
    if (root / LABEL_MAP).is_file():
        return read_label_map(root / LABEL_MAP)
    names = {one.name for image in images for one in image.objects}
    return VOC_CLASSES if names <= set(VOC_CLASSES) else tuple(sorted(names))
