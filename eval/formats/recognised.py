"""Which format the ground truth at a path has, recognised by its files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from eval.datasets import Dataset
from eval.errors import EvaluationError
from eval.formats.coco_json import read_coco
from eval.formats.folders.voc_files import annotated_below, split_folders
from eval.formats.foreign import refuse_foreign_json, refuse_foreign_text
from eval.formats.ilsvrc import read_ilsvrc
from eval.formats.text_files import first_line
from eval.formats.voc import read_voc
from eval.formats.yolo import read_yolo


def reader_of(path: str | os.PathLike[str]) -> Callable[..., Dataset]:
    """The reader for the ground truth at a path: read_coco, read_voc, read_ilsvrc or read_yolo.

    Raises
    ------
    EvaluationError
        No format is recognised; the message lists the expected files.
    """
    place = existing_place(path)
    if place.is_dir():
        return _folder_reader(place)
    if place.suffix.lower() in (".yaml", ".yml") or place.name == "obj.data":
        return read_yolo
    if place.suffix.lower() == ".json" or first_line(place).startswith((b"{", b"[")):
        if place.is_file():
            refuse_foreign_json(place)
        return read_coco
    refuse_foreign_text(place, first_line(place))
    raise EvaluationError(
        f"{place}: cannot be read as a data set; expected a COCO JSON file, a YOLO data.yaml, "
        "or the folder of a VOC, ILSVRC DET or YOLO data set"
    )


def existing_place(path: str | os.PathLike[str]) -> Path:
    """A path that the system accepts, whether or not a file exists there."""
    if not isinstance(path, (str, os.PathLike)):
        raise EvaluationError(
            f"expected the path of a file or folder, or a dictionary; got {type(path).__name__}"
        )
    try:
        os.stat(path)
    except FileNotFoundError:
        pass  # it may be a glob pattern; otherwise its reader reports the missing file
    except OSError as error:
        raise EvaluationError(f"{os.fspath(path)}: cannot be read ({error.strerror})") from None
    except ValueError:  # the path contains a NUL
        raise EvaluationError(f"{os.fspath(path)}: no such file; check the path") from None
    return Path(path)


def _folder_reader(folder: Path) -> Callable[..., Dataset]:
    signs = ("ILSVRC", "Annotations/DET", "meta_det.mat", "data/meta_det.mat", "map_det.txt")
    if any((folder / name).exists() for name in (*signs, "devkit/data", "synsets.txt")):
        return read_ilsvrc
    if any(first_files(folder, "Annotations/*.xml", "*.xml", "Annotations/*/*.xml")):
        return read_voc
    if any(
        first_files(folder, "labels", "*/labels", "data.yaml", "data.yml", "*.names", "classes.txt")
    ):
        return read_yolo
    if split_folders(folder) or annotated_below(folder):
        return read_voc
    # Below come first the ground truth of COCO and of Roboflow, then whatever lies in the folder.
    patterns = ("*/instances*.json", "*/_annotations.coco.json", "annotations/*.json", "*.json")
    found = next((paths for pattern in patterns if (paths := sorted(folder.glob(pattern)))), [])
    json_files = ", ".join(path.relative_to(folder).as_posix() for path in found)
    remedy = f"; name its JSON file ({json_files:.120})" if json_files else ""
    raise EvaluationError(
        f"{folder}: cannot be read as a data set: the folder contains neither Annotations/*.xml "
        "(VOC), nor Annotations/DET or meta_det.mat (ILSVRC DET), nor labels/ or data.yaml (YOLO)"
        f"{remedy}"
    )


def first_files(folder: Path, *patterns: str) -> Iterator[Path]:
    """At most one path for each pattern, so that a folder of many files is not listed whole."""
    for pattern in patterns:
        yield from (path for _, path in zip(range(1), folder.glob(pattern), strict=False))
