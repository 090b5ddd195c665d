"""Made-up COCO problems of chosen sizes: ground truth and results as JSON files.

The same numbers every time. Objects are spread over classes, images and sizes about as unevenly
as COCO's. Somewhat under half of the detections are displaced copies of objects, the others
stand anywhere; the better the copy, the higher its score tends to be. Digits as real tools write
them: boxes to hundredths of a pixel like COCO's own annotations, scores to seven decimals,
which is about what a float32 holds. Records come image by image, the best score first.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from evaluator_masks import compressed, polygons, uncompressed

VERSION = 1  # part of the folders' names: files of another version are not used
COPIES = 0.45  # share of the detections that are displaced copies of objects
CROWDS = 0.01  # share of the objects
TIED = 0.01  # share of the detections with another one of their class at the same score
WRONG_CLASS = 0.1  # share of the copies
CHUNK = 50_000  # records in memory as Python objects


@dataclass(frozen=True)
class Size:
    """How much there is of everything."""

    images: int
    classes: int
    objects: int
    detections: int
    masks: bool = False


SIZES = {
    "tiny": Size(50, 8, 360, 4_000),
    "coco": Size(5_000, 80, 36_000, 500_000),
    "ilsvrc": Size(20_121, 200, 55_500, 2_000_000),
    "huge": Size(40_000, 80, 290_000, 10_000_000),
    "segm": Size(5_000, 80, 36_000, 200_000, masks=True),
}


@dataclass(frozen=True)
class Problem:
    """Where one problem lies."""

    name: str
    truths: Path
    detections: Path

    @property
    def size(self) -> Size:
        if self.name in SIZES:
            return SIZES[self.name]
        truths = orjson.loads(self.truths.read_bytes())
        parts = ("images", "categories", "annotations")
        counts = (len(truths[part]) for part in parts)
        return Size(*counts, len(orjson.loads(self.detections.read_bytes())))


def default_folder() -> Path:
    """`$XDG_CACHE_HOME/googlenet-rcnn/evaluator`, or the same below `~/.cache`."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "googlenet-rcnn" / "evaluator"


def find_or_make(name: str, folder: Path) -> Problem:
    """The problem's files below the folder; written unless they are there."""
    here = folder.resolve() / f"{name}-v{VERSION}"
    problem = Problem(name, here / "truths.json", here / "detections.json")
    if not (problem.truths.exists() and problem.detections.exists()):
        here.mkdir(parents=True, exist_ok=True)
        make(problem)
    return problem


def make(problem: Problem) -> None:
    """Write both files, each in one piece or not at all."""
    size = problem.size
    rng = np.random.default_rng([VERSION, size.images, size.detections])
    world = World(size, rng)
    write(problem.truths, world.truth_chunks())
    write(problem.detections, world.detection_chunks())


def write(path: Path, pieces: Iterator[bytes]) -> None:
    """Write to a neighbouring name first."""
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as file:
        file.writelines(pieces)
    unfinished.replace(path)


