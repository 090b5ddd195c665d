"""A folder that holds the JSON files of COCO: of COCO itself, Roboflow, FiftyOne and others."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

from eval.datasets import Dataset
from eval.errors import EvaluationError
from eval.formats.coco_json import read_coco
from eval.formats.text_files import first_bytes

# The first pattern that fits shows the layout; the others are not looked for then.
PATTERNS = (
    "_annotations.coco.json",
    "*/_annotations.coco.json",
    "annotations/instances_*.json",
    "annotations/*.json",
    "labels.json",
    "*.json",
)
WHOLE = ("labels", "_annotations.coco")  # stems of files that hold the whole folder


def read_coco_folder(
    path: str | os.PathLike[str], split: str | None = None, *, skip_unlisted: bool = False
) -> Dataset:
    """Read one of the COCO JSON files in a folder, in its folder annotations, or in its splits.

    Parameters
    ----------
    split
        Which one, if there are several: the folder that it is in (Roboflow's valid), or the end of
        its name (val2017, or val, for annotations/instances_val2017.json).
    skip_unlisted
        As in read_coco.

    Raises
    ------
    EvaluationError
        There are several files and no `split`, or the split has no file. Also as read_coco.
    """
    folder = Path(path)
    file = coco_file(folder, split)
    dataset = read_coco(file, skip_unlisted=skip_unlisted)
    name = _split_of(file)
    places = (file.parent, folder / name, folder / "images" / name, folder / "data")
    first = dataset.images[0].file_name if dataset.images else ""
    pictures = next((place for place in places if first and os.path.isfile(place / first)), None)
    return replace(dataset, pictures=pictures)


def coco_file(folder: Path, split: str | None) -> Path:
    """The JSON file of a split, or the only one.

    Raises
    ------
    EvaluationError
        There are several files and no `split`, or the split has no file.
    """
    files = coco_files(folder)
    names = ", ".join(filter(None, files))
    if split is None and len(files) > 1:
        raise EvaluationError(
            f"{folder}: holds the splits {names:.120}, whose image ids may be the same; name one "
            "with --split (split= in Python)"
        )
    if split is None and files:
        return next(iter(files.values()))
    chosen = {_split_of(path): path for path in files.values()} | files
    if split not in chosen:
        there = f"its splits are {names:.120}" if names else "it is one whole: leave the split out"
        raise EvaluationError(f"{folder}: no split {split!r:.40}; {there}")
    return chosen[split]


def coco_files(folder: Path) -> dict[str, Path]:
    """The ground truth in COCO JSON below a folder, by the names of the splits.

    The names have no year, if they differ without it; that of a file for the whole folder is "".
    """
    for pattern in PATTERNS:
        found = [path for path in sorted(folder.glob(pattern)) if _is_truth(path)]
        if found:
            full = [_split_of(path) for path in found]
            short = [re.sub(r"(?<=[a-z])[-_]?\d{4}$", "", name) for name in full]
            names = full if len(set(short)) < len(short) else short
            if len(found) == 1 and (found[0].stem in WHOLE or found[0].parent == folder):
                names = [""]
            return dict(zip(names, found, strict=True))
    return {}


def _split_of(path: Path) -> str:
    """Roboflow names the folder after the split, COCO the file."""
    return path.parent.name if path.stem in WHOLE else path.stem.removeprefix("instances_")


def _is_truth(path: Path) -> bool:
    """Whether a file begins like ground truth: an object with lists, whose records have no score.

    A file whose annotations come first and are long names its images only at its end.
    """
    try:
        begin = first_bytes(path)
    except EvaluationError:
        return False
    signs = (b'"images"', b'"annotations"', b'"categories"')
    listed = sum(sign in begin for sign in signs)
    return begin.lstrip().startswith(b"{") and listed > 0 and b'"score"' not in begin
