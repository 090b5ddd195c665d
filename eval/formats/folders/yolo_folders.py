"""The places of a YOLO data set's splits: those in data.yaml or obj.data, or the usual ones."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from eval.errors import EvaluationError
from eval.formats.text_files import decoded, first_line, read_bytes

YAML_FILES = ("data.yaml", "data.yml", "dataset.yaml")
IMAGES = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".bmp", ".webp", ".tif", ".tiff"),
        *(".gif", ".avif", ".heic", ".heif", ".jp2"),
    )
)
OTHER_KEYS = ("path", "names", "nc", "download", "kpt_shape", "flip_idx", "channels")
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

    def entries(self, split: str) -> list[Any]:
        """What data.yaml gives for a split: folders of images, or text files that list images."""
        value = None if split in OTHER_KEYS else self.content.get(split)
        return value if isinstance(value, list) else [] if value is None else [value]


def home_of(path: str | os.PathLike[str]) -> Home:
    """The data set at a path, which is its folder, its data.yaml or its obj.data (darknet)."""
    place = Path(path)
    if place.is_dir():
        files = (place / name for name in (*YAML_FILES, "obj.data"))
        file = next((one for one in files if one.is_file()), None)
        return Home(place, file, {} if file is None else _content(file))
    return Home(place.parent, place, _content(place))


def _content(path: Path) -> dict[Any, Any]:
    """The content of data.yaml, or the lines `key = value` of darknet's obj.data."""
    if path.suffix.lower() in (".yaml", ".yml"):
        return read_yaml(path)
    lines = decoded(read_bytes(path), path.name).splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {key.strip(): value.strip() for key, _, value in pairs}


def read_yaml(path: Path) -> dict[Any, Any]:
    """The content of a YAML file; empty if it is no mapping."""
    try:
        import yaml
    except ImportError:
        raise EvaluationError(f"{path.name}: reading it needs PyYAML; pip install pyyaml") from None
    try:
        text = decoded(read_bytes(path), path.name)
        document: Any = yaml.safe_load(text)
    except EvaluationError:
        raise
    except RecursionError:
        raise EvaluationError(f"{path.name}: not YAML (it is nested too deeply)") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # of impossible dates and numbers
        why = " ".join(str(error).split())
        raise EvaluationError(f"{path.name}: not YAML ({why:.300})") from None
    _check_size(document, len(text), path.name)
    return document if isinstance(document, dict) else {}


def _check_size(document: Any, length: int, source: str) -> None:
    """Refuse documents with many more values than characters, which aliases can make of a few."""
    values, count = [document], 0
    while values:
        value = values.pop()
        count += 1
        if count > length + 1000:
            raise EvaluationError(f"{source}: its aliases repeat too much; write it without them")
        if isinstance(value, (list, dict)):
            values += [*value, *value.values()] if isinstance(value, dict) else value


