"""Boxes and image ids that mean something else than the format says, which fits far more objects.

Six images, each with one small cat near its top left corner; all of them are found exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from tests.eval.bad_inputs import NOTHING, PROTOCOLS, Case, Inputs, files

Box = list[float]
WIDTH, HEIGHT, COUNT = 640, 480, 6
BOXES: list[Box] = [[30 + 47 * i, 20 + 31 * i, 24 + 6 * i, 40 - 4 * i] for i in range(COUNT)]
ALL = dict.fromkeys(PROTOCOLS, 1.0)
NAMES = {"categories": [{"id": 1, "name": "cat"}]}
FOUND = "6 of 6 detections with the highest scores overlap an object (IoU at least 0.5), as given 0"


def truth(boxes: list[Box] = BOXES, **fields: list[Any]) -> dict[str, Any]:
    """Ground truth of one cat an image, with other fields of the images."""
    images = [
        {"id": i + 1, "file_name": f"p{i}.jpg", "width": WIDTH, "height": HEIGHT}
        | {name: values[i] for name, values in fields.items()}
        for i in range(len(boxes))
    ]
    cats = [
        {"id": i + 1, "image_id": i + 1, "category_id": 1, "bbox": box, "iscrowd": 0,
         "area": 1000}
        for i, box in enumerate(boxes)
    ]  # fmt: skip
    return {"images": images, "annotations": cats, **NAMES}


def results(boxes: list[Box] = BOXES, ids: list[int] | None = None) -> list[dict[str, Any]]:
    """A detection for each box."""
    ids = list(range(1, len(boxes) + 1)) if ids is None else ids
    return [
        {"image_id": identity, "category_id": 1, "bbox": box, "score": 0.9 - i / 100}
        for i, (identity, box) in enumerate(zip(ids, boxes, strict=False))
    ]


def read(change: Callable[..., Box], boxes: list[Box] = BOXES) -> list[Box]:
    """The boxes, each changed."""
    return [change(*box) for box in boxes]


def corners(x: float, y: float, w: float, h: float) -> Box:
    return [x, y, x + w, y + h]


def centres(x: float, y: float, w: float, h: float) -> Box:
    return [x + w / 2, y + h / 2, w, h]


def relative(divisor: float, change: Callable[..., Box] = lambda *box: [*box]) -> Any:
    """A change to numbers relative to the image's sides."""

    def changed(x: float, y: float, w: float, h: float) -> Box:
        a, b = divisor / WIDTH, divisor / HEIGHT
        return change(a * x, b * y, a * w, b * h)

    return changed


def tensorflow(x: float, y: float, w: float, h: float) -> Box:
    return [y, x, y + h, x + w]


def in_pixels(change: Callable[..., Box]) -> Callable[..., Box]:
    """A change to numbers in fractions, which become pixels."""
    return lambda x, y, w, h: change(WIDTH * x, HEIGHT * y, WIDTH * w, HEIGHT * h)


def pair(
    given: Any = None, found: Any = None, options: Any = None, reading: Any = None
) -> Callable[[Path], Inputs]:
    """Ground truth and results, by default the right ones."""
    return lambda folder: files(
        folder,
        truth() if given is None else given,
        results() if found is None else found,
        options=options or {},
        reading=reading or {},
    )


def table(columns: str, change: Callable[..., Box]) -> Callable[[Path], Inputs]:
    """The results as CSV."""
    lines = [
        f"{i + 1},cat,0.{9 - i},{','.join(f'{number:.9g}' for number in change(*box))}\n"
        for i, box in enumerate(BOXES)
    ]

    def make(folder: Path) -> Inputs:
        (folder / "found.csv").write_text(f"image_id,class,score,{columns}\n" + "".join(lines))
        return pair()(folder)._replace(detections=folder / "found.csv")

    return make


def yolo(labels: Any, found: Any) -> Callable[[Path], Inputs]:
    """Pictures with YOLO labels and results, both changed from boxes in fractions."""

    def make(folder: Path) -> Inputs:
        for name in ("images", "labels", "found"):
            (folder / name).mkdir(exist_ok=True)
        (folder / "classes.txt").write_text("cat\n")
        for i, box in enumerate(BOXES):
            Image.new("RGB", (WIDTH, HEIGHT)).save(folder / "images" / f"p{i}.png")
            for name, change, score in (("labels", labels, ""), ("found", found, f" 0.{9 - i}")):
                numbers = " ".join(f"{number:.9g}" for number in relative(1, change)(*box))
                (folder / name / f"p{i}.txt").write_text(f"0 {numbers}{score}\n")
        return Inputs(folder, folder / "found", {}, {})

    return make


