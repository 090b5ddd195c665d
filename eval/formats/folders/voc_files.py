"""The files of a PASCAL VOC data set: its folder, its XML files, its images and its lists."""

from __future__ import annotations

import os
import re
from pathlib import Path

from eval.errors import EvaluationError
from eval.formats.faults import Fault, FaultHandler
from eval.formats.folders.yolo_folders import IMAGES
from eval.formats.text_files import decoded, read_bytes

LABEL_MAP = "labelmap.txt"
# First line of the label maps that this program writes; other programs do not state their corners
INCLUSIVE_HEADER = "# label:color_rgb:parts:actions; corners: inclusive"
SPLITS = ("test", "val", "trainval")  # by default the first that exists
FIFTYONE = "labels"  # with XML files; its images are in data
SPLIT_FOLDERS = ("test", "valid", "val", "train")  # of Roboflow, the same
FLAGGED = re.compile(r"(.*\S)\s+-?[01]")  # a line of a class's list: name, and 1, 0 or -1


def home_of(path: Path, split: str | None) -> tuple[Path, str | None, tuple[str, ...]]:
    """The folder of the data set at a path, the split to read in it, and a note.

    It is the path itself, or a folder below it: a split's (Roboflow writes images and XML files
    into test/, valid/ and train/), FiftyOne's labels, or the only folder with Annotations, as in
    VOCdevkit/VOC2007.

    Raises
    ------
    EvaluationError
        There are several folders with Annotations, or the split has no folder.
    """
    if (path / "Annotations").is_dir() or any(path.glob("*.xml")):
        return path, split, ()
    if any((path / FIFTYONE).glob("*.xml")):
        return path / FIFTYONE, split, ()
    splits = split_folders(path)
    if splits:
        chosen = split or splits[0]
        if chosen not in splits:
            raise EvaluationError(
                f"{path}: no XML in {chosen}/; its splits are {', '.join(splits)}"
            )
        note = f"images of the folder {chosen}; name another with --split (split= in Python)"
        return path / chosen, None, () if split else (note,)
    below = annotated_below(path)
    if len(below) == 1:
        return (
            below[0],
            split,
            (f"read from {below[0].relative_to(path)} in {path.resolve().name}",),
        )
    if below:
        names = ", ".join(str(one.relative_to(path)) for one in below)
        raise EvaluationError(f"{path}: holds several VOC data sets; name one: {names:.120}")
    return path, split, ()


def split_folders(path: Path) -> list[str]:
    """The splits of a folder that has XML files in test/, valid/, val/ or train/."""
    return [name for name in SPLIT_FOLDERS if any((path / name).glob("*.xml"))]


def annotated_below(path: Path) -> list[Path]:
    """Folders one or two levels below a path that have Annotations with XML files."""
    found = [*path.glob("*/Annotations"), *path.glob("*/*/Annotations")]
    return sorted(one.parent for one in found if any(one.glob("*.xml")))


def files_below(folder: Path, suffixes: frozenset[str]) -> dict[str, Path]:
    """Files with these suffixes in a folder and its subfolders, by their path without suffix."""
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place) / name
            if path.suffix.lower() in suffixes and not name.startswith("."):
                found[path.relative_to(folder).with_suffix("").as_posix()] = path
    return dict(sorted(found.items()))


def xml_files(annotations: Path, whole: bool) -> dict[str, Path]:
    """The XML files of a folder by the ids of their images; not `whole`, without subfolders."""
    if whole:
        return files_below(annotations, frozenset((".xml",)))
    paths = sorted(path for path in annotations.glob("*.xml") if not path.name.startswith("."))
    return {path.stem: path for path in paths}


def image_folder(root: Path, annotations: Path) -> Path:
    """The folder of the images: JPEGImages, FiftyOne's data, or that of the XML files."""
    data = root.parent / "data"
    if annotations != root:
        return root / "JPEGImages"
    return data if root.name == FIFTYONE and data.is_dir() else root


