"""`--save-as`: files of boxes that other programs read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from detector.files.whole_files import write_file
from detector.prediction.web import is_web_address

if TYPE_CHECKING:
    from eval.formats.writing.labelled_image import LabelledImage

# Of one file a picture: its folder and suffix
OF_PICTURES = {"yolo": ("labels", ".txt"), "voc": ("Annotations", ".xml")}
# Of one file a run: its name
OF_RUNS = {"coco": "coco.json", "csv": "detections.csv", "label-studio": "label_studio.json"}
FORMATS = ("coco", "yolo", "voc", "csv", "label-studio")
YOLO_CLASSES = "classes.txt"  # the class names, a line each, in the order of YOLO's numbers


def file_of_picture(form: str, stem: str) -> str:
    """Where the boxes of one picture go in the output folder."""
    folder, suffix = OF_PICTURES[form]
    return f"{folder}/{stem}{suffix}"


def files_of_run(formats: Sequence[str]) -> list[str]:
    """The files in the output folder that hold more than the boxes of one picture."""
    return [OF_RUNS.get(form, YOLO_CLASSES) for form in formats if form != "voc"]


def save_picture_boxes(
    form: str, target: Path, image: LabelledImage, class_names: Sequence[str]
) -> None:
    """Write the boxes of one picture as "yolo" or "voc"."""
    from eval.formats.writing.voc import voc_xml
    from eval.formats.writing.yolo import yolo_lines

    if form == "yolo":
        text = yolo_lines(image)
    else:
        own_name = image.file_name.rpartition("/")[2]  # as in VOC, whose files name no folders
        text = voc_xml(replace(image, file_name=own_name), class_names)
    write_file(target, text.encode())


def save_run_boxes(
    formats: Sequence[str],
    folder: Path,
    images: Sequence[LabelledImage],
    class_names: Sequence[str],
    category_ids: Sequence[int | str],
) -> None:
    """Write the files of `files_of_run` into the output folder."""
    writers: dict[str, Callable[[], bytes]] = {
        "coco": lambda: _coco(images, class_names, category_ids),
        "yolo": lambda: "".join(f"{name}\n" for name in class_names).encode(),
        "csv": lambda: _csv(images, class_names),
        "label-studio": lambda: _label_studio(images, class_names),
    }
    for form in formats:
        if form in writers:
            write_file(folder / OF_RUNS.get(form, YOLO_CLASSES), writers[form]())


def _coco(
    images: Sequence[LabelledImage], class_names: Sequence[str], category_ids: Sequence[int | str]
) -> bytes:
    import orjson

    from eval.formats.writing.coco import coco_dataset

    return orjson.dumps(coco_dataset(images, class_names, category_ids))


def _csv(images: Sequence[LabelledImage], class_names: Sequence[str]) -> bytes:
    from eval.formats.writing.csv import csv_text

    return csv_text(images, class_names).encode()


def _label_studio(images: Sequence[LabelledImage], class_names: Sequence[str]) -> bytes:
    import orjson

    from eval.formats.writing.label_studio import label_studio_tasks

    tasks = label_studio_tasks(images, class_names)
    for task, image in zip(tasks, images, strict=True):
        if is_web_address(image.file_name):  # Label Studio fetches the picture itself
            task["data"]["image"] = image.file_name
    return orjson.dumps(tasks, option=orjson.OPT_INDENT_2)
