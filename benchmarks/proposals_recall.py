"""Compare selective search with OpenCV's: boxes, recall, order and time on one data set.

    python benchmarks/proposals_recall.py --data instances_test.json --images DIR --limit 100

Both get the picture at width 500 and the time of that resizing, and of both the boxes under
20 px at that width and exact duplicates are dropped (OpenCV keeps them; --min-side 0 shows
it so). OpenCV runs twice: with its own fast preset, and with the k and smallest segment of
each of our rows, so that the search and not the setting is compared. Objects marked
difficult, ignored or crowds are left out.
Rows are interleaved image by image, so that other work on the machine slows all alike.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from proposals import selective_search
from proposals.boxes import intersection_over_union, unique_boxes
from proposals.strategies import MODES

WIDTH = 500
FIRST = (50, 100, 500)
Boxes = NDArray[np.float32]
Method = Callable[[NDArray[np.uint8]], Boxes]


class Photograph(NamedTuple):
    """A picture with the objects to be found."""

    path: Path
    boxes_xyxy: Boxes
    categories: list[int]


class Tally(NamedTuple):
    """What one method did, appended image by image."""

    counts: list[int]
    seconds: list[float]
    overlaps: list[list[float]]  # per object: best IoU among all boxes, then the first 50, ...
    categories: list[int]


def main() -> None:
    """Read the arguments, run every method on every image, print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="COCO instances file")
    parser.add_argument("--images", type=Path, required=True, help="folder of its pictures")
    parser.add_argument("--limit", type=int, default=100, help="number of pictures (100)")
    parser.add_argument("--threads", type=int, help="for our rows (default: all processors)")
    parser.add_argument("--min-side", type=int, default=20, help="least side of a box (20)")
    parser.add_argument("--only-ours", action="store_true", help="leave OpenCV out")
    arguments = parser.parse_args()
    methods = our_methods(arguments.threads, arguments.min_side)
    if not arguments.only_ours:
        methods |= opencv_methods(arguments.min_side)
    tallies = {name: Tally([], [], [], []) for name in methods}
    selective_search(np.zeros((32, 32, 3), np.uint8))  # compile outside the clock
    photographs = read_photographs(arguments.data, arguments.images)[: arguments.limit]
    for photograph in photographs:
        bgr = cv2.imread(str(photograph.path))
        if bgr is None:
            parser.error(f"cannot read {photograph.path}; check --images")
        image = np.ascontiguousarray(bgr[..., ::-1], np.uint8)
        for name, method in methods.items():
            measure(method, image, photograph, tallies[name])
    print_table(tallies, len(photographs))


def our_methods(threads: int | None, min_side: int) -> dict[str, Method]:
    """Build the rows of this project: single, fast and fast with doubled superpixels."""

    def row(mode: str, scale: float) -> Method:
        return lambda image: (
            selective_search(image, mode, scale, min_side=min_side, threads=threads).boxes_xyxy
        )

    settings = [("single", 1.0), ("fast", 1.0), ("fast", 2.0)]
    return {f"ours {mode} {scale}": row(mode, scale) for mode, scale in settings}


def opencv_methods(min_side: int) -> dict[str, Method]:
    """Build the rows of OpenCV: its fast preset, then the settings of each of our rows."""

    def preset(bgr: NDArray[np.uint8]) -> Any:
        search = cv2.ximgproc.segmentation.createSelectiveSearchSegmentation()
        search.setBaseImage(bgr)
        search.switchToSelectiveSearchFast()
        return search

    def row(mode: str, scale: float) -> Method:
        def build(bgr: NDArray[np.uint8]) -> Any:
            return assemble_opencv(bgr, mode, scale)

        return lambda image: run_opencv(image, build, min_side)

    methods: dict[str, Method] = {
        "OpenCV fast, default": lambda image: run_opencv(image, preset, min_side)
    }
    for mode, scale in [("single", 1.0), ("fast", 1.0), ("fast", 2.0)]:
        methods[f"OpenCV as {mode} {scale}"] = row(mode, scale)
    return methods


def assemble_opencv(bgr: NDArray[np.uint8], mode: str, scale: float) -> Any:
    """Set k and the smallest segment alike; its own presets fix the latter at 100."""
    module = cv2.ximgproc.segmentation
    conversions = {"HSV": cv2.COLOR_BGR2HSV, "Lab": cv2.COLOR_BGR2LAB}
    terms = {
        "C": module.createSelectiveSearchSegmentationStrategyColor,
        "T": module.createSelectiveSearchSegmentationStrategyTexture,
        "S": module.createSelectiveSearchSegmentationStrategySize,
        "F": module.createSelectiveSearchSegmentationStrategyFill,
    }
    search = module.createSelectiveSearchSegmentation()
    for space in MODES[mode].colour_spaces:
        search.addImage(cv2.cvtColor(bgr, conversions[space]))
    for k in MODES[mode].k:
        search.addGraphSegmentation(
            module.createGraphSegmentation(0.8, k * scale, round(k * scale))
        )
    for similarity in MODES[mode].similarities:
        strategy = module.createSelectiveSearchSegmentationStrategyMultiple()
        for letter in similarity:
            strategy.addStrategy(terms[letter](), 1.0 / len(similarity))
        search.addStrategy(strategy)
    return search


