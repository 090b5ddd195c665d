"""The images of a YOLO split and the text file of each, found in folders or read from lists."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from eval.formats.faults import Fault, FaultHandler
from eval.formats.folders.yolo_folders import IMAGES, SPLITS, labels_of, moved
from eval.formats.text_files import decoded, read_bytes


class Labelled(NamedTuple):
    """An image file and its text file, which exists only if the image has objects."""

    image: Path
    text: Path


def listed_files(path: Path, roots: tuple[Path, ...], on_fault: FaultHandler) -> list[Labelled]:
    """The images that a text file names, one per line, relative to it or to one of `roots`.

    Raises
    ------
    EvaluationError
        By `on_fault`: an image does not exist.
    """
    labels: dict[Path, Path] = {}
    found, missing = [], []
    lines = decoded(read_bytes(path), path.name).splitlines()
    names = [(number, line.strip()) for number, line in enumerate(lines, start=1) if line.strip()]
    for number, name in names:
        image = _existing(name.replace("\\", "/"), (path.parent, *roots))
        if image is None:
            missing.append((number, name))
            continue
        folder = image.parent
        if folder not in labels:
            labels[folder] = labels_of(folder) or folder
        found.append(Labelled(image, labels[folder] / f"{image.stem}.txt"))
    for number, name in missing:
        message = (
            f"no image {name:.80} ({len(missing)} of {len(names)} are missing), and its size is "
            "needed: add the images (in CVAT, export with `Save images`)"
        )
        on_fault(Fault(f"{path.name}: line {number}", "image", message, "listed image missing"))
    return found


def _existing(name: str, folders: tuple[Path, ...]) -> Path | None:
    candidates = (folder / place for place in moved(name) for folder in folders)
    return next((path for path in candidates if os.path.isfile(path)), None)


def files_below(pictures: Path, name_file: Path | None, on_fault: FaultHandler) -> list[Labelled]:
    """The images in a folder and its subfolders; their text files have the same subfolders.

    Raises
    ------
    EvaluationError
        By `on_fault`: there are no images, or a text file has no image.
    """
    labels = labels_of(pictures) or pictures
    files = [one for one in _below(pictures) if one.suffix.lower() in IMAGES]
    if labels == pictures:  # other subfolders may be anything, such as results
        with_text = {one.parent for one in _below(pictures) if one.suffix == ".txt"}
        files = [one for one in files if one.parent in with_text | {pictures}]
    found = [
        Labelled(one, labels / one.relative_to(pictures).with_suffix(".txt"))
        for one in sorted(files)
    ]
    if not found:
        message = f"contains no image ({' '.join(sorted(IMAGES))}); check the path"
        where = f"{pictures.parent.name}/{pictures.name}"
        on_fault(Fault(where, "image", message, "no images"))
    _check_texts(labels, found, name_file, on_fault)
    return found


def _below(folder: Path) -> list[Path]:
    """All files in a folder and its subfolders, without hidden ones."""
    return [
        Path(place) / name
        for place, _, names in os.walk(folder)
        for name in names
        if not name.startswith(".")
    ]


def _check_texts(
    labels: Path, found: list[Labelled], name_file: Path | None, on_fault: FaultHandler
) -> None:
    """A text file without an image is a fault, except for lists of names or images."""
    texts = {one.text for one in found}
    others = {"classes", "_classes", *SPLITS} | ({name_file.stem} if name_file else set())
    folders = {one.text.parent for one in found} | {labels}
    beside_images = any(one.text.parent == one.image.parent for one in found)
    for path in sorted(_below(labels)):
        if path.suffix != ".txt" or path in texts or path.stem in others:
            continue
        if path.stem.lower().startswith("readme"):
            continue
        if not beside_images or path.parent in folders:
            message = f"no image {path.stem}.jpg or .png; its size is needed: add the image"
            on_fault(Fault(path.name, "image", message, "text file without its image"))


def image_ids(paths: list[PurePosixPath]) -> list[str]:
    """The stem of each file name, or the path without suffix if two files have one stem."""
    stems = [path.stem for path in paths]
    if len(set(stems)) == len(stems):
        return stems
    return [str(path.with_suffix("")) for path in paths]