def splits_of(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Those of SPLITS and trainval that data.yaml names or that have the usual places.

    A split to which data.yaml gives the places of `train` is left out.
    """
    home = home_of(path)
    found = {name: home.entries(name) for name in ("trainval", *SPLITS)}
    same = {n for n, entry in found.items() if n != "train" and entry and entry == found["train"]}
    return tuple(n for n in found if n not in same and (found[n] or _split(home, n)))


def find_places(home: Home, split: str | None) -> tuple[list[Path], str]:
    """The folders of images, or text files that list images, of a split, and its name.

    The name is "" for the whole data set.

    Raises
    ------
    EvaluationError
        There are no such places; or only the training split exists, although data.yaml names
        another one.
    """
    missing = ""
    for name in (split,) if split else SPLITS:
        places = _split(home, name)
        if places and missing and name == "train" and not split:
            raise EvaluationError(f"{missing}; correct it, or name another split: --split train")
        if places:
            return places, name
        if home.entries(name) and not missing:
            entries = home.entries(name)
            entry = f"{entries[0]!r:.60}" if len(entries) == 1 else f"{entries!r:.60}"
            missing = f"{home.file_name}: {name} is {entry}, but images and labels are not there"
    if not split:
        for folder in dict.fromkeys((home.base, home.folder)):
            if (folder / "images").is_dir() and (folder / "labels").is_dir():
                return [folder / "images"], ""
            if any(folder.glob("*.txt")) and not _above(folder, home.folder):
                return [folder], ""
    others = [str(key) for key in home.content if home.entries(str(key)) and _split(home, str(key))]
    remedy = f"name one of its splits with --split: {', '.join(others):.80}"
    usual = f"images/{split or 'test'} and labels/{split or 'test'}"
    raise EvaluationError(
        f"{missing or home.folder}: neither {usual}, nor {split or 'test'}/images and "
        f"{split or 'test'}/labels{'' if split else ', nor images and labels'}; "
        f"{remedy if others else 'check the path'}"
    )


def _split(home: Home, name: str) -> list[Path]:
    """The places of a split; empty if they do not exist."""
    named = [_named(home, str(entry)) for entry in home.entries(name)]
    places = [place for place in named if place is not None]
    if places and len(places) < len(named):
        entry = home.entries(name)[named.index(None)]
        raise EvaluationError(
            f"{home.file_name}: {name} lists {entry!r:.60}, but images and labels are not there; "
            "correct it or leave it out"
        )
    if places:
        return places
    for folder in dict.fromkeys((home.base, home.folder)):
        for pictures in (folder / "images" / name, folder / name / "images", folder / name):
            if labels_of(pictures) is not None:
                return [pictures]
        if _lists_images(folder / f"{name}.txt"):
            return [folder / f"{name}.txt"]
    return []


def _named(home: Home, entry: str) -> Path | None:
    """The place that data.yaml means by one entry of a split; None if it does not exist."""
    for place in moved(_slashes(entry)):
        path = home.base / place
        if path.suffix.lower() == ".txt" and path.is_file():
            return path
        if "/" not in place and place != _slashes(entry):
            continue  # a bare folder name that remains of a longer path may be another split's
        for pictures in (path / "images", path):
            if labels_of(pictures) is not None and not _above(pictures, home.folder):
                return pictures
    return None


def _above(pictures: Path, folder: Path) -> bool:
    """Whether a folder of pictures would contain the data set, and thus much besides it."""
    return pictures.resolve() in folder.resolve().parents


def moved(entry: str) -> Iterator[str]:
    """A path, then what remains of it without its first, its first two ... folders.

    Programs write paths that begin one folder too high (Roboflow) or in a folder that is not
    exported (darknet, CVAT), and the paths of another machine.
    """
    yield entry
    parts = [part for part in entry.split("/") if part not in ("", ".")]
    above = len([part for part in parts if part == ".."])
    if parts[:above] == [".."] * above and above:
        yield "/".join(parts[above:]) + "/"
    for begin in range(above + 1, len(parts)):
        yield "/".join(parts[begin:])


def _lists_images(path: Path) -> bool:
    """Whether a text file begins with the name of an image."""
    if not path.is_file():
        return False
    words = first_line(path).split()
    return bool(words) and Path(words[-1].decode(errors="replace")).suffix.lower() in IMAGES


def labels_of(pictures: Path) -> Path | None:
    """The folder of text files that belongs to a folder of images; None if either is missing.

    It is the path with `labels` in place of the last `images`, else the same folder, else the
    folder `labels` beside it.
    """
    if not os.path.isdir(pictures):
        return None
    if "images" in pictures.parts:
        last = max(i for i, part in enumerate(pictures.parts) if part == "images")
        labels = Path(*pictures.parts[:last], "labels", *pictures.parts[last + 1 :])
        if labels.is_dir():
            return labels
    if any(pictures.glob("*.txt")) or any(pictures.glob("*/*.txt")):
        return pictures
    beside = pictures.parent / "labels"
    return beside if beside.is_dir() and beside != pictures else None


def _slashes(entry: str) -> str:
    return entry.replace("\\", "/")
