"""Formats of other programs that are recognised but not read, so that errors can name them."""

from __future__ import annotations

import math
from pathlib import Path

from eval.errors import EvaluationError
from eval.formats.number_lines import number_of
from eval.formats.text_files import first_bytes

# Format, what the beginning of such a file contains, and what to do.
JSON_FORMATS = (
    ("labelme", (b'"shapes"', b'"imagePath"'), "convert its folder with labelme2coco"),
    ("VIA", (b'"shape_attributes"',), "in VIA, export annotations as COCO"),
    ("Label Studio", (b'"from_name"',), "in Label Studio, export as COCO or YOLO"),
    ("CreateML", (b'"coordinates"', b'"label"'), "export the data set as COCO or YOLO"),
    ("VoTT", (b'"lastVisitedAssetId"',), "in VoTT, export as Pascal VOC"),
    ("VoTT", (b'"regions"', b'"asset"'), "in VoTT, export as Pascal VOC"),
    ("Supervisely", (b'"classTitle"',), "in Supervisely, export as COCO"),
    ("Datumaro", (b'"items"', b'"categories"'), "run `datum convert -f coco_instances`"),
)
KITTI_COLUMNS = (15, 16)


def refuse_foreign_json(path: Path) -> None:
    """Raise an error that names the format, if a JSON file is of another program.

    Raises
    ------
    EvaluationError
        The message names the format and the remedy.
    """
    begin = first_bytes(path)
    if b'"images"' in begin:
        return
    for name, signs, remedy in JSON_FORMATS:
        if all(sign in begin for sign in signs):
            raise EvaluationError(
                f"{path}: this is the JSON of {name}, which is not read; {remedy}"
            )


def refuse_foreign_text(path: Path, line: bytes) -> None:
    """The same for other files, by their first line: archives, tables, KITTI, XML.

    Raises
    ------
    EvaluationError
        The message names the format and the remedy.
    """
    kind = _xml_kind(path) if line.startswith(b"<") else _text_kind(path, line)
    if kind:
        raise EvaluationError(f"{path}: {kind}")


def _text_kind(path: Path, line: bytes) -> str:
    """What a file is that has no reader, by its first line, and the remedy; "" if unknown."""
    if line.startswith(b"PK\x03\x04"):
        return "this is a zip archive; unpack it and name the file in it"
    if path.suffix.lower() in (".csv", ".tsv"):
        return (
            "this is a table, and ground truth is not read from tables; write it as COCO JSON, "
            "with one record of 'annotations' for each line"
        )
    words = line.split()
    numbers = [not math.isnan(number_of(word)) for word in words]
    if len(words) in KITTI_COLUMNS and not numbers[0] and all(numbers[1:]):
        return (
            "this is a file of KITTI, which names no image; write the results of all images as "
            "COCO JSON, or as a table with the columns image, class, score, xmin, ymin, xmax, ymax"
        )
    if len(words) == 7 and numbers == [False, False, *[True] * 5]:
        return (
            "this seems to be image, class, score and corners without headings; add the line "
            "'image,class,score,xmin,ymin,xmax,ymax' and put commas between the columns"
        )
    return ""


def _xml_kind(path: Path) -> str:
    begin = first_bytes(path)
    if b"<annotations" in begin:
        return "this is CVAT's XML; in CVAT, export the task as COCO 1.0, or as YOLO with images"
    if b"<annotation" in begin:
        return "this is the XML of one image, as in PASCAL VOC; name the folder that contains it"
    return "this is XML of an unknown kind; export the data set as COCO, YOLO or VOC"
