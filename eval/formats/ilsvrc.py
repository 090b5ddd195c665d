"""Ground truth in the layout of ILSVRC DET: XML by WordNet id, lists of images, a blacklist."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import TypeAlias

import numpy as np

from eval.datasets import Dataset, ImageRecord, group_by_image
from eval.errors import EvaluationError
from eval.formats.faults import Fault, Report, refuse
from eval.formats.ilsvrc_synsets import read_synsets
from eval.formats.text_files import read_bytes, word_lines
from eval.formats.xml_boxes import (
    XmlObject,
    label_objects,
    objects_as_arrays,
    oddities,
    parse_xml,
)

StrPath: TypeAlias = "str | os.PathLike[str]"
# Where the parts lie, by preference: the kits of 2015 on and of 2013/14, and a flat folder.
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
    report: Report = refuse,
) -> Dataset:
    """Read a folder of ILSVRC DET: the kit's (`ILSVRC/` or the folder above), or a flat one.

    Boxes stay as in the files (whole pixels counted from 0, layout "inclusive0"). An image's id
    is its index, the second column of the list; a class's id its number 1..200. Images without
    objects or without XML count as they do officially. read_synsets tells the WordNet ids.

    Parameters
    ----------
    split
        Name of the image list and of the folder of annotations.
    annotations
        Folder of XML files, or a tar archive of them. Default: Annotations/DET/SPLIT, ...
    image_list
        Lines `name index`. Default: ImageSets/DET/SPLIT.txt, ...
    synsets
        meta_det.mat or a text list (see read_synsets). Default: devkit/data/meta_det.mat, ...
    blacklist
        Lines `index wnid`, on which nothing is judged (Dataset.excluded). Default: for val the
        devkit's, if it is there.

    Raises
    ------
    EvaluationError
        Naming file, object or line, and field.
    """
    root = Path(path) / "ILSVRC" if (Path(path) / "ILSVRC").is_dir() else Path(path)
    list_file = _find(root, image_list, (*LISTS, "{split}.txt"), split, "image_list")
    classes = read_synsets(_find(root, synsets, (*SYNSETS, "synsets.txt"), split, "synsets"))
    labels = {synset.wnid: label for label, synset in enumerate(classes)}
    names, indices, said = _listed(list_file, report)

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
            found = parse_xml(content, where, report)
            height, width = found.height, found.width
            pairs[-1] = label_objects(found.objects, labels, where, report, remedy)
        images.append(ImageRecord(index, f"{name}.JPEG", height, width))
    if len(without) == len(names) > 0:
        raise EvaluationError(
            f"{folder}: no {without[0]}.xml, nor that of any listed image; check annotations="
        )
    if without:
        said.append(f"{len(without)} images have no XML: no objects (first: {without[0]})")

    truths, truth_images = objects_as_arrays(pairs, "inclusive0")
    excluded = np.empty((0, 2), np.int64)
    black_file = _blacklist(root, blacklist, split)
    if black_file is not None:
        rows = {index: row for row, index in enumerate(indices)}
        excluded = _excluded(black_file, rows, labels, report)
        said.append(f"{black_file.name}: nothing is judged on {len(excluded)} image-class pairs")
    return group_by_image(
        images,
        [synset.name for synset in classes],
        [synset.number for synset in classes],
        truths,
        truth_images,
        source=f"{root.resolve().name} {split}",
        excluded=excluded,
        notes=(*said, *oddities(images, truths, truth_images)),
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
    looked = ", ".join(pattern.format(split=split) for pattern in patterns)
    raise EvaluationError(f"{root}: none of {looked}; name the file with {option}=")


def _listed(path: Path, report: Report) -> tuple[list[str], list[int], list[str]]:
    """Names and indices of the images, and what to say of them."""
    names: list[str] = []
    indices: list[int] = []
    seen: dict[str | int, int] = {}
    said = []
    lines = word_lines(path)
    if lines and all(len(words) == 1 for _, words in lines):
        said.append(f"{path.name} has no column of indices: images are counted by line")
        lines = [(line, [*words, str(line)]) for line, words in lines]
    for line, words in lines:
        where = f"{path.name}: line {line}"
        if len(words) != 2 or not (words[1].isascii() and words[1].isdigit()):
            message = f"{' '.join(words)!r:.60}; expected `name index`"
            report(Fault(where, "index", message, "not a name and an index"))
            continue
        name, index = words[0], int(words[1])
        for field, value in (("name", name), ("index", index)):
            if value in seen:
                message = f"{field} {value} is already on line {seen[value]}; each may come once"
                report(Fault(where, field, message, f"{field} listed twice"))
        if name not in seen and index not in seen:
            names.append(name)
            indices.append(index)
        seen.setdefault(name, line)
        seen.setdefault(index, line)
    if not names:
        message = "no image is listed; expected lines `name index`"
        report(Fault(path.name, "name", message, "empty list"))
    return names, indices, said


def _folder(folder: Path) -> Callable[[str], bytes | None]:
    def content_of(name: str) -> bytes | None:
        path = folder / f"{name}.xml"
        return read_bytes(path) if path.is_file() else None

    return content_of


def _archive(path: Path) -> Callable[[str], bytes | None]:
    """The same from a tar archive, which is read once from end to end."""
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
    """The devkit's counts images as val.txt does, so it is for no other list."""
    if given is not None:
        return _find(root, given, (), split, "blacklist")
    found = [path for pattern in BLACKLISTS for path in sorted(root.glob(pattern))]
    return found[0] if found and split == "val" else None


def _excluded(
    path: Path, rows: dict[int, int], labels: dict[str, int], report: Report
) -> np.ndarray:
    pairs = []
    for line, words in word_lines(path):
        index = int(words[0]) if words[0].isascii() and words[0].isdigit() else -1
        if len(words) == 2 and index in rows and words[1] in labels:
            pairs.append((rows[index], labels[words[1]]))
            continue
        message = f"{' '.join(words)!r:.60}; expected `index wnid`, both of the data set"
        report(Fault(f"{path.name}: line {line}", "index", message, "bad blacklist line"))
    return np.array(sorted(set(pairs)), dtype=np.int64).reshape(-1, 2)
