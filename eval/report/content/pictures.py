"""Images with boxes for the page: a JPEG, and the boxes over it as SVG."""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from eval.datasets import Dataset, ImageRecord
from eval.detections import DetectionTable
from eval.report.content.words import points
from eval.report.content.worst import AtThreshold, one_for_each_image, share_of_image
from eval.wording import amount

# A unit of the drawing is about one screen pixel; each image is this many units high.
_HEIGHT = 280.0
_LONGEST_SIDE = 480
_LINE, _LETTER = 13.0, 6.4
# More boxes than these hide the image.
_MOST_FALSE, _MOST_MISSED, _MOST_TRUE = 5, 6, 12
# A row of images of one height is full at this sum of width / height.
_FULL = 3.2
_ROWS = 2
PER_CLASS = 2


def groups(
    table: DetectionTable,
    dataset: Dataset,
    kept: AtThreshold,
    folder: str | os.PathLike[str],
    reasons: dict[int, str] | None = None,
) -> list[dict[str, Any]]:
    """Groups of images with the highest-scored false detections and the largest missed objects.

    Images whose file does not exist or cannot be read are skipped.

    Parameters
    ----------
    folder
        The folder of the images, which may lie in it with or without the folders of their names.
    reasons
        Why a detection is false, by row of the table.
    """
    shown: set[int] = set()
    unreadable: set[int] = set()
    truths, share = dataset.all_truths, share_of_image(dataset)
    result = []
    for kind, rows, images, labels in (
        ("false", kept.false, table.images, table.labels),
        ("missed", kept.missed, dataset.truth_images, truths.labels),
    ):
        lines: list[dict[str, Any]] = []
        for row, image in one_for_each_image(rows, images, labels, shown, PER_CLASS):
            if lines and lines[-1]["rest"] == 0 and len(lines) == _ROWS:
                break
            photograph = None
            if image not in unreadable:
                photograph = _photograph(Path(folder), dataset.images[image])
            if photograph is None:
                unreadable.add(image)
                continue
            shown.add(image)
            name = dataset.class_names[labels[row]]
            if kind == "false":
                reason = (reasons or {}).get(row, "false")
                caption = f"{name} {table.scores[row]:.2f}: {reason}"
            else:
                caption = f"missed {name}, {points(share[row], 0)} % of the image"
            picture = _picture(photograph, image, table, dataset, kept, caption)
            if not lines or lines[-1]["rest"] == 0:
                lines.append({"pictures": [], "rest": _FULL})
            lines[-1]["pictures"].append(picture)
            lines[-1]["rest"] = round(max(lines[-1]["rest"] - picture["aspect"], 0), 3)
        if lines:
            title, rule = _WORDS[kind]
            result.append({"title": title, "rule": rule, "rows": lines})
    return result


_WORDS = {
    "false": (
        "The false detections with the highest scores",
        "Ranked by score; each image appears once, each class at most twice.",
    ),
    "missed": (
        "The largest missed objects",
        "Ranked by the share of the image that the object covers; each image appears once, each "
        "class at most twice.",
    ),
}


def _picture(
    photograph: Any,
    image: int,
    table: DetectionTable,
    dataset: Dataset,
    kept: AtThreshold,
    caption: str,
) -> dict[str, Any]:
    width, height = photograph.size
    scale = _HEIGHT / height
    size = (width * scale, _HEIGHT)
    boxes: list[tuple[Any, ...]] = []
    labels: list[dict[str, Any]] = []
    taken: list[tuple[float, float, float]] = []
    true = kept.true[table.images[kept.true] == image][:_MOST_TRUE]
    missed = kept.missed[dataset.truth_images[kept.missed] == image][:_MOST_MISSED]
    false = kept.false[table.images[kept.false] == image][:_MOST_FALSE]
    truths = dataset.all_truths
    parts = [
        ("true", table.boxes_xyxy[true], [""] * len(true)),
        ("missed", truths.boxes_xyxy[missed], _names(dataset, truths.labels[missed])),
        ("false", table.boxes_xyxy[false], _scored(dataset, table, false)),
    ]
    # Boxes are in pixels of the size in the record, which may differ from that of the file.
    record = dataset.images[image]
    factor = np.array([size[0] / (record.width or width), size[1] / (record.height or height)] * 2)
    for kind, boxes_xyxy, texts in parts:
        for box, text in zip(boxes_xyxy * factor, texts, strict=True):
            x1, y1 = np.clip(box[:2], 1, np.array(size) - 1)
            x2, y2 = np.clip(box[2:], 1, np.array(size) - 1)
            sides = (x1, y1, max(x2 - x1, 0), max(y2 - y1, 0))
            boxes.append((kind, *(round(float(value), 1) for value in sides)))
            if text:
                labels.append({"kind": kind, "text": text, **_place(text, x1, y1, size, taken)})
    return {
        "uri": _data_uri(photograph),
        "width": round(size[0], 1),
        "height": round(size[1], 1),
        "aspect": round(width / height, 3),
        "boxes": boxes,
        "labels": labels,
        "caption": caption,
        "file": record.file_name,
        "words": f"{record.file_name} with {amount(len(false), 'false detection')}, "
        f"{amount(len(missed), 'missed object')} and {amount(len(true), 'found object')}: "
        f"{caption}",
    }


def _place(
    text: str,
    left: float,
    top: float,
    size: tuple[float, float],
    taken: list[tuple[float, float, float]],
) -> dict[str, float]:
    """The base line of a label inside the image, clear of the labels that are there already."""
    length = _LETTER * len(text)
    x = max(3.0, min(left + 4, size[0] - length - 3))
    y = min(max(top + _LINE, _LINE), size[1] - 4)
    tries = [y + step * _LINE for step in range(8)] + [y - step * _LINE for step in range(1, 8)]
    for candidate in tries:
        clear = all(
            abs(candidate - other_y) >= _LINE or x + length < start or x > end
            for other_y, start, end in taken
        )
        if clear and _LINE - 2 <= candidate <= size[1] - 3:
            y = candidate
            break
    taken.append((y, x, x + length))
    return {"x": round(x, 1), "y": round(y, 1)}


def _photograph(folder: Path, record: ImageRecord) -> Any:
    """The reduced image in the orientation of its boxes; None if no file can be read."""
    from PIL import Image, ImageOps

    name = record.file_name
    for path in (folder / name, folder / PurePosixPath(name.replace("\\", "/")).name):
        try:
            with Image.open(path) as image:
                image.draft("RGB", (2 * _LONGEST_SIDE, 2 * _LONGEST_SIDE))
                stored = image.convert("RGB")
                upright = ImageOps.exif_transpose(image).convert("RGB")
        except (OSError, ValueError, Image.DecompressionBombError):
            continue
        # Some data sets annotate the pixels as stored, regardless of the EXIF orientation.
        turned = (upright.width > upright.height) != (record.width > record.height)
        chosen = stored if turned else upright
        chosen.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
        return chosen
    return None


def _data_uri(photograph: Any) -> str:
    file = io.BytesIO()
    photograph.save(file, "JPEG", quality=80, optimize=True, progressive=True)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def _names(dataset: Dataset, labels: np.ndarray) -> list[str]:
    return [f"missed {_short(dataset.class_names[label])}" for label in labels.tolist()]


def _scored(dataset: Dataset, table: DetectionTable, rows: np.ndarray) -> list[str]:
    return [
        f"{_short(dataset.class_names[label])} {score:.2f}"
        for label, score in zip(table.labels[rows].tolist(), table.scores[rows], strict=True)
    ]


def _short(name: str) -> str:
    return name if len(name) <= 22 else name[:21] + "…"
