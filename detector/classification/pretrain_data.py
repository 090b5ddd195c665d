"""The crops that pretraining learns from, as section 6 draws them, in an order fixed by the seed.

Section 6: patches whose area is distributed evenly between 8 % and 100 % of the picture's, with an
aspect ratio between 3/4 and 4/3; a random interpolation; photometric distortion.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detector.classification.class_folder import ClassFolder
from detector.errors import DetectorError
from detector.pictures.reading import read_image
from detector.recipes import PretrainOptions
from detector.training_loop.machine import DEFAULT_MACHINE, Machine
from detector.training_loop.photometric import INTERPOLATIONS, MIRRORED, distort

AREAS = (0.08, 1.0)  # of the picture's
ASPECTS = (3 / 4, 4 / 3)  # width over height
ATTEMPTS = 10
UNREADABLE_IN_A_ROW = 100


class Crops(NamedTuple):
    """What one pass learns from."""

    pixels: Tensor  # (N, 3, side, side) uint8
    labels: Tensor  # (N,) int64
    unreadable: tuple[str, ...]  # why pictures were replaced by the next ones, a line each


class CropSteps:
    """Epochs one after another, each in an order of its own, cut into steps and those into parts.

    A step may reach from one epoch into the next, so that few pictures fill large steps.

    Raises
    ------
    DetectorError
        A step that can only be divided into many small passes.
    """

    def __init__(
        self, folder: ClassFolder, options: PretrainOptions, machine: Machine = DEFAULT_MACHINE
    ) -> None:
        self.folder, self.side = folder, options.crop_side
        self.epochs, self.seed = options.loop.epochs, options.loop.seed
        self.images_per_step = step = options.loop.images_per_step
        most = min(machine.crops_per_pass, step)
        self.crops_per_pass = next(k for k in range(most, 0, -1) if not step % k)
        if 4 * self.crops_per_pass < most:  # many small passes take several times as long
            raise DetectorError(
                f"images_per_step (--batch) is {step}; use a multiple of --crops-per-pass "
                f"({machine.crops_per_pass}), or of a number not far below it"
            )
        self.parts_per_step = step // self.crops_per_pass
        self._epoch, self._order = -1, np.zeros(0, np.int64)

    def __len__(self) -> int:
        return int(self.epochs * len(self.folder)) // self.images_per_step

    def fingerprint(self) -> str:
        """Digest of this data; its order follows from the recipe."""
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        return self.folder.fingerprint()

    def part(self, step: int, place: int) -> Crops:
        """The crops of one pass, one of each picture in it."""
        first = step * self.images_per_step + place * self.crops_per_pass
        crops, labels, unreadable = [], [], []
        for number in range(self.crops_per_pass):
            image, label, messages = self._read(self.index(first + number))
            rng = np.random.default_rng([self.seed, 8, step, place, number])
            crops.append(distort(random_crop(image, self.side, rng), rng))
            labels.append(label)
            unreadable += messages
        pixels = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2)
        return Crops(pixels, torch.tensor(labels), tuple(unreadable))

    def index(self, position: int) -> int:
        """The picture at a position in the sequence of all epochs."""
        epoch, place = divmod(position, len(self.folder))
        if epoch != self._epoch:
            rng = np.random.default_rng([self.seed, 7, epoch])
            self._epoch, self._order = epoch, rng.permutation(len(self.folder))
        return int(self._order[place])

    def _read(self, index: int) -> tuple[NDArray[np.uint8], int, list[str]]:
        """The picture, or the next readable one of the folder, its label, and what was wrong."""
        messages: list[str] = []
        for step in range(min(UNREADABLE_IN_A_ROW, len(self.folder))):
            candidate = (index + step) % len(self.folder)
            try:
                image = read_image(self.folder.path(candidate))
            except DetectorError as error:
                messages.append(str(error))
            else:
                return image, int(self.folder.labels[candidate]), messages
        raise DetectorError(
            f"{len(messages)} pictures in a row cannot be read; check the disk or remove them "
            f"(the last: {messages[-1]})"
        )


def random_crop(image: NDArray[np.uint8], side: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """One crop of (H, W, 3), scaled to (side, side, 3) and mirrored every second time."""
    height, width = image.shape[:2]
    x1, y1, x2, y2 = draw_crop(height, width, rng)
    patch = np.ascontiguousarray(image[y1:y2, x1:x2])
    method = INTERPOLATIONS[rng.integers(len(INTERPOLATIONS))]
    crop: NDArray[np.uint8] = cv2.resize(patch, (side, side), interpolation=method)
    return np.ascontiguousarray(crop[:, ::-1]) if rng.random() < MIRRORED else crop


def draw_crop(height: int, width: int, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """Edges (x1, y1, x2, y2) of a random crop, whole pixels inside the picture.

    The area is uniform, the aspect ratio uniform in its logarithm, so that wide and tall crops are
    equally likely; sides are rounded. A crop that exceeds the picture is drawn again; after ten of
    them the largest central window of an allowed aspect ratio is taken.
    """
    for _ in range(ATTEMPTS):
        area = rng.uniform(*AREAS) * height * width
        aspect = math.exp(rng.uniform(*np.log(ASPECTS)))
        w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 1 <= w <= width and 1 <= h <= height:
            x1, y1 = int(rng.integers(width - w + 1)), int(rng.integers(height - h + 1))
            return x1, y1, x1 + w, y1 + h
    w = min(width, max(1, round(height * ASPECTS[1])))
    h = min(height, max(1, round(width / ASPECTS[0])))
    x1, y1 = (width - w) // 2, (height - h) // 2
    return x1, y1, x1 + w, y1 + h
