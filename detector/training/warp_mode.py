"""Fine-tuning in warp mode, as in R-CNN: a step learns from windows of all photographs.

A step is 128 windows, 32 of them objects (arXiv 1311.2524, section 2.3), each warped to 224x224
and sent through the whole network. The side classifiers' losses have the weight 0.3 (GoogLeNet
paper, section 5). A part holds boxes instead of pixels: the device that trains cuts the crops.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from detector.errors import DetectorError
from detector.networks.googlenet import MEAN_BGR
from detector.networks.regions import DELTA_SCALE, RegionClassifier
from detector.networks.warp import make_atlas, warp_regions
from detector.recipes import NetworkOptions, TrainingOptions
from detector.training.photograph_store import PhotographStore
from detector.training.photographs import Photographs
from detector.training.region_sampling import draw_windows, sort_windows
from detector.training_loop.machine import DEFAULT_MACHINE, Machine
from detector.training_loop.photometric import MIRRORED, random_matrix
from detector.training_loop.trainer import PartLosses
from proposals.boxes import encode_boxes

INTERPOLATIONS = ("bilinear", "bicubic", "nearest")  # halving averages over areas already


class Part(NamedTuple):
    """R windows of one pass, with the labels and deltas that the network should predict."""

    photographs: list[int]  # P numbers in the store
    pixels: dict[int, Tensor]  # by number, of the photographs that the store does not hold
    photograph: NDArray[np.int64]  # (R,) rows of `photographs`
    boxes_xyxy: NDArray[np.float32]  # (R, 4)
    labels: NDArray[np.int64]  # (R,), 0 = background
    deltas: NDArray[np.float32]  # (R, 4) over DELTA_SCALE, of the mirrored crop where it is one
    mirrored: NDArray[np.bool_]  # (R,)
    colours: NDArray[np.float32] | None  # (R, 3, 4) of `random_matrix`
    interpolation: str


def passes_per_step(options: TrainingOptions, machine: Machine) -> int:
    """Parts of a step, whose windows go through the network `crops_per_pass` at a time."""
    windows = options.loop.images_per_step * options.regions_per_image
    return -(-windows // machine.crops_per_pass)


class WindowSteps:
    """The windows of a run in warp mode.

    Parameters
    ----------
    photographs
        The data set with its proposals, which the true boxes join, as in R-CNN.
    images
        Indices of the photographs to learn from.
    network
        `long_side` limits the photographs that crops are cut from, `padding` surrounds each crop.
    options
        A step is `images_per_step` * `regions_per_image` windows; there are as many steps as in
        shared mode.
    device
        Where crops are cut and photographs are held.

    Raises
    ------
    DetectorError
        No object to learn from.
    """

    def __init__(
        self,
        photographs: Photographs,
        images: Sequence[int],
        network: NetworkOptions,
        options: TrainingOptions,
        device: torch.device,
        machine: Machine = DEFAULT_MACHINE,
    ) -> None:
        self.photographs, self.images, self.options = photographs, images, options
        self.padding, self.seed = network.padding, options.loop.seed
        self.windows_per_step = options.loop.images_per_step * options.regions_per_image
        self.parts_per_step = passes_per_step(options, machine)
        truths = [photographs.truths(index) for index in images]
        boxes = [
            np.concatenate([objects.boxes_xyxy[~objects.ignored], photographs.proposals[index]])
            for index, objects in zip(images, truths, strict=True)
        ]
        self.windows = sort_windows(boxes, truths)
        if not len(self.windows.labels):
            raise DetectorError(
                f"{photographs.dataset.source}: no object to learn from in {len(images)} "
                "photographs; add annotations that are neither difficult nor crowds"
            )
        records = [photographs.dataset.images[index] for index in images]
        self.store = PhotographStore(
            [photographs.folder / record.file_name for record in records],
            [(record.height, record.width) for record in records],
            network.long_side,
            machine.memory_gb,
            device,
        )

    def __len__(self) -> int:
        loop = self.options.loop
        return int(len(self.images) * loop.epochs) // loop.images_per_step

    def fingerprint(self) -> str:
        """Digest of these windows."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        dataset, windows = self.photographs.dataset, self.windows
        about = (dataset.class_names, dataset.images, list(self.images), len(self))
        digest = hashlib.sha256(repr(about).encode())
        arrays = (windows.foreground, windows.labels, windows.targets_xyxy)
        for array in (*arrays, *windows.boxes_xyxy, *windows.background):
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def part(self, step: int, place: int) -> Part:
        """The windows of one pass; those of one photograph are neighbours."""
        options = self.options
        rng = np.random.default_rng([self.seed, 5, step])
        drawn = draw_windows(self.windows, self.windows_per_step, options, rng)
        order = np.argsort(drawn.photograph, kind="stable")
        rows = np.array_split(order, self.parts_per_step)[place]

        rng = np.random.default_rng([self.seed, 6, step, place])
        boxes, labels = drawn.boxes_xyxy[rows], drawn.labels[rows]
        targets = drawn.targets_xyxy[rows]
        deltas = np.zeros_like(boxes)
        objects = labels > 0
        deltas[objects] = encode_boxes(boxes[objects], targets[objects]) / DELTA_SCALE
        mirrored = rng.random(len(rows)) < MIRRORED
        deltas[mirrored, 0] *= -1
        colours = None
        if options.photometric:
            mean = MEAN_BGR[::-1]
            colours = np.stack([random_matrix(mean, rng) for _ in rows]).astype(np.float32)
        interpolation = INTERPOLATIONS[0]
        if options.random_interpolation:
            interpolation = INTERPOLATIONS[rng.integers(len(INTERPOLATIONS))]

        used, photograph = np.unique(drawn.photograph[rows], return_inverse=True)
        numbers = used.tolist()
        pixels = {n: self.store.read(n) for n in numbers if not self.store.holds(n)}
        boxes = boxes * self.store.factors[drawn.photograph[rows]]
        return Part(
            numbers, pixels, photograph, boxes, labels, deltas, mirrored, colours, interpolation
        )


