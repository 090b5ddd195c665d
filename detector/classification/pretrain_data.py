"""The steps of pretraining: random crops of labelled pictures, in an order fixed by the seed."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detector.classification.class_folder import ClassFolder
from detector.classification.training_crops import training_crop
from detector.errors import DetectorError
from detector.pictures.reading import read_image
from detector.recipes import PretrainOptions

UNREADABLE_IN_A_ROW = 100


class Crops(NamedTuple):
    """What one pass learns from."""

    pixels: Tensor  # (N, 3, side, side) uint8
    labels: Tensor  # (N,) int64
    unreadable: tuple[str, ...]  # why pictures were replaced by the next ones, a line each


class CropSteps:
    """Epochs one after another, each in an order of its own, cut into steps and those into parts.

    A step may reach from one epoch into the next, so that few pictures fill large steps.
    """

    def __init__(self, folder: ClassFolder, options: PretrainOptions) -> None:
        self.folder, self.options = folder, options
        most = min(options.images_per_part, options.images_per_step)
        whole = (k for k in range(most, 0, -1) if not options.images_per_step % k)
        self.images_per_part = next(whole)
        if 4 * self.images_per_part < most:  # many small passes take several times as long
            raise DetectorError(
                f"pretrain.images_per_step is {options.images_per_step}; use a multiple of "
                f"pretrain.images_per_part ({options.images_per_part}), or of one not far below"
            )
        self.parts_per_step = options.images_per_step // self.images_per_part
        self._epoch, self._order = -1, np.zeros(0, np.int64)

    def __len__(self) -> int:
        return int(self.options.epochs * len(self.folder)) // self.options.images_per_step

    def fingerprint(self) -> str:
        """Tells this data from any other; its order follows from the recipe."""
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        return self.folder.fingerprint()

    def part(self, step: int, place: int) -> Crops:
        """A crop of each picture that stands at this place of the step."""
        first = step * self.options.images_per_step + place * self.images_per_part
        pixels, labels, unreadable = [], [], []
        for number in range(self.images_per_part):
            image, label, messages = self._read(self.index(first + number))
            rng = np.random.default_rng([self.options.seed, 8, step, place, number])
            crop = training_crop(
                image,
                self.options.crop_side,
                rng,
                photometric=self.options.photometric,
                random_interpolation=self.options.random_interpolation,
            )
            pixels.append(crop)
            labels.append(label)
            unreadable += messages
        windows = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2)
        return Crops(windows, torch.tensor(labels), tuple(unreadable))

    def index(self, position: int) -> int:
        """The picture at a position in the row of all epochs."""
        epoch, place = divmod(position, len(self.folder))
        if epoch != self._epoch:
            rng = np.random.default_rng([self.options.seed, 7, epoch])
            self._epoch, self._order = epoch, rng.permutation(len(self.folder))
        return int(self._order[place])

    def _read(self, index: int) -> tuple[NDArray[np.uint8], int, list[str]]:
        """The picture, or the next in the folder that can be read, and what was wrong."""
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
            f"{len(messages)} pictures in a row cannot be read, the last: {messages[-1]}"
        )