NUMBERS = "class numbers were read as positions"
SKIP = {"skip_unlisted": True}
TWELVE: list[Box] = [[30 + 37 * i, 20 + 25 * i, 30, 24] for i in range(12)]
BY_NAME = [
    0,
    1,
    10,
    11,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
]  # p0.jpg, p1.jpg, p10.jpg, ...

CASES = [
    Case("image ids one too small, all listed", pair(found=results(BOXES[1:], [1, 2, 3, 4, 5])),
         NOTHING, notes=("ids of images seem to be one too small (are they counted from 0?): read "
                         "so, 5 of 5",), pycocotools="0.000, without a message"),
    Case("image ids one too large, all listed", pair(found=results(BOXES[:5], [2, 3, 4, 5, 6])),
         NOTHING, notes=("ids of images seem to be one too large (are they counted from 1?)",)),
    Case("image ids one too large, and unlisted ones left out",
         pair(found=results(ids=[2, 3, 4, 5, 6, 7]), options=SKIP), NOTHING,
         notes=("left out 1 detection of 1 image", "ids of images seem to be one too large")),
    Case("image ids with gaps, each that of the next image in the list",
         pair({**truth(id=[10, 20, 30, 40, 50, 60]), "annotations": [
             {**one, "image_id": 10 * one["image_id"]} for one in truth()["annotations"]]},
             results(BOXES[:5], [20, 30, 40, 50, 60])), NOTHING,
         notes=("detections seem to be those of the image before in the ground truth",)),
    Case("image ids that number the sorted file names", pair(truth(TWELVE), results(
         [TWELVE[i] for i in BY_NAME])),
         dict(zip(PROTOCOLS, (17 / 101, 1 / 6, 2 / 11, 1 / 6), strict=True)),
         notes=("ids of images seem to number the sorted file names",)),
    Case("small boxes [x1, y1, x2, y2] near the corner", pair(found=results(read(corners))),
         NOTHING, notes=(f"bbox seems to be [x1, y1, x2, y2]: read so, {FOUND}; expected [x, y, "
                         "width, height] in pixels",), pycocotools="0.000, without a message"),
    Case("boxes [centre x, centre y, width, height]", pair(found=results(read(centres))),
         NOTHING, notes=("bbox seems to be [centre x, centre y, width, height]",)),
    Case("boxes [y1, x1, y2, x2]", pair(found=results(read(tensorflow))), NOTHING,
         notes=("bbox seems to be [y1, x1, y2, x2]",)),
    Case("boxes in per cent of the image", pair(found=results(read(relative(100)))), NOTHING,
         notes=("bbox seems to be in per cent of the image",)),
    Case("boxes [y1, x1, y2, x2] in thousandths of the image, as language models write them",
         pair(found=results(read(relative(1000, tensorflow)))), NOTHING,
         notes=("bbox seems to be [y1, x1, y2, x2] in thousandths of the image",)),
    Case("ground truth in fractions of the image", pair(truth(read(relative(1)))), NOTHING,
         notes=("bbox of the ground truth seems to be in fractions",)),
    Case("ground truth with corners for sides", pair(truth(read(corners))), NOTHING,
         notes=(f"bbox of the ground truth seems to be [x1, y1, x2, y2]: read so, {FOUND}",)),
    Case("both in fractions of the image",
         pair(truth(read(relative(1))), results(read(relative(1)))), ALL,
         notes=("bbox of the ground truth seems to be in fractions of the image", "every box ends "
                "within 2 pixels of the top left corner: bbox seems to be in fractions")),
    Case("CSV: columns x and y that are centres", table("x,y,w,h", centres), NOTHING,
         notes=("read as: image from", "bbox seems to be [centre x, centre y, width, height]")),
    Case("CSV: per cent of the picture", table("xmin,ymin,xmax,ymax", relative(100, corners)),
         NOTHING, notes=("read as: image from", "in per cent of the image")),
    Case("YOLO: results with corners in fractions", yolo(centres, corners), ALL,
         notes=("lines were read as `class x1 y1 x2 y2 confidence` in fractions", NUMBERS)),
    Case("YOLO: results with corner and sides", yolo(centres, lambda *box: [*box]), ALL,
         notes=("lines were read as `class x y w h confidence` in fractions", NUMBERS)),
    Case("YOLO: results with centres in pixels", yolo(centres, in_pixels(centres)), ALL,
         notes=("lines were read as `class cx cy w h confidence` in pixels", NUMBERS)),
    Case("YOLO: labels with corners in fractions", yolo(corners, centres), NOTHING,
         notes=("labels seem to be x1 y1 x2 y2 in place of cx cy w h", NUMBERS,
                "bbox of the ground truth seems to be [x1, y1, x2, y2]")),
    Case("YOLO: labels and results with corners in fractions", yolo(corners, corners), ALL,
         notes=("labels seem to be x1 y1 x2 y2 in place of cx cy w h: ", NUMBERS)),
]  # fmt: skip
