"""Other programs' selective search, each on the picture at width 500: peers in the benchmarks."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from proposals.boxes import unique_boxes
from proposals.search.strategies import MODES

WIDTH = 500
MIN_SIDE = 20
Boxes = NDArray[np.float32]
Method = Callable[[NDArray[np.uint8]], Boxes]


def opencv_rows(min_side: int = MIN_SIDE) -> dict[str, Method]:
    """OpenCV's own presets, and with the k and smallest segment of our fast rows.

    No rows where OpenCV came without its extra modules (opencv-contrib-python has them).
    """
    if not hasattr(cv2, "ximgproc"):
        return {}

    def row(build: Callable[[NDArray[np.uint8]], Any]) -> Method:
        return lambda image: run_opencv(image, build, min_side)

    return {
        "OpenCV fast, default": row(lambda bgr: preset(bgr, "Fast")),
        "OpenCV as fast 1.0": row(lambda bgr: assemble_opencv(bgr, "fast", 1.0)),
        "OpenCV as fast 2.0": row(lambda bgr: assemble_opencv(bgr, "fast", 2.0)),
        "OpenCV quality": row(lambda bgr: preset(bgr, "Quality")),
    }


def other_rows(min_side: int = MIN_SIDE) -> dict[str, Method]:
    """dlib and the package selectivesearch, as they come, where they are installed."""
    searches = {"dlib": _dlib_boxes, "selectivesearch": _selectivesearch_boxes}
    return {
        name: lambda image, search=search: search_at_width(image, search, min_side)
        for name, search in searches.items()
        if find_spec(name)
    }


def preset(bgr: NDArray[np.uint8], name: str) -> Any:
    """OpenCV's search as `switchToSelectiveSearchFast` or `...Quality` sets it."""
    search = cv2.ximgproc.segmentation.createSelectiveSearchSegmentation()
    search.setBaseImage(bgr)
    getattr(search, f"switchToSelectiveSearch{name}")()
    return search


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

    def search(rgb: NDArray[np.uint8]) -> Boxes:
        boxes_xywh = build(np.ascontiguousarray(rgb[..., ::-1])).process()
        return _corners(np.asarray(boxes_xywh, np.float32))

    return search_at_width(image, search, min_side)


def search_at_width(image: NDArray[np.uint8], search: Method, min_side: int) -> Boxes:
    """Boxes in pixels of `image` that `search` finds at width 500; no small ones, no doubles."""
    height, width = image.shape[:2]
    size = (WIDTH, round(height * WIDTH / width))
    interpolation = cv2.INTER_AREA if width > WIDTH else cv2.INTER_LINEAR
    boxes = search(cv2.resize(image, size, interpolation=interpolation))
    boxes = boxes[((boxes[:, 2:] - boxes[:, :2]) >= min_side).all(axis=1)]
    factors = (width / size[0], height / size[1])
    return np.asarray(boxes[unique_boxes(boxes)] * [*factors, *factors], np.float32)


def _dlib_boxes(rgb: NDArray[np.uint8]) -> Boxes:
    import dlib

    found: list[Any] = []
    dlib.find_candidate_object_locations(rgb, found)
    # Its right and bottom are the last pixels inside.
    boxes = [(box.left(), box.top(), box.right() + 1, box.bottom() + 1) for box in found]
    return np.array(boxes, np.float32).reshape(-1, 4)


def _selectivesearch_boxes(rgb: NDArray[np.uint8]) -> Boxes:
    import selectivesearch

    _, regions = selectivesearch.selective_search(rgb, scale=500, sigma=0.9, min_size=10)
    boxes = _corners(np.array([region["rect"] for region in regions], np.float32))
    return boxes + np.array([0, 0, 1, 1], np.float32)  # its sides are last minus first pixel


def _corners(boxes_xywh: Boxes) -> Boxes:
    boxes = boxes_xywh.reshape(-1, 4).copy()
    boxes[:, 2:] += boxes[:, :2]
    return boxes
