"""Train MultiBox on a detector's trunk.

The trunk keeps its weights, so every photograph goes through it once. A file in the run folder
keeps the maps that MultiBox needs (1.7 MB a photograph), so an epoch takes seconds.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from torch import Tensor

from detector.console import track
from detector.errors import DetectorError
from detector.networks.googlenet import TRUNK_CHANNELS
from detector.pipeline import Detector
from detector.recipes import LoopOptions
from detector.training.photographs import Photographs
from detector.training_loop.distributed import Processes
from detector.training_loop.machine import Machine
from detector.training_loop.photometric import MIRRORED
from detector.training_loop.run_folder import CHECKPOINT, MULTIBOX
from detector.training_loop.trainer import Trainer, show_training
from proposals.boxes import flip_boxes
from proposals.multibox import MultiBox
from proposals.multibox_loss import assign, multibox_losses, stack
from proposals.multibox_priors import GRIDS, SHAPES, Priors, grid_priors

Floats = NDArray[np.float32]
# Weight of the location loss, whose errors are in units of the priors' deviation; the paper's 0.3
# is for errors in shares of the picture
LOCATION_WEIGHT = 1.0
# Priors that overlap an object by this IoU learn it as well; the paper gives it to one prior
EXTRA_IOU = 0.5
MAPS = "multibox_maps-{}.bin"  # with the digest of the photographs
MAP_BYTES = 2 * GRIDS[0] ** 2 * TRUNK_CHANNELS  # of a photograph


class Batch(NamedTuple):
    """Squashed maps (N, C, G, G) and the targets of their K priors, (N, K) and (N, K, 4)."""

    maps: Tensor
    truth: Tensor
    locations: Tensor


def train_multibox(
    detector: Detector,
    photographs: Photographs,
    images: Sequence[int],
    folder: Path,
    machine: Machine,
    console: Console,
) -> MultiBox:
    """Train heads on the detector's trunk, by its recipe, on some of the photographs.

    An unfinished run in `folder` is continued. `check_multibox` comes before it.
    """
    options = detector.recipe.multibox.loop
    boxes = [_normalised(photographs, index) for index in images]
    priors = grid_priors(np.concatenate([found[~ignored] for found, ignored in boxes]))
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    model = MultiBox(priors, GRIDS, SHAPES)
    steps = MultiBoxSteps(boxes, priors, options)

    def losses(model: MultiBox, batch: Batch, device: torch.device) -> dict[str, Tensor]:
        outputs, logits = model(batch.maps.to(device).float())  # autocast may convert back
        truth, locations = batch.truth.to(device), batch.locations.to(device)
        return multibox_losses(outputs, logits, truth, locations, LOCATION_WEIGHT)

    alone = Processes(device=detector.device)
    trainer = Trainer(model, steps, losses, options, folder, alone, machine)
    path = folder / MAPS.format(_digest(photographs, images))
    if trainer.step < len(steps):
        steps.maps = squashed_maps(detector, model, photographs, images, path, console)
    console.print(f"MultiBox: {len(priors.mean)} priors, {len(steps)} steps")
    show_training(trainer, "MultiBox", console)
    trainer.use_average()
    for maps in folder.glob(MAPS.format("*")):
        maps.unlink()
    return model


def multibox_steps(photographs: int, options: LoopOptions) -> int:
    """Number of steps in a run on so many photographs."""
    size = min(options.images_per_step, max(1, photographs))
    return round(options.epochs * photographs) // size


def check_multibox(photographs: int, options: LoopOptions, folder: Path) -> None:
    """Refuse, before a detector is trained, what would end the training of its MultiBox later.

    Raises
    ------
    DetectorError
        No step of training, or no disk space for the maps.
    """
    if not multibox_steps(photographs, options):
        raise DetectorError(
            f"multibox.epochs is {options.epochs:g}: no step of {options.images_per_step} in "
            f"{photographs} photographs; raise it, or leave MultiBox out by --set multibox.boxes=0"
        )
    made = sum(path.stat().st_size for path in folder.rglob(MAPS.format("*")))
    needed, free = photographs * MAP_BYTES - made, shutil.disk_usage(folder).free
    # A checkpoint is written only after all maps have been
    if needed > free and not (folder / MULTIBOX / CHECKPOINT).exists():
        raise DetectorError(
            f"{folder}: MultiBox's maps of {photographs:,} photographs take {needed / 1e9:.1f} GB, "
            f"and {free / 1e9:.1f} GB are free; choose another --output, or --part detector"
        )


def squashed_maps(
    detector: Detector,
    model: MultiBox,
    photographs: Photographs,
    images: Sequence[int],
    path: Path,
    console: Console,
) -> NDArray[np.int16]:
    """The maps that MultiBox needs of the photographs: (N, G, G, C) bfloat16, as int16, in a file.

    An incomplete file is continued.
    """
    side = model.grids[0]
    shape = (side, side, model.reduce.in_channels)
    record = 2 * side * side * model.reduce.in_channels
    model = model.to(detector.device)
    path.touch()
    with open(path, "r+b") as file:
        done = min(path.stat().st_size // record, len(images))
        file.truncate(done * record)
        file.seek(done * record)
        for index in track(images[done:], "trunk", len(images), done, console):
            picture = photographs.read(index)
            with torch.inference_mode():
                trunk_map = detector.proposer.multibox_features(picture).pyramid.maps[0]
                squashed = model.squash(trunk_map)[0].permute(1, 2, 0)
            cells = squashed.to("cpu", torch.bfloat16).contiguous().view(torch.int16)
            file.write(cells.numpy().tobytes())
    return np.memmap(path, np.int16, "r", shape=(len(images), *shape))


class MultiBoxSteps:
    """Steps of one part each, a batch of maps; the seed decides their order and mirroring.

    A mirrored map takes the place of the map of a mirrored photograph, which saves a second pass of
    the trunk. The two differ, since neither the filters nor the padding of the pools are symmetric,
    but the boxes that are found on the original maps have no bias to either side. Set `maps`,
    (N, G, G, C), before the first part is made.
    """

    maps: NDArray[np.int16]

    def __init__(
        self,
        boxes: Sequence[tuple[Floats, NDArray[np.bool_]]],
        priors: Priors,
        options: LoopOptions,
    ) -> None:
        self.parts_per_step = 1
        self.boxes, self.priors, self.options = boxes, priors, options
        rng = np.random.default_rng([options.seed, 5])
        epochs = [rng.permutation(len(boxes)) for _ in range(int(np.ceil(options.epochs)))]
        order = np.concatenate(epochs) if epochs else np.zeros(0, np.int64)
        self.order = order[: round(options.epochs * len(boxes))]

    def fingerprint(self) -> str:
        """Digest of this data in this order."""
        digest = hashlib.sha256(self.order.tobytes())
        for boxes, ignored in self.boxes:
            digest.update(boxes.tobytes() + ignored.tobytes())
        return digest.hexdigest()

    def __len__(self) -> int:
        return multibox_steps(len(self.boxes), self.options)

    def part(self, step: int, place: int) -> Batch:
        """The batch of a step, its only part."""
        size = min(self.options.images_per_step, len(self.boxes))
        rows = self.order[step * size : (step + 1) * size]
        mirrored = np.random.default_rng([self.options.seed, 6, step]).random(size) < MIRRORED
        maps, targets = [], []
        for row, mirror in zip(rows, mirrored, strict=True):
            cells = torch.from_numpy(np.array(self.maps[row])).view(torch.bfloat16)
            boxes, ignored = self.boxes[row]
            if mirror:
                cells, boxes = cells.flip(1), flip_boxes(boxes, 1.0)
            maps.append(cells)
            targets.append(assign(self.priors, boxes, ignored, EXTRA_IOU))
        return Batch(torch.stack(maps).permute(0, 3, 1, 2), *stack(targets))


def _digest(photographs: Photographs, images: Sequence[int]) -> str:
    """Digest of photographs in their order, without their annotations."""
    records = [photographs.dataset.images[index] for index in images]
    return hashlib.sha256(repr(records).encode()).hexdigest()[:16]


def _normalised(photographs: Photographs, index: int) -> tuple[Floats, NDArray[np.bool_]]:
    """Boxes of a photograph in shares of its sides, and which of them are not learned from."""
    record, truths = photographs.dataset.images[index], photographs.truths(index)
    sides = np.array([record.width, record.height] * 2, np.float32)
    return np.clip(truths.boxes_xyxy / sides, 0, 1), truths.ignored