def part_crops(part: Part, store: PhotographStore, padding: int, device: torch.device) -> Tensor:
    """Cut a part's crops (R, 3, 224, 224) on the device."""
    images = [
        part.pixels[number].to(device) if number in part.pixels else store.get(number)
        for number in part.photographs
    ]
    return warp_regions(
        make_atlas(images, padding),
        torch.from_numpy(part.boxes_xyxy).to(device),
        torch.from_numpy(part.photograph).to(device),
        torch.from_numpy(part.mirrored).to(device),
        colours=None if part.colours is None else torch.from_numpy(part.colours).to(device),
        padding=padding,
        interpolation=part.interpolation,
    )


def window_losses(steps: WindowSteps) -> PartLosses:
    """The losses of a part's windows, in the form that the training loop calls."""
    options = steps.options
    # Mean number of windows in a part, by which the sums over a part are divided: parts differ in
    # size, but every window of a step must have the same weight
    mean_count = steps.windows_per_step / steps.parts_per_step

    def losses(model: RegionClassifier, part: Part, device: torch.device) -> dict[str, Tensor]:
        with torch.no_grad(), torch.autocast(device.type, enabled=False):  # exact colours
            crops = part_crops(part, steps.store, steps.padding, device)
        predicted = model.predict_crops(crops)
        labels = torch.from_numpy(part.labels).to(device)

        def class_loss(logits: Tensor) -> Tensor:
            smoothing = options.label_smoothing
            total = F.cross_entropy(
                logits.float(), labels, reduction="sum", label_smoothing=smoothing
            )
            return total / mean_count

        losses_by_name = {"classes": class_loss(predicted.logits)}
        if options.box_regression:
            foreground = labels.nonzero()[:, 0]
            error = F.smooth_l1_loss(
                predicted.deltas.float()[foreground, labels[foreground] - 1],
                torch.from_numpy(part.deltas).to(device)[foreground],
                reduction="sum",
            )
            losses_by_name["boxes"] = options.box_weight * error / mean_count
        if predicted.auxiliary:
            sides = torch.stack([class_loss(logits) for logits in predicted.auxiliary])
            losses_by_name["auxiliary"] = options.auxiliary_weight * sides.sum()
        return losses_by_name

    return losses


def without_regression(model: RegionClassifier) -> None:
    """Leave every box the proposal it is: all deltas are 0 and the layer is frozen."""
    for parameter in model.regressor.parameters():
        torch.nn.init.zeros_(parameter)
        parameter.requires_grad_(False)