def image_files(folder: Path) -> dict[str, str]:
    """File names of the images in a folder and its subfolders, by their path without suffix."""
    found = files_below(folder, IMAGES)
    return {name: path.relative_to(folder).as_posix() for name, path in found.items()}


def listed_images(
    root: Path,
    annotations: Path,
    files: dict[str, Path],
    split: str | None,
    on_fault: FaultHandler,
) -> tuple[list[str], tuple[str, ...]]:
    """Ids of the images, and a note on how they were chosen."""
    folder = root / "ImageSets" / "Main"
    chosen = split or next((name for name in SPLITS if (folder / f"{name}.txt").is_file()), None)
    if chosen is None:
        if not files:
            raise EvaluationError(f"{root}: no XML file in {annotations}; check the path")
        lists = ".txt, ".join(SPLITS[:-1]) + f".txt or {SPLITS[-1]}.txt"
        note = f"no {lists} in ImageSets/Main: all {len(files)} XML files were read"
        above = root.resolve().parent
        if annotations == root and any((above / "ImageSets" / "Main").glob("*.txt")):
            note += f"; ImageSets is in the folder above: name {above.name} to read one list"
        return list(files), (note,)
    if not (folder / f"{chosen}.txt").is_file():
        there = ", ".join(sorted(path.stem for path in folder.glob("*.txt"))) or "none"
        raise EvaluationError(f"{root}: no ImageSets/Main/{chosen}.txt; existing lists: {there}")
    stems = _listed_names(folder / f"{chosen}.txt", files, on_fault)
    note = (
        f"images of ImageSets/Main/{chosen}.txt; name another list with --split (split= in Python)"
    )
    return stems, () if split else (note,)


def _listed_names(path: Path, files: dict[str, Path], on_fault: FaultHandler) -> list[str]:
    """The image of each line; each must be unique."""
    rows: dict[str, int] = {}
    lines = decoded(read_bytes(path), path.name).splitlines()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        name = _image_of(line.strip(), files)
        if name in rows:
            message = f"{name} is already on line {rows[name]}; list each image once"
            on_fault(Fault(f"{path.name}: line {number}", "image", message, "image listed twice"))
        rows.setdefault(name, number)
    if not rows:
        message = "no image is listed; write one name per line"
        on_fault(Fault(path.name, "image", message, "empty list"))
    return list(rows)


def _image_of(line: str, files: dict[str, Path]) -> str:
    """The id that a line means: its first word, or the whole line if the name has blanks.

    The name may be a file name with its suffix, and have folders in front.
    """
    flagged = FLAGGED.fullmatch(line)
    words = [line.split()[0], *([flagged[1]] if flagged else []), line]
    for word in words:
        path = word.replace("\\", "/")
        bare = os.path.splitext(path)[0]
        for name in (path, bare, path.rpartition("/")[2], bare.rpartition("/")[2]):
            if name in files:
                return name
    return words[0]


def read_label_map(path: Path) -> tuple[str, ...]:
    """The class names in a labelmap.txt: NAME:COLOUR:PARTS:ACTIONS a line, without the background.

    Raises
    ------
    EvaluationError
        The file names no class, or one twice.
    """
    lines = [line.strip() for line in decoded(read_bytes(path), path.name).split("\n")]
    if lines[0].startswith("# label:"):
        del lines[0]
    names = [line.rsplit(":", 3)[0] for line in lines if line]
    names = [name for name in names if name != "background"]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None or not names:
        wrong = "names no class" if twice is None else f"class {twice!r:.60} is repeated"
        raise EvaluationError(f"{path.name}: {wrong}; write each class on one line, NAME:::")
    return tuple(names)


def states_inclusive_corners(path: Path) -> bool:
    """Whether a labelmap.txt states that corners are pixels from 1, the last one included."""
    return path.is_file() and decoded(read_bytes(path), path.name).startswith(INCLUSIVE_HEADER)