def run_opencv(
    image: NDArray[np.uint8], build: Callable[[NDArray[np.uint8]], Any], min_side: int
) -> Boxes:
    """Run one search on a fresh object: reusing one for another image corrupts memory."""
    height, width = image.shape[:2]
    size = (WIDTH, round(height * WIDTH / width))
    is_smaller = width > WIDTH
    resized = cv2.resize(image, size, interpolation=cv2.INTER_AREA if is_smaller else 1)
    search = build(np.ascontiguousarray(resized[..., ::-1]))
    x, y, w, h = np.asarray(search.process(), np.float32).T
    boxes = np.stack([x, y, x + w, y + h], axis=1)[(w >= min_side) & (h >= min_side)]
    boxes = boxes[unique_boxes(boxes)]
    return np.asarray(boxes * (width / WIDTH), np.float32)


def read_photographs(data: Path, images: Path) -> list[Photograph]:
    """Read a COCO file; pictures in its order, each with the objects that count."""
    content = json.loads(data.read_text(encoding="utf-8"))
    objects: dict[int, list[dict[str, Any]]] = {image["id"]: [] for image in content["images"]}
    for annotation in content["annotations"]:
        if not any(annotation.get(key) for key in ("difficult", "ignore", "iscrowd")):
            objects[annotation["image_id"]].append(annotation)
    photographs = []
    for image in content["images"]:
        found = objects[image["id"]]
        boxes = np.array([a["bbox"] for a in found], np.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        categories = [a["category_id"] for a in found]
        photographs.append(Photograph(images / image["file_name"], boxes, categories))
    return photographs


def measure(method: Method, image: NDArray[np.uint8], photograph: Photograph,
            tally: Tally) -> None:  # fmt: skip
    """Run a method on an image and note its time and the best overlaps."""
    start = time.perf_counter()
    boxes = method(image)
    tally.seconds.append(time.perf_counter() - start)
    tally.counts.append(len(boxes))
    overlaps = intersection_over_union(photograph.boxes_xyxy, boxes)
    for row in overlaps:
        tally.overlaps.append([row[:first].max() for first in (None, *FIRST)])
    tally.categories.extend(photograph.categories)


def print_table(tallies: dict[str, Tally], images: int) -> None:
    """Print one line per method, then the ratios of boxes and of time."""
    objects = len(next(iter(tallies.values())).overlaps)
    print(f"{images} images, {objects} objects, width {WIDTH}")
    heads = ["boxes", "recall@.5", "MABO", *(f"in {first}" for first in FIRST), "ms"]
    print(f"{'':22}" + "".join(f"{head:>11}" for head in heads))
    for name, tally in tallies.items():
        overlaps = np.array(tally.overlaps)
        recalls = (overlaps >= 0.5).mean(axis=0)
        categories = np.array(tally.categories)
        mabo = np.mean([overlaps[categories == c, 0].mean() for c in np.unique(categories)])
        print(
            f"{name:22}{np.mean(tally.counts):11.0f}{recalls[0]:11.3f}{mabo:11.3f}"
            + "".join(f"{recall:11.3f}" for recall in recalls[1:])
            + f"{1000 * np.mean(tally.seconds):11.1f}"
        )
    print_ratios(tallies)


def print_ratios(tallies: dict[str, Tally]) -> None:
    """Print boxes of doubled to plain superpixels, and how much faster each row is."""
    doubled, plain = tallies["ours fast 2.0"], tallies["ours fast 1.0"]
    print(f"boxes, fast 2.0 : fast 1.0   {sum(doubled.counts) / sum(plain.counts):.3f}")
    for setting in ("single 1.0", "fast 1.0", "fast 2.0"):
        ours, theirs = tallies[f"ours {setting}"], tallies.get(f"OpenCV as {setting}")
        if theirs is not None:
            print(
                f"{setting}, ours : OpenCV   boxes {sum(ours.counts) / sum(theirs.counts):.3f}"
                f"   time 1 : {sum(theirs.seconds) / sum(ours.seconds):.1f}"
            )


if __name__ == "__main__":
    main()
