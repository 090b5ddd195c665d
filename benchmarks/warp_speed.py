"""Six networks on warped regions: what the paper did, against the loop people write by hand.

    python benchmarks/warp_speed.py [PHOTO] [--boxes 32] [--networks 6] [--rounds 3]

(a) The detector's warp mode: crops are made in batches and shared by the networks, which run in
bfloat16 where the processor has it, in channels_last, few crops a pass so that activations stay in
the cache. (a') The same where the first layers, to 3b, are one, as after fine-tuning with
`freeze: 3b` from the same weights: they are passed once for all.
(b) By hand: every box is cut out and resized by `cv2.resize`, one at a time; six separate passes in
float32 send all crops through a network each, 32 at a time, with torch's LocalResponseNorm.
(c) The same with this project's normalisation, which is several times faster than torch's.

All read the same boxes with the same networks. Rounds alternate in one process and the minimum
counts. Seconds grow with the boxes; the ratios hardly do. Run it on a quiet machine, or with
--cpu-time, which counts the processor's seconds instead of the clock's.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from detector.networks.ensemble import Member, pack, unpack
from detector.networks.googlenet import preprocess
from detector.networks.operators.response_norm import local_response_norm
from detector.networks.precision import mixed_precision
from detector.networks.regions import RegionClassifier
from detector.networks.scoring import predict, see
from detector.networks.warp import CROP_SIZE, INSIDE, make_atlas, warp_regions
from detector.pictures.reading import read_image
from detector.recipes import NetworkOptions
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


def ours(members: list[Member], image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Mean probabilities (N, classes + 1) of the pipeline (a), the detector's own."""
    features = see(members, image, NetworkOptions(mode="warp"), CPU)
    return predict(features.readers, features, boxes).probabilities


def warp(image: np.ndarray, boxes: np.ndarray, batch: int) -> list[Tensor]:
    """The crops of (a) alone."""
    atlas = make_atlas([torch.from_numpy(image).permute(2, 0, 1)])
    return [warp_regions(atlas, rows) for rows in torch.from_numpy(boxes).split(batch)]


@torch.inference_mode()
def naive(
    networks: list[RegionClassifier], image: np.ndarray, boxes: np.ndarray, own_norm: bool = False
) -> np.ndarray:
    """Mean probabilities (N, classes + 1) of the pipeline (b), or of (c) with `own_norm`."""
    norm = local_response_norm if own_norm else nn.LocalResponseNorm(5, 1e-4, 0.75)
    crops = torch.cat([cut_by_hand(image, box) for box in boxes])
    with patch("detector.networks.operators.response_norm.local_response_norm", norm):
        passes = [
            torch.cat([network.predict_crops(part)[0] for part in crops.split(NAIVE_BATCH)])
            for network in networks
        ]
    return torch.stack([logits.softmax(1) for logits in passes]).mean(0).numpy()


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


def clock(function: Callable[[], object], now: Callable[[], float] = time.perf_counter) -> float:
    """Seconds of one call."""
    started = now()
    function()
    return now() - started


def batch_costs(
    network: RegionClassifier, sizes: list[int], now: Callable[[], float]
) -> dict[int, float]:
    """Milliseconds per crop of a network in (a), by the number of crops a pass."""
    costs = dict.fromkeys(sizes, float("inf"))
    for _ in range(3):
        for size in sizes:
            crops = torch.zeros(size, 3, CROP_SIZE, CROP_SIZE).to(memory_format=torch.channels_last)
            with torch.inference_mode(), mixed_precision(CPU):
                seconds = clock(lambda crops=crops: network.predict_crops(crops), now)
            costs[size] = min(costs[size], 1e3 * seconds / size)
    return costs


def main(arguments: list[str] | None = None) -> None:
    """Print the table, the ratios and where the time goes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photo", nargs="?", default=str(sorted(DEMO.glob("*.jpg"))[0]))
    parser.add_argument("--boxes", type=int, default=32)
    parser.add_argument("--networks", type=int, default=6)
    parser.add_argument("--batches", type=int, nargs="+", default=[4, 8, 16, 32])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cpu-time", action="store_true")
    options = parser.parse_args(arguments)
    now = time.process_time if options.cpu_time else time.perf_counter

    plain = make_networks(options.networks)
    members = [Member(copy.deepcopy(network), "warp") for network in plain]
    common = unpack(pack(members), ["warp"] * len(members), CLASSES)
    for member in (*members, *common):
        member.model.eval().to(memory_format=torch.channels_last)
    image = read_image(options.photo)
    boxes = make_boxes(options.boxes, *image.shape[:2])
    costs = batch_costs(members[0].model, options.batches, now)
    batch = min(costs, key=lambda size: costs[size])
    pipelines: dict[str, Callable[[], object]] = {
        "(a) warp mode": lambda: ours(members, image, boxes),
        "(a') first layers in common": lambda: ours(common, image, boxes),
        f"(b) by hand, {NAIVE_BATCH} a pass": lambda: naive(plain, image, boxes),
        "(c) by hand, our norm": lambda: naive(plain, image, boxes, own_norm=True),
        "  crops of (a)": lambda: warp(image, boxes, batch),
        "  crops of (b), (c)": lambda: [cut_by_hand(image, box) for box in boxes],
    }
    seconds = {name: float("inf") for name in pipelines}
    for _ in range(options.rounds):
        for name, pipeline in pipelines.items():
            seconds[name] = min(seconds[name], clock(pipeline, now))

    kind = "processor" if options.cpu_time else "clock"
    title = f"{len(boxes)} boxes, {len(plain)} networks, {torch.get_num_threads()} threads, {kind}"
    table = Table("pipeline", "s", "ms per crop and network", title=title)
    for name, value in seconds.items():
        cost = 1e3 * value / len(boxes) / len(plain)
        table.add_row(name, f"{value:.2f}", f"{cost:.2f}")
    for size, cost in costs.items():
        table.add_row(f"  a network, {size} a pass", "", f"{cost:.2f}")
    a, common_a, b, c = list(seconds.values())[:4]
    table.add_row("ratio b / a, c / a", f"{b / a:.2f}, {c / a:.2f}", "")
    table.add_row("ratio b / a', c / a'", f"{b / common_a:.2f}, {c / common_a:.2f}", "")
    Console().print(table)


if __name__ == "__main__":
    main()
