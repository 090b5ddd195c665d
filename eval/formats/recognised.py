"""Which format the ground truth at a path has, recognised by its files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from eval.datasets import Dataset
from eval.errors import EvaluationError
from eval.formats.coco_json import read_coco
from eval.formats.folders.voc_files import annotated_below, split_folders
from eval.formats.foreign import (
    REMEDIES,
    kind_of_json,
    kind_of_xml,
    refuse_foreign_text,
)
from eval.formats.ilsvrc import read_ilsvrc
from eval.formats.open_images.dataset import read_open_images
from eval.formats.open_images.files import has_box_table, is_box_table
from eval.formats.text_files import first_line
from eval.formats.truth.coco_folder import coco_files, read_coco_folder
from eval.formats.truth.createml import read_createml
from eval.formats.truth.cvat import cvat_files, read_cvat
from eval.formats.truth.datumaro import datumaro_files, read_datumaro
from eval.formats.truth.kitti import read_kitti
from eval.formats.truth.labelme import read_labelme
from eval.formats.truth.plain_text import kind_of_texts, read_plain_text
from eval.formats.truth.tables import is_results, is_table, read_table
from eval.formats.voc import read_voc
from eval.formats.yolo import read_yolo

# Every format of ground truth, by the name that kind_of_folder and kind_of_file give it
READERS: dict[str, Callable[..., Dataset]] = {
    "COCO": read_coco,
    "COCO folder": read_coco_folder,
    "VOC": read_voc,
    "ILSVRC": read_ilsvrc,
    "YOLO": read_yolo,
    "CVAT": read_cvat,
    "labelme": read_labelme,
    "Datumaro": read_datumaro,
    "Create ML": read_createml,
    "Open Images": read_open_images,
    "table": read_table,
    "KITTI": read_kitti,
    "plain text": read_plain_text,
}
ILSVRC_SIGNS = (
    *("ILSVRC", "Annotations/DET", "meta_det.mat", "data/meta_det.mat", "map_det.txt"),
    *("devkit/data", "synsets.txt"),
)
VOC_SIGNS = ("Annotations/*.xml", "*.xml", "Annotations/*/*.xml", "labels/*.xml")
YOLO_SIGNS = ("labels", "*/labels", "data.yaml", "data.yml", "*.names", "classes.txt")
MOST = 20  # files or folders that are looked at, of each kind


def reader_of(path: str | os.PathLike[str]) -> Callable[..., Dataset]:
    """The reader for the ground truth at a path, one of READERS.

    Raises
    ------
    EvaluationError
        No format is recognised; the message lists the expected files, or names what the file is.
    """
    place = existing_place(path)
    if place.is_dir():
        kind = kind_of_folder(place)
        if not kind:
            raise EvaluationError(
                f"{place}: cannot be read as a data set: the folder contains neither "
                "Annotations/*.xml (VOC), nor Annotations/DET or meta_det.mat (ILSVRC DET), nor "
                f"labels/ or data.yaml (YOLO), nor COCO JSON{_remedy_below(place)}"
            )
        return READERS[kind]
    kind = kind_of_file(place)
    if kind in REMEDIES:
        raise EvaluationError(
            f"{place}: this is the JSON of {kind}, which is not read; {REMEDIES[kind]}"
        )
    if not kind:
        refuse_foreign_text(place, first_line(place))
        raise EvaluationError(
            f"{place}: cannot be read as a data set; expected a COCO JSON file, a YOLO data.yaml, "
            "a table with the columns image, class and box, or the folder of a data set"
        )
    return READERS[kind]


def kind_of_file(path: Path) -> str:
    """The format of a file, a name in READERS or REMEDIES; "" if it is none.

    Raises
    ------
    EvaluationError
        The file cannot be read, or holds results.
    """
    suffix = path.suffix.lower()
    if suffix in (".yaml", ".yml") or path.name == "obj.data":
        return "YOLO"
    if suffix == ".json" and not path.is_file():
        return "COCO"  # its reader reports the missing file
    line = first_line(path)
    if suffix == ".json" or line.startswith((b"{", b"[")):
        return kind_of_json(path) or "COCO"
    if line.startswith(b"<"):
        return "CVAT" if kind_of_xml(path) == "CVAT" else ""
    if is_box_table(path):
        return "Open Images"
    if not is_table(path, line):
        return ""
    if is_results(line):
        raise EvaluationError(
            f"{path}: the table has a column of scores, so that it holds results; name it with "
            "--detections, and the ground truth with --data"
        )
    return "table"


def kind_of_folder(folder: Path) -> str:
    """The format of a folder, a name in READERS; "" if it is none."""
    if any((folder / name).exists() for name in ILSVRC_SIGNS):
        return "ILSVRC"
    if cvat_files(folder):
        return "CVAT"
    if any(
        first_files(folder, "Annotations/*.xml", "*.xml", "Annotations/*/*.xml", "labels/*.xml")
    ):
        return "VOC"
    if (folder / "labels" / "detections.csv").is_file():  # as FiftyOne writes them
        return "Open Images"
    texts = kind_of_texts(folder)
    if texts:
        return texts
    if any(first_files(folder, *YOLO_SIGNS)):
        return "YOLO"
    if split_folders(folder) or annotated_below(folder):
        return "VOC"
    if has_box_table(folder):
        return "Open Images"
    if _holds_labelme(folder):
        return "labelme"
    if datumaro_files(folder):
        return "Datumaro"
    return "COCO folder" if coco_files(folder) else ""


def _holds_labelme(folder: Path) -> bool:
    """Whether one of the first JSON files in a folder or its subfolders is labelme's."""
    for pattern in ("*.json", "*/*.json"):
        files = (path for path, _ in zip(folder.glob(pattern), range(MOST), strict=False))
        if any(kind_of_json(path) == "labelme" for path in files if path.is_file()):
            return True
    return False


def _remedy_below(folder: Path) -> str:
    """The data sets in the files and subfolders of a folder that is none, as a remedy; or ""."""
    found = []
    for path in sorted(folder.iterdir())[: 10 * MOST]:
        try:
            kind = kind_of_folder(path) if path.is_dir() else kind_of_file(path)
        except EvaluationError:
            continue
        if kind in READERS and kind != "COCO" and not path.name.startswith("."):
            found.append(f"{path.name} ({kind})")
    if found:
        return f"; name one of those in it: {', '.join(found):.160}"
    files = (path for path, _ in zip(folder.rglob("*.json"), range(MOST), strict=False))
    kinds = [kind_of_json(path) for path in files if path.is_file()]
    foreign = next((kind for kind in kinds if kind in REMEDIES), "")
    return f"; its JSON is that of {foreign}: {REMEDIES[foreign]}" if foreign else ""


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


def first_files(folder: Path, *patterns: str) -> Iterator[Path]:
    """At most one path for each pattern, so that a folder of many files is not listed whole."""
    for pattern in patterns:
        yield from (path for _, path in zip(range(1), folder.glob(pattern), strict=False))
