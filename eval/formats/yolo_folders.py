"""The folders of a YOLO data set's splits: those named in data.yaml, or the usual ones."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from eval.errors import EvaluationError
from eval.formats.text_files import decoded, read_bytes

YAML_FILES = ("data.yaml", "data.yml", "dataset.yaml")
SPLITS = ("test", "val", "valid", "train")  # by default the first that exists


class Home(NamedTuple):
    """A data set's folder, and the path and content of its data.yaml, if there is one."""

    folder: Path
    file: Path | None
    content: dict[Any, Any]

    @property
    def file_name(self) -> str:
        return "" if self.file is None else self.file.name

    @property
    def base(self) -> Path:
        """The folder that entries are relative to: `path`, relative to data.yaml, if it exists."""
        path = self.content.get("path")
        named = self.folder / _slashes(path) if isinstance(path, str) else self.folder
        return named if os.path.isdir(named) else self.folder

    def entry(self, split: str) -> Any:
        """The entry of a split in data.yaml, without the list around a single one; or None."""
        value = self.content.get(split) if split in SPLITS else None
        return value[0] if isinstance(value, list) and len(value) == 1 else value


def home_of(path: str | os.PathLike[str]) -> Home:
    """The data set at a path, which is its folder or its data.yaml."""
    place = Path(path)
    if place.suffix in (".yaml", ".yml"):
        return Home(place.parent, place, read_yaml(place))
    file = next((place / name for name in YAML_FILES if (place / name).is_file()), None)
    return Home(place, file, {} if file is None else read_yaml(file))


def read_yaml(path: Path) -> dict[Any, Any]:
    """The content of a YAML file; empty if it is no mapping."""
    try:
        import yaml
    except ImportError:
        raise EvaluationError(f"{path.name}: reading it needs PyYAML; pip install pyyaml") from None
    try:
        document: Any = yaml.safe_load(decoded(read_bytes(path), path.name))
    except yaml.YAMLError as error:
        raise EvaluationError(f"{path.name}: not YAML ({' '.join(str(error).split())})") from None
    return document if isinstance(document, dict) else {}


def splits_of(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Those of SPLITS and trainval that data.yaml names or that have the usual folders.

    A split to which data.yaml gives the folder of `train` is left out.
    """
    home = home_of(path)
    found = {name: home.entry(name) for name in ("trainval", *SPLITS)}
    same = {n for n, entry in found.items() if n != "train" and entry and entry == found["train"]}
    return tuple(n for n in found if n not in same and (found[n] or _split(home, n)))


def find_folders(home: Home, split: str | None) -> tuple[Path, Path, str]:
    """Folders of images and of text files, and their split, "" for the whole data set.

    Raises
    ------
    EvaluationError
        There are no such folders; data.yaml names a list of folders or a text file; or only the
        training split exists, although data.yaml names another one.
    """
    missing = ""
    for name in (split,) if split else SPLITS:
        folders = _split(home, name)
        if folders and missing and name == "train" and not split:
            raise EvaluationError(f"{missing}; correct it, or name another split: --split train")
        if folders:
            return *folders, name
        if home.entry(name) and not missing:
            entry = f"{home.entry(name)!r:.60}"
            missing = f"{home.file_name}: {name} is {entry}, but images and labels are not there"
    if not split:
        for folder in dict.fromkeys((home.base, home.folder)):
            if (folder / "images").is_dir() and (folder / "labels").is_dir():
                return folder / "images", folder / "labels", ""
            if any(folder.glob("*.txt")):
                return folder, folder, ""
    usual = f"images/{split or 'test'} and labels/{split or 'test'}"
    raise EvaluationError(
        f"{missing or home.folder}: neither {usual}, nor {split or 'test'}/images and "
        f"{split or 'test'}/labels{'' if split else ', nor images and labels'}; check the path"
    )


def _split(home: Home, name: str) -> tuple[Path, Path] | None:
    """Folders of images and of text files of a split; None if they do not exist."""
    for pictures in _named(home, name):
        labels = _labels_of(pictures)
        if labels is not None:
            return pictures, labels
    for folder in dict.fromkeys((home.base, home.folder)):
        for pictures, labels in (
            (folder / "images" / name, folder / "labels" / name),
            (folder / name / "images", folder / name / "labels"),
        ):
            if pictures.is_dir() and labels.is_dir():
                return pictures, labels
    return None


def _named(home: Home, name: str) -> Iterator[Path]:
    """Folders that data.yaml may mean by the entry of a split."""
    entry = home.entry(name)
    if not entry:
        return
    if not isinstance(entry, str) or os.path.isfile(home.base / _slashes(entry)):
        raise EvaluationError(
            f"{home.file_name}: {name} is {entry!r:.60}; expected one folder of images (lists of "
            "folders and text files of names are not supported)"
        )
    entry = _slashes(entry)
    for place in (
        entry,
        entry.removeprefix("../"),
    ):  # Roboflow writes paths that begin one folder too high
        yield from (home.base / place, home.base / place / "images")


def _labels_of(pictures: Path) -> Path | None:
    """The folder of text files that belongs to a folder of images; None if either is missing.

    It is the path with `labels` in place of the last `images`, or else the same folder.
    """
    if not os.path.isdir(pictures):
        return None
    if "images" in pictures.parts:
        last = max(i for i, part in enumerate(pictures.parts) if part == "images")
        labels = Path(*pictures.parts[:last], "labels", *pictures.parts[last + 1 :])
        if labels.is_dir():
            return labels
    return pictures if any(pictures.glob("*.txt")) else None


def _slashes(entry: str) -> str:
    return entry.replace("\\", "/")
