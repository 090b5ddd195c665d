"""Seconds per photograph: the default detector against the pipeline people write by hand.

    python benchmarks/detect_speed.py [PHOTO ...] [--recipe NAME] [--rounds 5] [--naive-rounds 1]

(a) `Detector.load()`, or another recipe, proposals included. (b) OpenCV's selective search "fast",
each proposal cut out, resized to 224x224 and sent through one GoogLeNet in float32, batches of 32.
Photographs are resized to 500 pixels on the long side. Rounds of (a) and (b) alternate in one
process; the minimum of each photograph's rounds counts. Run it on a quiet machine. Without naive
rounds (b) is left out.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from detector import Detector, read_image
from detector.networks.googlenet import GoogLeNet, preprocess
from detector.pictures.finding import find_images
from detector.postprocess import suppress
from detector.recipes import DEFAULT
from detector.region_scores import choose_regions, objectness_of, score_regions
from proposals.merge import merge_proposals

DEMO = Path(__file__).parent.parent / "docs" / "photos"
LONG_SIDE = 500


def stages(detector: Detector, image: np.ndarray) -> dict[str, float]:
    """Seconds of each stage of one detection, in the order they run."""
    seconds: dict[str, float] = {}

    def timed(name: str, function: Callable, *arguments: object):
        started = time.perf_counter()
        result = function(*arguments)
        seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - started
        return result

    options = detector.recipe.postprocess
    searched = timed("selective search", detector.proposer.search, image)
    features = timed("trunk", detector.see, image)
    multibox = timed("MultiBox", detector.proposer.multibox_boxes, features)
    boxes = timed("merging", merge_proposals, searched, multibox).boxes_xyxy
    objectness = timed("objectness", objectness_of, features, boxes)
    chosen = choose_regions(features, boxes, objectness, detector.recipe.network)
    regions = features, boxes[chosen], objectness[chosen], detector.recipe
    scored = timed("networks", score_regions, *regions)
    timed("suppression", suppress, scored, options)
    return seconds


def naive(network: GoogLeNet, image: np.ndarray) -> int:
    """The pipeline (b); returns the number of proposals."""
    search = cv2.ximgproc.segmentation.createSelectiveSearchSegmentation()
    search.setBaseImage(np.ascontiguousarray(image[:, :, ::-1]))
    search.switchToSelectiveSearchFast()
    boxes = search.process()
    with torch.inference_mode():
        for first in range(0, len(boxes), 32):
            crops = [
                cv2.resize(image[y : y + h, x : x + w], (224, 224))
                for x, y, w, h in boxes[first : first + 32]
            ]
            pixels = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).contiguous()
            network(preprocess(pixels)).softmax(1)
    return len(boxes)


def clock(function: Callable[[], object]) -> float:
    """Seconds of one call."""
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def shrink(image: np.ndarray) -> np.ndarray:
    """At most LONG_SIDE pixels on the long side."""
    scale = min(1.0, LONG_SIDE / max(image.shape[:2]))
    size = round(image.shape[1] * scale), round(image.shape[0] * scale)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def main() -> None:
    """Print the table, the ratio and the breakdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", nargs="*", default=[str(DEMO)])
    parser.add_argument("--recipe", default=DEFAULT)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--naive-rounds", type=int, default=1)
    arguments = parser.parse_args()

    detector = Detector.load(arguments.recipe, device="cpu")
    network = GoogLeNet(outputs=len(detector.info.class_names) + 1).eval()
    images = [shrink(read_image(path)) for path in find_images(arguments.photos)]
    detector(images[0])  # loads the compiled kernels

    ours, theirs, parts = [], [], []
    for image in images:
        fast, slow, breakdown = [], [], []
        for round_ in range(arguments.rounds):
            fast.append(clock(lambda image=image: detector(image)))
            breakdown.append(stages(detector, image))
            if round_ < arguments.naive_rounds:
                slow.append(clock(lambda image=image: naive(network, image)))
        ours.append(min(fast))
        theirs.append(min(slow, default=float("nan")))
        parts.append({name: min(b[name] for b in breakdown) for name in breakdown[0]})

    a, b = float(np.mean(ours)), float(np.mean(theirs))
    table = Table(title=f"{len(images)} photographs, {torch.get_num_threads()} threads")
    for column in ("pipeline", "s per photograph", "worst photograph"):
        table.add_column(column)
    table.add_row(f"(a) {arguments.recipe}", f"{a:.2f}", f"{max(ours):.2f}")
    if arguments.naive_rounds:
        table.add_row("(b) OpenCV + crops, fp32", f"{b:.1f}", f"{max(theirs):.1f}")
        table.add_row("ratio b / a", f"{b / a:.0f}", "")
    for name in parts[0]:
        table.add_row(f"  {name}", f"{np.mean([p[name] for p in parts]):.3f}", "")
    Console().print(table)


if __name__ == "__main__":
    main()
