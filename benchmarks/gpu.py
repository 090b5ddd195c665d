"""How fast a device trains and detects, and what share of its matrix rate that is.

    python benchmarks/gpu.py [--device cuda] [--crops 512] [--quick]

The matrix rate is that of large bfloat16 products, measured in the same run. Work is counted from
the layers that ran: 2 operations per multiply-add of convolutions and linear layers, and as many
again for each of the two gradients that a layer had to compute. Normalisation, pooling and making
crops count as no work, though their time counts.

Training goes through the program's own loop, reading and augmentation included, over made-up
photographs of 500 x 375. Detection is what follows the proposals, until probabilities and deltas.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from rich.console import Console
from torch import nn

from detector.networks.ensemble import Member
from detector.networks.precision import mixed_precision
from detector.networks.regions import RegionClassifier
from detector.networks.scoring import predict, predict_objectness, see
from detector.recipes import LoopOptions, NetworkOptions, TrainingOptions
from detector.training.photographs import Photographs, StepData
from detector.training.shared_mode import detector_losses, freeze_until
from detector.training.warp_mode import WindowSteps, window_losses
from detector.training_loop.distributed import Processes
from detector.training_loop.machine import Machine
from detector.training_loop.trainer import Trainer
from detector.weights_file import load_imagenet
from eval import read_dataset


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    matrix: int = 8192  # side
    photographs: int = 64
    height: int = 375
    width: int = 500
    proposals: int = 1400
    networks: int = 6
    crops_per_pass: int = 512  # and per step: 8 photographs' worth
    regions_per_image: int = 64
    steps: int = 30  # timed, after a third as many that are not
    images: int = 5  # detected
    short_sides: tuple[int, ...] = TrainingOptions.short_sides  # of the shared network's input
    short_side: int = NetworkOptions.short_side


QUICK = Size(256, 3, 96, 128, 6, 2, 8, 4, 1, 1, (64,), 64)
CLASSES = 20


@dataclass
class Measured:
    """One row: units done in some seconds, and operations of a unit."""

    name: str
    unit: str
    units: float
    seconds: float
    work: float
    also: str = ""  # another rate

    def share(self, matrix_rate: float) -> float:
        """Of the matrix rate."""
        return self.work * self.units / self.seconds / matrix_rate


def _wait(device: torch.device) -> None:
    """Wait until the device has finished all work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def clock(function: Callable[[], object], device: torch.device) -> float:
    """Seconds of one call, the device's work included."""
    _wait(device)
    started = time.perf_counter()
    function()
    _wait(device)
    return time.perf_counter() - started


def measure_matrix_rate(size: int, device: torch.device) -> float:
    """Operations per second of bfloat16 products of square matrices, the best of ten."""
    a, b = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    a @ b
    return 2.0 * size**3 / min(clock(lambda: a @ b, device) for _ in range(10))


@contextmanager
def counting(model: nn.Module) -> Iterator[list[float]]:
    """Collects the operations of every convolution and linear layer that runs, see above."""
    work: list[float] = []

    def count(layer: Any, inputs: tuple[Any, ...], output: Any) -> None:
        taps = layer.weight[0].numel()  # multiply-adds per value that comes out
        times = 1 + int(layer.weight.requires_grad) + int(inputs[0].requires_grad)
        work.append(2.0 * taps * output.numel() * (times if torch.is_grad_enabled() else 1))

    layers = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    yield work
    for hook in hooks:
        hook.remove()


def make_photographs(folder: Path, size: Size) -> Photographs:
    """Files with noise, an object each, and random proposals."""
    rng = np.random.default_rng(0)
    document: dict[str, list[dict[str, Any]]] = {
        "images": [], "annotations": [],
        "categories": [{"id": k, "name": f"class {k}"} for k in range(1, CLASSES + 1)],
    }  # fmt: skip
    proposals = []
    for number in range(size.photographs):
        coarse = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{number}.jpg"), cv2.resize(coarse, (size.width, size.height)))
        about = {"id": number, "file_name": f"{number}.jpg"}
        document["images"].append({**about, "height": size.height, "width": size.width})
        box = [size.width / 4, size.height / 4, size.width / 2, size.height / 2]
        label = number % CLASSES + 1
        document["annotations"].append({"image_id": number, "category_id": label, "bbox": box})
        proposals.append(make_boxes(rng, size))
    (folder / "truth.json").write_text(json.dumps(document))
    return Photographs(read_dataset(folder / "truth.json"), folder, proposals)


def make_boxes(rng: np.random.Generator, size: Size) -> np.ndarray:
    """Boxes (proposals, 4) inside a photograph, sides from a tenth of it."""
    whole = np.array([size.width, size.height])
    sides = rng.uniform(0.1, 1, (size.proposals, 2)) * whole
    low = rng.uniform(0, 1, sides.shape) * (whole - sides)
    return np.concatenate([low, low + sides], 1).astype(np.float32)


