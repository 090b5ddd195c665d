"""Formats of other programs, recognised by the beginning of a file."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from eval.errors import EvaluationError
from eval.formats.archives import SIGN, kind_of_zip
from eval.formats.number_lines import number_of
from eval.formats.text_files import first_bytes

# Format, and what the beginning of such a file contains
JSON_SIGNS = (
    ("labelme", (b'"shapes"', b'"imagePath"')),
    ("labelme", (b'"shapes"', b'"points"')),
    ("labelme", (b'"imageData"',)),
    ("VIA", (b'"shape_attributes"',)),
    ("Label Studio", (b'"from_name"',)),
    ("Label Studio", (b'"rectanglelabels"',)),
    ("Create ML", (b'"coordinates"', b'"label"')),
    ("VoTT", (b'"lastVisitedAssetId"',)),
    ("VoTT", (b'"regions"', b'"asset"')),
    ("Supervisely", (b'"classTitle"',)),
    ("FiftyOne", (b'"samples"', b'"_cls"')),
    ("FiftyOne", (b'"samples"', b'"filepath"')),
    ("FiftyOne", (b'"classes"', b'"labels"', b'"bounding_box"')),
    ("Labelbox", (b'"data_row"',)),
    ("BDD100K", (b'"box2d"',)),
    ("Datumaro", (b'"items"', b'"categories"')),
    ("Datumaro", (b'"dm_format_version"',)),
)
# What to do with the JSON of programs whose formats are not read
REMEDIES = {
    "VIA": "in VIA, export annotations as COCO",
    "Label Studio": "in Label Studio, export as COCO or YOLO",
    "VoTT": "in VoTT, export as Pascal VOC or CSV",
    "Supervisely": "in Supervisely, export as COCO",
    "FiftyOne": "in FiftyOne, export as COCO (fo.types.COCODetectionDataset)",
    "Labelbox": "convert it to COCO with Labelbox's own library",
    "BDD100K": "convert it to COCO with bdd100k.label.to_coco",
}
UNPICKLED = (
    "unpickling can run any program: write the results as COCO JSON (mmdetection: "
    "format_only with outfile_prefix; detectron2: coco_instances_results.json beside it)"
)
COLUMNS = "image, class, score, xmin, ymin, xmax, ymax"
KITTI_COLUMNS = (15, 16)


def kind_of_json(path: Path) -> str:
    """The program that wrote a JSON file; "" if it is COCO's or unknown.

    Raises
    ------
    EvaluationError
        The file does not exist or cannot be read.
    """
    begin = first_bytes(path)
    if b'"images"' in begin:
        return ""
    return next((name for name, signs in JSON_SIGNS if all(sign in begin for sign in signs)), "")


def kind_of_xml(path: Path) -> str:
    """ "CVAT", "VOC", or "" for XML of an unknown kind."""
    begin = first_bytes(path)
    return "CVAT" if b"<annotations" in begin else "VOC" if b"<annotation" in begin else ""


def is_kitti(line: bytes) -> bool:
    """Whether a line is an object of KITTI: its class and 14 numbers, and a score in results."""
    words = line.split()
    numbers = [not math.isnan(number_of(word)) for word in words]
    return len(words) in KITTI_COLUMNS and not numbers[0] and all(numbers[1:])


# What a file that is no text begins with, what it is, and what to do
BINARY_SIGNS = (
    (b"\x80\x02", "a pickle", UNPICKLED),
    (b"\x80\x03", "a pickle", UNPICKLED),
    (b"\x80\x04", "a pickle", UNPICKLED),
    (b"\x80\x05", "a pickle", UNPICKLED),
    (b"(lp0", "a pickle", UNPICKLED),
    (b"(dp0", "a pickle", UNPICKLED),
    (b"PAR1", "a Parquet file", "write it as CSV with pandas: read_parquet(...).to_csv(...)"),
    (b"ARROW1", "a Feather file", "write it as CSV with pandas: read_feather(...).to_csv(...)"),
    (b"FEA1", "a Feather file", "write it as CSV with pandas: read_feather(...).to_csv(...)"),
    (b"\x93NUMPY", "an array of NumPy", "in Python, pass np.load(FILE) with 7 columns"),
    (b"\x89HDF", "an HDF5 file", "write its content as COCO JSON or CSV"),
    (b"SQLite format 3", "a database of SQLite", "write its content as COCO JSON or CSV"),
    (b"%PDF", "a PDF", "name the file of the data"),
)


def refuse_binary(path: Path, begin: bytes) -> None:
    """Raise an error that names the format, if a file that begins so is no text.

    Raises
    ------
    EvaluationError
        The message names the format and the remedy.
    """
    for sign, what, remedy in BINARY_SIGNS:
        if begin.startswith(sign):
            raise EvaluationError(f"{path}: this is {what}, which is not read; {remedy}")


def refuse_foreign_results(path: Path, document: Any) -> None:
    """Raise an error that names the program, if it wrote this JSON and has another format.

    Raises
    ------
    EvaluationError
        The message names the format and the remedy.
    """
    if not isinstance(document, dict) or isinstance(document.get("annotations"), list):
        return
    kind = kind_of_json(path)
    if kind:
        remedy = REMEDIES.get(kind, f"write results as COCO JSON; {kind}'s is for ground truth")
        raise EvaluationError(f"{path}: this is the JSON of {kind}, not results; {remedy}")


def refuse_foreign_text(path: Path, line: bytes) -> None:
    """Raise an error that names the format, if a file with this first line is not read.

    Raises
    ------
    EvaluationError
        The message names the format and the remedy.
    """
    refuse_binary(path, line)
    if line.startswith(SIGN):
        raise EvaluationError(f"{path}: this is {kind_of_zip(path)}")
    kind = _xml_kind(path) if line.startswith(b"<") else _text_kind(line)
    if kind:
        raise EvaluationError(f"{path}: {kind}")


def _text_kind(line: bytes) -> str:
    """What a file is that has no reader, by its first line, and the remedy; "" if unknown."""
    if is_kitti(line):
        return (
            "this is a file of KITTI, which holds one picture; name the folder of ground truth, "
            f"and write the results of all pictures as COCO JSON, or as a table with the columns "
            f"{COLUMNS}"
        )
    return ""


def _xml_kind(path: Path) -> str:
    kind = kind_of_xml(path)
    if kind == "CVAT":
        return "this is CVAT's XML of ground truth, not results; name it with --data"
    if kind == "VOC":
        return "this is the XML of one image, as in PASCAL VOC; name the folder that contains it"
    return "this is XML of an unknown kind; export the data set as COCO, YOLO or VOC"
