"""Where the parts of a YOLO data set lie: in the folders that data.yaml names, or as usual."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from eval.errors import EvaluationError
from eval.formats.text_files import decoded, read_bytes

YAML_FILES = ("data.yaml", "data.yml", "dataset.yaml")
PARTS = ("test", "val", "valid", "train")  # the first that is there, where none is asked for


class Home(NamedTuple):
    """A data set's folder, and data.yaml with what it says, if there is one."""

    folder: Path
    file: Path | None
    said: dict[Any, Any]

    @property
    def file_name(self) -> str:
        return "" if self.file is None else self.file.name

    @property
    def base(self) -> Path:
        """What entries are relative to: `path`, itself relative to data.yaml, if it is there."""
        path = self.said.get("path")
        named = self.folder / _slashes(path) if isinstance(path, str) else self.folder
        return named if os.path.isdir(named) else self.folder

    def entry(self, part: str) -> Any:
        """What data.yaml says of a part, the one of a list of one; nothing where it names none."""
        found = self.said.get(part) if part in PARTS else None
        return found[0] if isinstance(found, list) and len(found) == 1 else found


def home_of(path: str | os.PathLike[str]) -> Home:
    """The home that a folder or its data.yaml stands for."""
    place = Path(path)
    if place.suffix in (".yaml", ".yml"):
        return Home(place.parent, place, read_yaml(place))
    file = next((place / name for name in YAML_FILES if (place / name).is_file()), None)
    return Home(place, file, {} if file is None else read_yaml(file))


def read_yaml(path: Path) -> dict[Any, Any]:
    """What a file in YAML says by name; nothing where it is no object."""
    try:
        import yaml
    except ImportError:
        raise EvaluationError(f"{path.name}: needs PyYAML; pip install pyyaml") from None
    try:
        document: Any = yaml.safe_load(decoded(read_bytes(path), path.name))
    except yaml.YAMLError as error:
        raise EvaluationError(f"{path.name}: not YAML ({' '.join(str(error).split())})") from None
    return document if isinstance(document, dict) else {}


def parts_of(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Those of PARTS, and trainval, that data.yaml names or that lie in the usual folders."""
    home = home_of(path)
    return tuple(n for n in ("trainval", *PARTS) if home.entry(n) or _part(home, n))


def find_folders(home: Home, split: str | None) -> tuple[Path, Path, str]:
    """Folders of pictures and of text files, and the part that they are, "" for all.

    Raises
    ------
    EvaluationError
        There is none; data.yaml names a part by a list or a text file; or all that is left are
        the pictures of training, because what it names for measuring is not there.
    """
    missing = ""
    for name in (split,) if split else PARTS:
        found = _part(home, name)
        if found and missing and name == "train" and not split:
            raise EvaluationError(f"{missing}; correct it, or name another part: --split train")
        if found:
            return *found, name
        if home.entry(name) and not missing:
            entry = f"{home.entry(name)!r:.60}"
            missing = f"{home.file_name}: {name} is {entry}, which is not there with its labels"
    if not split:
        for folder in dict.fromkeys((home.base, home.folder)):
            if (folder / "images").is_dir() and (folder / "labels").is_dir():
                return folder / "images", folder / "labels", ""
            if any(folder.glob("*.txt")):
                return folder, folder, ""
    looked = f"images/{split or 'test'} and labels/{split or 'test'}"
    raise EvaluationError(
        f"{missing or home.folder}: neither {looked}, nor {split or 'test'}/images and "
        f"{split or 'test'}/labels{'' if split else ', nor images and labels'}; check the path"
    )


def _part(home: Home, name: str) -> tuple[Path, Path] | None:
    """Folders of pictures and of text files of a part, if it is there."""
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
    """Folders that data.yaml may mean by a part of this name."""
    entry = home.entry(name)
    if not entry:
        return
    if not isinstance(entry, str) or os.path.isfile(home.base / _slashes(entry)):
        raise EvaluationError(
            f"{home.file_name}: {name} is {entry!r:.60}; expected one folder of pictures (lists of "
            "folders and text files of names are not read)"
        )
    entry = _slashes(entry)
    for place in (entry, entry.removeprefix("../")):  # Roboflow's begin one folder too high
        yield from (home.base / place, home.base / place / "images")


def _labels_of(pictures: Path) -> Path | None:
    """The folder of text files that belongs to one of pictures, if both are there.

    `labels` in place of the last `images` of its path; or the same folder.
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
