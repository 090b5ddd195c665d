"""Data sets of pictures sorted into one folder per class, like ImageNet."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detector.errors import DetectorError
from detector.files.names import printable
from detector.pictures.finding import find_images

TRAINING_FOLDERS = ("train", "training")  # inside a data set that has its parts side by side
VALIDATION_FOLDERS = ("val", "valid", "validation")


@dataclass(frozen=True)
class ClassFolder:
    """Labelled pictures of a folder.

    Attributes
    ----------
    root
        The folder that contains the folders of the classes.
    class_names
        Names of those folders, sorted.
    files
        Paths relative to `root`, class by class, in natural order within a class.
    labels
        (N,) int64 indices into `class_names`, one for each of `files`.
    """

    root: Path
    class_names: tuple[str, ...]
    files: tuple[str, ...]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.files)

    def path(self, index: int) -> Path:
        """The file of picture `index`."""
        return self.root / self.files[index]

    def subset(self, indices: Sequence[int]) -> ClassFolder:
        """These pictures alone, with all classes."""
        files = tuple(self.files[index] for index in indices)
        return ClassFolder(self.root, self.class_names, files, self.labels[list(indices)])

    def fingerprint(self) -> str:
        """Digest of the names of classes and files in this order; contents are not read."""
        return hashlib.sha256(repr((self.class_names, self.files)).encode()).hexdigest()


def find_parts(data: Path) -> tuple[Path, Path | None]:
    """The training folder of a data set, and its validation folder if it has one.

    A data set with a folder `train` that contains folders has its parts side by side. Any other one
    contains the classes themselves, of which one may be called train.

    Raises
    ------
    DetectorError
        No such folder.
    """
    _check_folder(data)
    for name in TRAINING_FOLDERS:
        if (data / name).is_dir() and any(path.is_dir() for path in (data / name).iterdir()):
            found = [data / other for other in VALIDATION_FOLDERS if (data / other).is_dir()]
            return data / name, found[0] if found else None
    return data, None


def read_class_folder(root: Path) -> ClassFolder:
    """List the pictures of a folder that contains one folder per class.

    Pictures are recognised by their suffix, without opening them, and may lie in deeper folders.
    Hidden folders are skipped.

    Raises
    ------
    DetectorError
        No such folder, no folders in it, or one without a picture.
    """
    _check_folder(root)
    with os.scandir(root) as entries:
        names = sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))
    if not names:
        raise DetectorError(
            f"{printable(root)}: contains no folders; sort its pictures into one folder per class"
        )
    files: list[str] = []
    labels: list[int] = []
    for label, name in enumerate(names):
        found = _pictures(root / name)
        files.extend(path.relative_to(root).as_posix() for path in found)
        labels.extend([label] * len(found))
    return ClassFolder(root, tuple(names), tuple(files), np.array(labels, np.int64))


def _pictures(folder: Path) -> list[Path]:
    try:
        return find_images([folder])
    except DetectorError:
        raise DetectorError(
            f"{printable(folder)}: a class without pictures; add some or remove the folder"
        ) from None


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise DetectorError(f"{printable(folder)}: no such folder; check the path")
