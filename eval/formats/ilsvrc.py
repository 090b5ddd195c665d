"""Ground truth in the layout of ILSVRC DET: XML with WordNet ids, image lists and a blacklist."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import TypeAlias

import numpy as np

from eval.datasets import Dataset, ImageRecord, group_by_image
from eval.errors import EvaluationError
from eval.formats.faults import Fault, FaultHandler, refuse
from eval.formats.folders.xml_boxes import (
    XmlObject,
    label_objects,
    objects_as_arrays,
    oddities,
    parse_xml,
)
from eval.formats.ilsvrc_synsets import read_synsets
from eval.formats.number_lines import whole_number
from eval.formats.text_files import read_bytes, word_lines
from eval.wording import amount

StrPath: TypeAlias = "str | os.PathLike[str]"
# Where the files lie, the preferred place first: devkits from 2015 on, of 2013 and 2014, flat.
DEVKITS = ("devkit/data/", "*devkit/data/", "data/", "")
ANNOTATIONS = (
    "Annotations/DET/{split}",
    "ILSVRC*_DET_bbox_{split}",
    "annotations_{split}.tar*",
    "annotations_{split}",
    "{split}",
)
LISTS = ("ImageSets/DET/{split}.txt", *(f"{kit}det_lists/{{split}}.txt" for kit in DEVKITS))
PICTURES = ("Data/DET/{split}", "ILSVRC*_DET_{split}")
SYNSETS = tuple(f"{kit}{name}" for kit in DEVKITS for name in ("meta_det.mat", "map_det.txt"))
BLACKLISTS = tuple(f"{kit}*blacklist*.txt" for kit in DEVKITS)


def read_ilsvrc(
    path: StrPath,
    split: str = "val",
    *,
    annotations: StrPath | None = None,
    image_list: StrPath | None = None,
    synsets: StrPath | None = None,
    blacklist: StrPath | None = None,
    on_fault: FaultHandler = refuse,
) -> Dataset:
    """Read a folder of ILSVRC DET: the devkit's (`ILSVRC/` or the folder above), or a flat folder.

    Boxes keep the convention of the files (whole pixels counted from 0, layout "inclusive0"). The
    id of an image is its index, the second column of the image list; the id of a class is its
    number, 1 to 200. As in the devkit, images without objects or without XML count.

    Parameters
    ----------
    split
        The name of the image list and of the folder of annotations.
    annotations
        A folder of XML files, or a tar archive. Default: Annotations/DET/SPLIT or the like.
    image_list
        A file of lines `name index`. Default: ImageSets/DET/SPLIT.txt or the like.
    synsets
        meta_det.mat or a text file (see read_synsets). Default: devkit/data/meta_det.mat or the
        like.
    blacklist
        A file of lines `index wnid`: pairs of image and class that are not evaluated
        (Dataset.excluded). Default: for the split val that of the devkit, if there is one.

    Raises
    ------
    EvaluationError
        The message names file, object or line, and field.
    """
    root = Path(path) / "ILSVRC" if (Path(path) / "ILSVRC").is_dir() else Path(path)
    list_file = _find(root, image_list, (*LISTS, "{split}.txt"), split, "image_list")
    classes = read_synsets(_find(root, synsets, (*SYNSETS, "synsets.txt"), split, "synsets"))
    labels = {synset.wnid: label for label, synset in enumerate(classes)}
    names, indices, notes = _listed(list_file, on_fault)

    folder = _find(root, annotations, (*ANNOTATIONS, "."), split, "annotations")
    remedy = f"it is not one of the {len(classes)} synsets; correct it or pass synsets="
    content_of = _archive(folder) if folder.is_file() else _folder(folder)
    images, without = [], []
    pairs: list[list[tuple[int, XmlObject]]] = []
    for name, index in zip(names, indices, strict=True):
        content, height, width = content_of(name), 0, 0
        pairs.append([])
        if content is None:
            without.append(name)
        else:
            where = f"{folder.name}/{name}.xml"
            found = parse_xml(content, where, on_fault)
            height, width = found.height, found.width
            pairs[-1] = label_objects(found.objects, labels, where, on_fault, remedy)
        images.append(ImageRecord(index, f"{name}.JPEG", height, width))
    if len(without) == len(names) > 0:
        raise EvaluationError(
            f"{folder}: no {without[0]:.60}.xml, nor the XML of any other listed image; check "
            "annotations="
        )
    if without:
        notes.append(
            f"{amount(len(without), 'image')} without XML: read as images without objects "
            f"(first: {without[0]:.60})"
        )

    truths, truth_images = objects_as_arrays(pairs, "inclusive0")
    excluded = np.empty((0, 2), np.int64)
    black_file = _blacklist(root, blacklist, split)
    if black_file is not None:
        rows = {index: row for row, index in enumerate(indices)}
        excluded = _excluded(black_file, rows, labels, on_fault)
        notes.append(
            f"{black_file.name}: {amount(len(excluded), 'pair')} of image and class excluded from "
            "the evaluation"
        )
    return group_by_image(
        images,
        [synset.name for synset in classes],
        [synset.number for synset in classes],
        truths,
        truth_images,
        source=f"{root.resolve().name} {split}",
        excluded=excluded,
        notes=(*notes, *oddities(images, truths, truth_images)),
        pictures=next((f for p in PICTURES for f in root.glob(p.format(split=split))), None),
    )


def _find(
    root: Path, given: StrPath | None, patterns: tuple[str, ...], split: str, option: str
) -> Path:
    if given is not None:
        if not Path(given).exists():
            raise EvaluationError(f"{option} {os.fspath(given)}: no such file or folder")
        return Path(given)
    for pattern in patterns:
        found = sorted(root.glob(pattern.format(split=split))) if pattern != "." else [root]
        if found:
            return found[0]
    expected = ", ".join(pattern.format(split=split) for pattern in patterns)
    raise EvaluationError(f"{root}: none of {expected}; name the file with {option}=")


def _listed(path: Path, on_fault: FaultHandler) -> tuple[list[str], list[int], list[str]]:
    """Names and indices of the images, and notes on the list."""
    names: list[str] = []
    indices: list[int] = []
    seen: dict[str | int, int] = {}
    notes = []
    lines = word_lines(path)
    if lines and all(len(words) == 1 for _, words in lines):
        notes.append(f"{path.name} has no column of indices: images are numbered by line")
        lines = [(line, [*words, str(line)]) for line, words in lines]
    for line, words in lines:
        where = f"{path.name}: line {line}"
        if len(words) != 2 or whole_number(words[1]) is None:
            message = f"{' '.join(words)!r:.60}; expected `name index`"
            on_fault(Fault(where, "index", message, "not a name and an index"))
            continue
        name, index = words[0], int(words[1])
        for field, value in (("name", name), ("index", index)):
            if value in seen:
                message = f"{field} {value} is already on line {seen[value]}; it must be unique"
                on_fault(Fault(where, field, message, f"{field} listed twice"))
        if name not in seen and index not in seen:
            names.append(name)
            indices.append(index)
        seen.setdefault(name, line)
        seen.setdefault(index, line)
    if not names:
        message = "no image is listed; expected lines `name index`"
        on_fault(Fault(path.name, "name", message, "empty list"))
    return names, indices, notes


def _folder(folder: Path) -> Callable[[str], bytes | None]:
    def content_of(name: str) -> bytes | None:
        path = folder / f"{name}.xml"
        return read_bytes(path) if os.path.isfile(path) else None

    return content_of


def _archive(path: Path) -> Callable[[str], bytes | None]:
    """As _folder, for a tar archive, which is read once from beginning to end."""
    contents: dict[str, bytes] = {}
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                file = archive.extractfile(member) if member.name.endswith(".xml") else None
                if file is not None:
                    contents[PurePosixPath(member.name).stem] = file.read()
    except (tarfile.TarError, EOFError, OSError) as error:
        raise EvaluationError(f"{path}: not a tar archive, or cut short ({error})") from None
    return lambda name: contents.get(PurePosixPath(name).name)


def _blacklist(root: Path, given: StrPath | None, split: str) -> Path | None:
    """The blacklist to apply; the devkit's numbers images as val.txt does, so it fits only val."""
    if given is not None:
        return _find(root, given, (), split, "blacklist")
    found = [path for pattern in BLACKLISTS for path in sorted(root.glob(pattern))]
    return found[0] if found and split == "val" else None


def _excluded(
    path: Path, rows: dict[int, int], labels: dict[str, int], on_fault: FaultHandler
) -> np.ndarray:
    pairs = []
    for line, words in word_lines(path):
        index = whole_number(words[0])
        if len(words) == 2 and index in rows and words[1] in labels:
            pairs.append((rows[index], labels[words[1]]))
            continue
        message = f"{' '.join(words)!r:.60}; expected `index wnid` of an image and a class"
        on_fault(Fault(f"{path.name}: line {line}", "index", message, "bad blacklist line"))
    return np.array(sorted(set(pairs)), dtype=np.int64).reshape(-1, 2)
