"""`--save-as`: files of boxes that other programs read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from detector.files.whole_files import write_file

if TYPE_CHECKING:
    from eval.formats.writing.labelled_image import LabelledImage

# The folder and the suffix of a format that has a file for each picture
OF_PICTURES = {"yolo": ("labels", ".txt"), "voc": ("Annotations", ".xml")}
# A format's file for the whole run; YOLO's lists the class names in the order of its numbers
OF_RUNS = {
    "coco": "coco.json",
    "yolo": "classes.txt",
    "csv": "detections.csv",
    "label-studio": "label_studio.json",
}


def file_of_picture(form: str, stem: str) -> str:
    """Where the boxes of one picture go in the output folder."""
    folder, suffix = OF_PICTURES[form]
    return f"{folder}/{stem}{suffix}"


def files_of_run(formats: Sequence[str]) -> list[str]:
    """The files in the output folder that hold more than the boxes of one picture."""
    return [OF_RUNS[form] for form in formats if form in OF_RUNS]


def save_picture_boxes(
    form: str, target: Path, image: LabelledImage, class_names: Sequence[str]
) -> None:
    """Write the boxes of one picture as "yolo" or "voc"."""
    from eval.formats.writing.voc import voc_xml
    from eval.formats.writing.yolo import yolo_lines

    if form == "yolo":
        text = yolo_lines(image)
    else:  # the files of VOC name no folders
        text = voc_xml(replace(image, file_name=Path(image.file_name).name), class_names)
    write_file(target, text.encode())


def save_run_boxes(
    formats: Sequence[str],
    folder: Path,
    images: Sequence[LabelledImage],
    class_names: Sequence[str],
    category_ids: Sequence[int | str],
) -> None:
    """Write the files of `files_of_run` into the output folder."""
    for form in formats:
        if form in OF_RUNS:
            content = _content_of_run(form, images, class_names, category_ids)
            write_file(folder / OF_RUNS[form], content)


def _content_of_run(
    form: str,
    images: Sequence[LabelledImage],
    class_names: Sequence[str],
    category_ids: Sequence[int | str],
) -> bytes:
    import orjson

    from eval.formats.writing.coco import coco_dataset
    from eval.formats.writing.csv import csv_text
    from eval.formats.writing.label_studio import label_studio_tasks
    from eval.formats.writing.yolo import class_list

    if form == "coco":
        return orjson.dumps(coco_dataset(images, class_names, category_ids))
    if form == "csv":
        return csv_text(images, class_names).encode()
    if form == "label-studio":
        tasks = label_studio_tasks(images, class_names)
        return orjson.dumps(tasks, option=orjson.OPT_INDENT_2)
    return class_list(class_names).encode()
