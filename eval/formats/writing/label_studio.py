"""Label Studio: tasks with rectangles, to be imported into a project."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import numpy as np

from eval.errors import EvaluationError
from eval.formats.writing.file_names import NOT_XML, inner_name
from eval.formats.writing.labelled_image import LabelledImage, check_size, counted, cut_at_border

# Where Label Studio serves files of a local folder; its own converters have the same default.
LOCAL_FILES = "/data/local-files/?d="


def label_studio_tasks(
    images: Sequence[LabelledImage], class_names: Sequence[str], image_root: str = LOCAL_FILES
) -> list[dict[str, Any]]:
    """One task an image: detections become predictions, ground truth becomes annotations.

    Boxes are cut at the border of the image, since Label Studio accepts 0 to 100 %.

    Parameters
    ----------
    image_root
        The address of the pictures, in front of each file name that is no web address itself.

    Raises
    ------
    EvaluationError
        The size of an image is unknown.
    """
    return [_task(image, class_names, image_root) for image in images]


def label_studio_config(class_names: Sequence[str]) -> str:
    """The labelling interface of the tasks, to be pasted into the settings of the project.

    Raises
    ------
    EvaluationError
        A class name is blank or contains a control character.
    """
    view = ElementTree.Element("View")
    ElementTree.SubElement(view, "Image", name="image", value="$image")
    labels = ElementTree.SubElement(view, "RectangleLabels", name="label", toName="image")
    for name in class_names:
        if not name.strip() or NOT_XML.search(name):
            raise EvaluationError(
                f"class {name!r:.60}: the labelling interface is XML, which holds neither blank "
                "names nor control characters; rename the class"
            )
        ElementTree.SubElement(labels, "Label", value=name)
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode") + "\n"


def picture_path(file_name: str, split: str) -> str:
    """The place of a picture in the folder that write_label_studio fills."""
    return f"images/{split}/{inner_name(file_name)}"


def write_label_studio(
    images: Sequence[LabelledImage], class_names: Sequence[str], folder: Path, split: str = "train"
) -> tuple[str, ...]:
    """Write tasks_SPLIT.json and label_config.xml; pictures are not copied.

    The tasks expect the pictures in images/SPLIT below the folder that Label Studio serves.

    Returns
    -------
    What the format does not hold, one sentence with a count for each kind.
    """
    import orjson

    tasks = label_studio_tasks(images, class_names, f"{LOCAL_FILES}images/{split}/")
    (folder / f"tasks_{split}.json").write_bytes(orjson.dumps(tasks) + b"\n")
    (folder / "label_config.xml").write_text(label_studio_config(class_names), encoding="utf-8")
    crowds = sum(int(image.crowd.sum()) for image in images)
    difficult = sum(int((image.difficult & ~image.crowd).sum()) for image in images)
    borders = [cut_at_border(image)[1:] for image in images]
    return counted(
        {
            "boxes outside their image, which were left out": sum(
                int(gone.sum()) for _, gone in borders
            ),
            "boxes that were cut at the border of their image": sum(
                int((cut & ~gone).sum()) for cut, gone in borders
            ),
            "crowds, which became ordinary boxes": crowds,
            "difficult objects, which became ordinary boxes": difficult,
        }
    )


def _task(image: LabelledImage, class_names: Sequence[str], image_root: str) -> dict[str, Any]:
    is_address = image.file_name.lower().startswith(("http://", "https://"))
    address = image.file_name if is_address else image_root + quote(inner_name(image.file_name))
    data = {"image": address}
    result = _regions(image, class_names)
    if image.scores is None:
        return {"data": data, "annotations": [{"result": result}]}
    score = float(image.scores.mean().clip(0, 1)) if len(image) else 0.0  # others are rejected
    prediction = {"model_version": "detections", "score": score, "result": result}
    return {"data": data, "predictions": [prediction]}


def _regions(image: LabelledImage, class_names: Sequence[str]) -> list[dict[str, Any]]:
    check_size(image, "Label Studio's percentages")
    inside, _, gone = cut_at_border(image)
    boxes_xywh = np.concatenate([inside[:, :2], inside[:, 2:] - inside[:, :2]], axis=1)
    percent = np.round(100 * boxes_xywh / ([image.width, image.height] * 2), 10) + 0.0
    regions = []
    for row in np.flatnonzero(~gone).tolist():
        x, y, width, height = percent[row].tolist()
        value = {"x": x, "y": y, "width": width, "height": height, "rotation": 0}
        region: dict[str, Any] = {
            "id": f"box{row + 1}",
            "type": "rectanglelabels",
            "from_name": "label",
            "to_name": "image",
            "original_width": image.width,
            "original_height": image.height,
            "image_rotation": 0,
            "value": {**value, "rectanglelabels": [class_names[image.labels[row]]]},
        }
        if image.scores is not None:
            region["score"] = float(image.scores[row])
        regions.append(region)
    return regions