def make_model(auxiliary: bool = False) -> RegionClassifier:
    """ImageNet weights, an untrained classifier."""
    torch.manual_seed(0)
    model = RegionClassifier(CLASSES, auxiliary)
    load_imagenet(model.network)
    return model


def measure_training(
    mode: str, photographs: Photographs, size: Size, device: torch.device
) -> Measured:
    """Crops (warp) or photographs (shared) per second of the training loop."""
    steps = size.steps + size.steps // 3 + 1
    images_per_step = size.crops_per_pass // size.regions_per_image if mode == "warp" else 2
    images = range(size.photographs)
    epochs = steps * images_per_step / len(images)
    options = TrainingOptions(
        loop=LoopOptions(epochs=epochs, images_per_step=images_per_step),
        regions_per_image=size.regions_per_image,
        images_per_scale=2,
        short_sides=size.short_sides,
        photometric=True,
        repeat_threshold=0.0,
    )
    machine = Machine(checkpoint_minutes=60.0, crops_per_pass=size.crops_per_pass)
    network = NetworkOptions()
    model = make_model(auxiliary=mode == "warp")
    freeze_until(model, options.freeze)
    data: Any
    if mode == "warp":
        data = WindowSteps(photographs, images, network, options, device, machine)
        losses, units, unit = window_losses(data), data.windows_per_step, "crops"
    else:
        data = StepData(photographs, images, network, options, machine)
        losses, units, unit = detector_losses(options), images_per_step, "photographs"
    with tempfile.TemporaryDirectory() as folder:
        processes = Processes(device=device)
        trainer = Trainer(model, data, losses, options.loop, Path(folder), processes, machine)
        model.train()
        with counting(model) as work, mixed_precision(device, training=True):
            losses(model, data.part(0, 0), device)
        run = iter(trainer.run())
        for _ in range(len(data) - size.steps):
            next(run)
        seconds = clock(lambda: [next(run) for _ in range(size.steps)], device)
        next(run, None)  # closes its files before their folder goes
    per_unit = sum(work) * data.parts_per_step / units
    return Measured(f"training, {mode}", unit, units * size.steps, seconds, per_unit)


def measure_detection(mode: str, networks: int, size: Size, device: torch.device) -> Measured:
    """Photographs per second, given their proposals: probabilities and deltas of the regions.

    Warp mode classifies all proposals; shared mode those that its objectness score keeps.
    """
    layout = torch.channels_last
    models = [make_model().eval().to(device, memory_format=layout) for _ in range(networks)]
    members = [Member(model, mode) for model in models]
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (size.height, size.width, 3), dtype=np.uint8)
    boxes = make_boxes(rng, size)
    options = NetworkOptions(short_side=size.short_side, mode=mode)

    def detect() -> None:
        features, kept = see(members, image, options, device), boxes
        if mode == "shared":
            kept = boxes[np.argsort(-predict_objectness(features, boxes))[: options.keep]]
        predict(features.readers, features, kept)

    with ExitStack() as stack:
        works = [stack.enter_context(counting(model)) for model in models]
        detect()
    seconds = clock(lambda: [detect() for _ in range(size.images)], device)
    name = f"detection, {mode} x {networks}, {len(boxes)} proposals"
    work = sum(map(sum, works))
    crops = f"{len(boxes) * networks * size.images / seconds:,.0f} crops" if mode == "warp" else ""
    return Measured(name, "photographs", size.images, seconds, work, crops)


def main(arguments: list[str] | None = None) -> None:
    """Print a line for everything measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--crops", type=int, help="of a pass, and of a training step")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: shows that it runs")
    options = parser.parse_args(arguments)
    device, size = torch.device(options.device), QUICK if options.quick else Size()
    size = replace(size, crops_per_pass=options.crops or size.crops_per_pass)

    rate = measure_matrix_rate(size.matrix, device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "processor"
    console = Console()
    console.print(f"{name}: bfloat16 matrices at {rate / 1e12:.2f} Tflop/s")
    with tempfile.TemporaryDirectory() as folder:
        photographs = make_photographs(Path(folder), size)
        rows: list[Callable[[], Measured]] = [
            partial(measure_training, "warp", photographs, size, device),
            partial(measure_training, "shared", photographs, size, device),
            partial(measure_detection, "warp", size.networks, size, device),
            partial(measure_detection, "shared", 1, size, device),
        ]
        for measure in rows:  # printed one by one, for some take long
            row = measure()
            speed = ", ".join(
                filter(None, [f"{row.units / row.seconds:,.1f} {row.unit}", row.also])
            )
            console.print(
                f"{row.name}: {speed} a second, {row.work / 1e9:.1f} Gflop each, "
                f"{row.share(rate):.1%} of the matrix rate"
            )


if __name__ == "__main__":
    main()
