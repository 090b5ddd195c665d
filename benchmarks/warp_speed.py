"""Six networks on warped regions: what the paper did, against the loop people write by hand.

    python benchmarks/warp_speed.py [PHOTO] [--boxes 32] [--networks 6] [--rounds 3]

(a) Crops are warped once, in batches, and shared by the networks, which run in bfloat16 where the
processor has it, in channels_last, few crops a pass so that activations stay in the cache.
(b) Every box is cut out and resized by `cv2.resize`, one at a time; six separate passes in float32
send all crops through a network each, 32 at a time.
Both read the same boxes with the same networks. Rounds of (a) and (b) alternate in one process and
the minimum counts. Seconds grow with the boxes; the ratio hardly does. Run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from detector.googlenet import preprocess
from detector.images import read_image
from detector.regions import RegionClassifier, mixed_precision
from detector.warp import CROP_SIZE, INSIDE, make_atlas, warp_regions
from detector.weights_file import load_imagenet

DEMO = Path(__file__).parent.parent / "docs" / "photos"
CPU = torch.device("cpu")
CLASSES = 20
NAIVE_BATCH = 32


def make_networks(count: int) -> list[RegionClassifier]:
    """Networks with the ImageNet weights and classifiers of their own."""
    networks = []
    for seed in range(count):
        torch.manual_seed(seed)
        network = RegionClassifier(CLASSES)
        load_imagenet(network.network)
        networks.append(network.eval())
    return networks


def make_boxes(count: int, height: int, width: int, seed: int = 0) -> np.ndarray:
    """Boxes (count, 4) inside a photograph, sides of a tenth to all of it."""
    rng = np.random.default_rng(seed)
    sides = rng.uniform(0.1, 1.0, (count, 2)) * [width, height]
    low = rng.uniform(0, 1, (count, 2)) * ([width, height] - sides)
    return np.concatenate([low, low + sides], 1).astype(np.float32)


def crops_of(image: np.ndarray, boxes: np.ndarray, batch: int, dtype: torch.dtype) -> list[Tensor]:
    """Warped crops, `batch` in each tensor."""
    atlas = make_atlas([torch.from_numpy(image).permute(2, 0, 1)])
    return [warp_regions(atlas, rows, dtype=dtype) for rows in torch.from_numpy(boxes).split(batch)]


@torch.inference_mode()
def ours(
    networks: list[RegionClassifier], image: np.ndarray, boxes: np.ndarray, batch: int
) -> Tensor:
    """Mean probabilities (N, classes + 1) of the pipeline (a); networks in channels_last."""
    atlas = make_atlas([torch.from_numpy(image).permute(2, 0, 1)])
    answers = []
    with mixed_precision(CPU):
        for rows in torch.from_numpy(boxes).split(batch):
            crops = warp_regions(atlas, rows, dtype=torch.get_autocast_dtype("cpu"))
            found = [network.classify_crops(crops)[0].float().softmax(1) for network in networks]
            answers.append(torch.stack(found).mean(0))
    return torch.cat(answers)


@torch.inference_mode()
def naive(networks: list[RegionClassifier], image: np.ndarray, boxes: np.ndarray) -> Tensor:
    """Mean probabilities (N, classes + 1) of the pipeline (b)."""
    crops = torch.cat([cut_by_hand(image, box) for box in boxes])
    passes = [
        torch.cat([network.classify_crops(part)[0] for part in crops.split(NAIVE_BATCH)])
        for network in networks
    ]
    return torch.stack([logits.softmax(1) for logits in passes]).mean(0)


def cut_by_hand(image: np.ndarray, box: np.ndarray) -> Tensor:
    """One box with context, cut at whole pixels and resized (1, 3, 224, 224); mean outside."""
    centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2 * CROP_SIZE / INSIDE
    x1, y1, x2, y2 = np.round([*(centre - half), *(centre + half)]).astype(int)
    x2, y2 = max(x2, x1 + 1), max(y2, y1 + 1)
    height, width = image.shape[:2]
    sides = [max(0, -y1), max(0, y2 - height), max(0, -x1), max(0, x2 - width)]
    part = image[max(y1, 0) : y2, max(x1, 0) : x2]
    padded = cv2.copyMakeBorder(part, *sides, cv2.BORDER_CONSTANT, value=(123, 117, 104))
    resized = cv2.resize(padded, (CROP_SIZE, CROP_SIZE))
    return preprocess(torch.from_numpy(resized).permute(2, 0, 1))[None].contiguous()


def clock(function: Callable[[], object]) -> float:
    """Seconds of one call."""
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def best_batch(network: RegionClassifier, sizes: list[int]) -> tuple[int, dict[int, float]]:
    """The crops a pass at which a crop costs least, and milliseconds per crop of each number."""
    milliseconds = dict.fromkeys(sizes, float("inf"))
    for _ in range(3):
        for size in sizes:
            crops = torch.zeros(size, 3, CROP_SIZE, CROP_SIZE).to(memory_format=torch.channels_last)
            with torch.inference_mode(), mixed_precision(CPU):
                seconds = clock(lambda crops=crops: network.classify_crops(crops))
            milliseconds[size] = min(milliseconds[size], 1e3 * seconds / size)
    return min(sizes, key=lambda size: milliseconds[size]), milliseconds


def main() -> None:
    """Print the table, the ratio and where the time goes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photo", nargs="?", default=str(sorted(DEMO.glob("*.jpg"))[0]))
    parser.add_argument("--boxes", type=int, default=32)
    parser.add_argument("--networks", type=int, default=6)
    parser.add_argument("--batches", type=int, nargs="+", default=[4, 8, 16, 32])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()

    plain = make_networks(arguments.networks)
    laid_out = [copy.deepcopy(n).to(memory_format=torch.channels_last) for n in plain]
    image = read_image(arguments.photo)
    boxes = make_boxes(arguments.boxes, *image.shape[:2])
    batch, milliseconds = best_batch(laid_out[0], arguments.batches)
    fast, slow, warping, cutting = [], [], [], []
    for _ in range(arguments.rounds):
        fast.append(clock(lambda: ours(laid_out, image, boxes, batch)))
        slow.append(clock(lambda: naive(plain, image, boxes)))
        warping.append(clock(lambda: crops_of(image, boxes, batch, torch.bfloat16)))
        cutting.append(clock(lambda: [cut_by_hand(image, box) for box in boxes]))

    passes = len(boxes) * len(plain)
    table = Table(
        title=f"{len(boxes)} boxes, {len(plain)} networks, {torch.get_num_threads()} threads"
    )
    for column in ("pipeline", "s", "ms per crop and network", "ms per crop for crops"):
        table.add_column(column)
    for name, seconds, crops in (
        (f"(a) warp, {batch} crops a pass", min(fast), min(warping)),
        (f"(b) by hand, fp32, {NAIVE_BATCH} crops a pass", min(slow), min(cutting)),
    ):
        columns = (
            f"{seconds:.2f}",
            f"{1e3 * seconds / passes:.1f}",
            f"{1e3 * crops / len(boxes):.2f}",
        )
        table.add_row(name, *columns)
    table.add_row("ratio b / a", f"{min(slow) / min(fast):.2f}", "", "")
    for size, value in milliseconds.items():
        table.add_row(f"  one network, {size} crops a pass", "", f"{value:.1f}", "")
    Console().print(table)


if __name__ == "__main__":
    main()
