"""Training examples of shared mode: photographs with proposals and truths, in a seeded order.

A part of a step depends on (seed, step, place) alone, so a continued run learns the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from detector.errors import DetectorError
from detector.networks.pyramid import scaled_pictures
from detector.pictures.dataset_folder import read_photograph
from detector.recipes import NetworkOptions, TrainingOptions
from detector.training.region_sampling import Truths
from detector.training_loop.machine import DEFAULT_MACHINE, Machine
from detector.training_loop.photometric import INTERPOLATIONS, MIRRORED, distort
from detector.training_loop.splits import classes_present
from eval import Dataset
from proposals.boxes import flip_boxes

Floats = NDArray[np.float32]


class Example(NamedTuple):
    """One photograph as the network will see it; boxes in pixels of the photograph itself."""

    images: list[torch.Tensor]  # (3, H, W) uint8, at every scale of the pyramid
    factors: torch.Tensor  # (scales, 4): from the photograph's pixels to theirs
    size: tuple[int, int]  # the photograph's height and width
    boxes_xyxy: Floats
    truths: Truths
    key: tuple[int, int]  # (step, place in the step): seeds the choice of regions


@dataclass(frozen=True)
class Photographs:
    """A data set, the folder of its pictures and the proposals of each picture."""

    dataset: Dataset
    folder: Path
    proposals: Sequence[Floats]

    def read(self, index: int) -> NDArray[np.uint8]:
        """The pixels of a photograph, RGB (H, W, 3); see `read_photograph`."""
        record = self.dataset.images[index]
        return read_photograph(self.folder / record.file_name, (record.height, record.width))

    def truths(self, index: int) -> Truths:
        """Objects of a photograph; labels count from 1, 0 is background."""
        truths = self.dataset.truths(index)
        return Truths(truths.boxes_xyxy.astype(np.float32), truths.labels + 1, truths.ignored)


def image_order(
    photographs: Photographs, images: Sequence[int], options: TrainingOptions
) -> NDArray[np.int64]:
    """Indices of all photographs that the run will see, in order.

    A photograph of rare classes comes max(1, sqrt(threshold / frequency)) times per epoch (repeat
    factor sampling, LVIS, arXiv 1908.03195); the fraction is drawn again for every epoch.
    """
    present = classes_present(photographs.dataset)[np.asarray(images, np.int64)]
    repeats = repeat_factors(present, options.repeat_threshold)
    count, seed = options.loop.epochs, options.loop.seed
    epochs = []
    for epoch in range(int(np.ceil(count))):
        rng = np.random.default_rng([seed, 2, epoch])
        times = np.floor(repeats + rng.random(len(images))).astype(np.int64)
        order = rng.permutation(np.repeat(np.asarray(images, np.int64), times))
        share = min(1.0, count - epoch)
        epochs.append(order[: round(len(order) * share)])
    return np.concatenate(epochs) if epochs else np.zeros(0, np.int64)


def repeat_factors(present: NDArray[np.bool_], threshold: float) -> NDArray[np.float64]:
    """How often each photograph comes in an epoch (N,), by the classes it shows (N, classes)."""
    frequency = np.maximum(present.sum(0) / max(1, len(present)), 1e-12)
    factor = np.maximum(1.0, np.sqrt(threshold / frequency))
    best: NDArray[np.float64] = np.where(present, factor, 1.0).max(1, initial=1.0)
    return best


def images_per_pass(options: TrainingOptions, machine: Machine) -> int:
    """Photographs that go through the network together in shared mode.

    Raises
    ------
    DetectorError
        A step cannot be divided into passes, or into groups of one scale, of that size.
    """
    step, scale = options.loop.images_per_step, options.images_per_scale
    size = machine.images_per_pass or scale
    for name, count in (("training.images_per_scale", scale), ("--images-per-pass", size)):
        if step % count:
            raise DetectorError(
                f"training.images_per_step ({step}): use a multiple of {name} ({count})"
            )
    return size


class StepData:
    """The photographs of a run in shared mode; a part of a step holds those of one pass.

    Raises
    ------
    DetectorError
        A step that cannot be divided evenly.
    """

    def __init__(
        self,
        photographs: Photographs,
        images: Sequence[int],
        network: NetworkOptions,
        options: TrainingOptions,
        machine: Machine = DEFAULT_MACHINE,
    ) -> None:
        self.photographs, self.network, self.options = photographs, network, options
        self.seed, self.images_per_step = options.loop.seed, options.loop.images_per_step
        self.images_per_pass = images_per_pass(options, machine)
        self.parts_per_step = self.images_per_step // self.images_per_pass
        self.order = image_order(photographs, images, options)

    def fingerprint(self) -> str:
        """Digest of this data in this order."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        dataset = self.photographs.dataset
        digest = hashlib.sha256(repr((dataset.class_names, dataset.images)).encode())
        digest.update(self.order.tobytes())
        for index in range(len(dataset)):
            for array in self.photographs.truths(index):
                digest.update(f"{array.shape}".encode() + array.tobytes())
        return digest.hexdigest()

    def __len__(self) -> int:
        return len(self.order) // self.images_per_step

    def part(self, step: int, place: int) -> list[Example]:
        """The photographs of one pass."""
        first = place * self.images_per_pass
        return [self._example(step, first + k) for k in range(self.images_per_pass)]

    def _short_side(self, step: int, place: int) -> int:
        """The short side for a photograph, which its neighbours in the step may share."""
        group = place // self.options.images_per_scale
        rng = np.random.default_rng([self.seed, 7, step, group])
        return int(rng.choice(self.options.short_sides))

    def _example(self, step: int, place: int) -> Example:
        """The photograph at a place of a step, mirrored or not."""
        index = self.order[step * self.images_per_step + place]
        rng = np.random.default_rng([self.seed, 3, step, place])
        photographs = self.photographs
        picture = photographs.read(index)
        truths = photographs.truths(index)
        boxes = np.concatenate([truths.boxes_xyxy[~truths.ignored], photographs.proposals[index]])
        truth_boxes = truths.boxes_xyxy
        if rng.random() < MIRRORED:
            width = picture.shape[1]
            picture = picture[:, ::-1]
            boxes, truth_boxes = flip_boxes(boxes, width), flip_boxes(truth_boxes, width)
        picture = np.ascontiguousarray(picture)
        method = int(rng.choice(INTERPOLATIONS)) if self.options.random_interpolation else None
        short_side = self._short_side(step, place)
        pictures, factors = scaled_pictures(picture, self.network, short_side, method)
        if self.options.photometric:
            light = int(rng.integers(2**31))  # the same for every scale
            pictures = [distort(scaled, np.random.default_rng(light)) for scaled in pictures]
        return Example(
            [torch.from_numpy(scaled).permute(2, 0, 1) for scaled in pictures],
            torch.from_numpy(factors),
            (picture.shape[0], picture.shape[1]),
            boxes,
            truths._replace(boxes_xyxy=truth_boxes),
            (step, place),
        )