class World:
    """Images and objects of one problem as arrays, and the text of its files."""

    def __init__(self, size: Size, rng: np.random.Generator) -> None:
        self.size, self.rng = size, rng
        tall = rng.random(size.images) < 0.25
        self.frames = np.where(tall[:, None], [480, 640], [640, 480])  # width, height
        steps = rng.integers(1, 1_200_000 // size.images, size.images)  # ids to 600,000
        self.image_ids = rng.permutation(np.cumsum(steps))
        # Some ids are missing, as in COCO.
        self.category_ids = np.sort(rng.permutation(size.classes * 9 // 8)[: size.classes]) + 1

        crowding = rng.lognormal(0, 0.9, size.images)
        frequency = rng.permutation(1 / np.arange(1, size.classes + 1) ** 1.1)
        self.images = rng.choice(size.images, size.objects, p=crowding / crowding.sum())
        self.labels = rng.choice(size.classes, size.objects, p=frequency / frequency.sum())
        self.crowd = rng.random(size.objects) < CROWDS
        self.boxes = self.boxes_anywhere(self.images, np.where(self.crowd, 3.0, 1.0))

    def boxes_anywhere(self, images: np.ndarray, enlarged: np.ndarray | float = 1.0) -> np.ndarray:
        """(N, 4) [x, y, width, height], a random box inside each of the images."""
        sides = self.rng.lognormal(np.log(48), 1.15, len(images)) * enlarged
        aspect = self.rng.lognormal(0, 0.35, len(images))
        sides = np.stack([sides * aspect, sides / aspect], axis=1)
        sides = np.clip(sides, 4, self.frames[images])
        corners = self.rng.random((len(images), 2)) * (self.frames[images] - sides)
        return np.round(np.concatenate([corners, sides], axis=1), 2)

    def copies(self, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Image, label, box and score of displaced copies of objects."""
        chosen = self.rng.integers(0, len(self.images), count)
        images, labels, boxes = self.images[chosen], self.labels[chosen], self.boxes[chosen]
        error = np.minimum(self.rng.exponential(0.12, count), 0.6)
        noise = self.rng.standard_normal((count, 4)) * error[:, None]
        sides = boxes[:, 2:] * np.exp(noise[:, 2:])
        corners = boxes[:, :2] + boxes[:, 2:] * noise[:, :2]
        wrong = self.rng.random(count) < WRONG_CLASS
        labels = np.where(wrong, self.rng.integers(0, self.size.classes, count), labels)
        logits = 2 - 12 * error - 2 * wrong + self.rng.standard_normal(count)
        boxes = clip(np.concatenate([corners, sides], axis=1), self.frames[images])
        return images, labels, boxes, logits

    def detections(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Image, label, box and score of all detections, in the order of the file."""
        number = round(COPIES * self.size.detections)
        others = self.size.detections - number
        anywhere = self.rng.integers(0, self.size.images, others)
        rest = (
            anywhere,
            self.rng.integers(0, self.size.classes, others),
            self.boxes_anywhere(anywhere),
            1.2 * self.rng.standard_normal(others) - 3,
        )
        pairs = zip(self.copies(number), rest, strict=True)
        images, labels, boxes, logits = (np.concatenate(pair) for pair in pairs)
        scores = np.round(np.clip(1 / (1 + np.exp(-logits)), 1e-3, 1 - 1e-7), 7)

        by_class = np.argsort(labels, kind="stable")
        later = 1 + np.flatnonzero(self.rng.random(len(labels) - 1) < TIED / 2)
        same = labels[by_class[later]] == labels[by_class[later - 1]]
        scores[by_class[later[same]]] = scores[by_class[later[same] - 1]]

        order = np.lexsort((-scores, images))
        return images[order], labels[order], boxes[order], scores[order]

    def truth_chunks(self) -> Iterator[bytes]:
        """The text of the ground truth's file."""
        images = [
            {"id": identity, "file_name": f"{identity:012}.jpg", "height": height, "width": width}
            for identity, (width, height) in zip(
                self.image_ids.tolist(), self.frames.tolist(), strict=True
            )
        ]
        categories = [{"id": i, "name": f"class {i}"} for i in self.category_ids.tolist()]
        # The areas of masks, which fill part of their boxes.
        filled = self.rng.uniform(0.45, 1.0, len(self.boxes))
        areas = np.round(self.boxes[:, 2] * self.boxes[:, 3] * filled, 4)
        columns = (
            1 + np.arange(len(self.boxes)),
            self.image_ids[self.images],
            self.category_ids[self.labels],
            self.boxes,
            areas,
            self.crowd.astype(int),
            self.segmentations(),
        )
        yield b'{"images":' + orjson.dumps(images)
        yield b',"categories":' + orjson.dumps(categories) + b',"annotations":['
        yield from record_chunks(
            columns,
            lambda i, image, category, box, area, crowd, mask: {
                "id": i,
                "image_id": image,
                "category_id": category,
                "bbox": box,
                "area": area,
                "iscrowd": crowd,
                **({"segmentation": mask} if mask else {}),
            },
        )
        yield b"]}"

    def segmentations(self) -> list[Any]:
        """The mask of each object, in a form that JSON has; None in problems of boxes."""
        if not self.size.masks:
            return [None] * len(self.boxes)
        shapes: list[Any] = [[polygon] for polygon in polygons(self.boxes, self.rng)]
        for row in np.flatnonzero(self.crowd).tolist():
            width, height = self.frames[self.images[row]].tolist()
            shapes[row] = uncompressed(shapes[row][0], width, height)
        return shapes

    def detection_chunks(self) -> Iterator[bytes]:
        """The text of the results' file."""
        images, labels, boxes, scores = self.detections()
        masks: list[Any] = [None] * len(boxes)
        if self.size.masks:
            masks = list(compressed(boxes, self.frames[images], self.rng))
        yield b"["
        yield from record_chunks(
            (self.image_ids[images], self.category_ids[labels], boxes, scores, masks),
            lambda image, category, box, score, mask: {
                "image_id": image,
                "category_id": category,
                "bbox": box,
                "score": score,
                **({"segmentation": mask} if mask else {}),
            },
        )
        yield b"]"


def clip(boxes: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Cut boxes off at the image's border; no side below a pixel. Rounded to hundredths."""
    first = np.clip(boxes[:, :2], 0, frames - 1)
    last = np.minimum(boxes[:, :2] + boxes[:, 2:], frames)
    return np.round(np.concatenate([first, np.maximum(last - first, 1)], axis=1), 2)


def record_chunks(
    columns: tuple[np.ndarray | list[Any], ...], record: Callable[..., dict[str, Any]]
) -> Iterator[bytes]:
    """Records as JSON, without the list's brackets, a few at a time."""
    for first in range(0, len(columns[0]), CHUNK):
        chunks = (column[first : first + CHUNK] for column in columns)
        lists = (one.tolist() if isinstance(one, np.ndarray) else one for one in chunks)
        rows = zip(*lists, strict=True)
        text = orjson.dumps([record(*row) for row in rows])
        yield (b"," if first else b"") + text[1:-1]
