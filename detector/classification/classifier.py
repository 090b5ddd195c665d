"""Classify whole pictures: softmax averaged over crops and over networks (section 7)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detector.classification.class_folder import ClassFolder
from detector.classification.multi_crop import WINDOW, multi_crop
from detector.errors import DetectorError
from detector.files.names import printable
from detector.loading import choose_device
from detector.networks.googlenet import GoogLeNet, preprocess
from detector.networks.precision import mixed_precision
from detector.weights_file import CLASSIFIER_BIAS, IMAGENET_WEIGHTS, load_imagenet, load_tensors


@dataclass(frozen=True)
class Classifier:
    """One or more GoogLeNets of the same classes.

    Attributes
    ----------
    networks
        Networks on `device`, in evaluation mode.
    class_names
        One name for each output of the networks.
    other_names
        ImageNet's synsets ("n02124075"), after which its folders are named; otherwise empty.
    side
        Side of the crops in pixels.
    """

    networks: tuple[GoogLeNet, ...]
    class_names: tuple[str, ...]
    other_names: tuple[str, ...]
    side: int
    device: torch.device

    @property
    def crops_per_pass(self) -> int:
        """Limits the memory of a pass: two pictures of 144 crops on a GPU."""
        return 288 if self.device.type == "cuda" else 24

    def __call__(self, images: Sequence[NDArray[np.uint8]], crops: int = 1) -> NDArray[np.float32]:
        """Pictures (H, W, 3) -> probabilities (len(images), classes) with rows of sum 1."""
        return self.average(torch.cat([multi_crop(i, crops, self.side) for i in images]), crops)

    @torch.no_grad()
    def average(self, windows: Tensor, crops: int) -> NDArray[np.float32]:
        """(pictures x crops, 3, side, side) uint8 -> probabilities (pictures, classes)."""
        total = torch.zeros(len(windows) // crops, len(self.class_names), device=self.device)
        pieces = windows.split(self.crops_per_pass)
        for network in self.networks:
            predictions = []
            with mixed_precision(self.device):  # one block, so that weights are cast once
                for piece in pieces:
                    pixels = preprocess(piece.to(self.device))
                    logits = network(pixels.contiguous(memory_format=torch.channels_last))
                    predictions.append(logits.float().softmax(1))
            total += torch.cat(predictions).unflatten(0, (-1, crops)).mean(1)
        averaged: NDArray[np.float32] = (total / len(self.networks)).cpu().numpy()
        return averaged

    def columns(self, folder: ClassFolder) -> NDArray[np.int64]:
        """For each class of a folder, the column of its probability.

        A folder's classes may be called by the names of the classes, by the part of these before a
        comma, or by synsets.

        Raises
        ------
        DetectorError
            A class that the networks do not have.
        """
        known = {name.split(",")[0]: column for column, name in enumerate(self.class_names)}
        for names in (self.other_names, self.class_names):
            known |= {name: column for column, name in enumerate(names)}
        for name in folder.class_names:
            if name not in known:
                raise DetectorError(
                    f"{printable(folder.root / name)}: no class of that name among the "
                    f"{len(self.class_names)} the network knows ({self.class_names[0]}, ...); "
                    "rename the folder or give other --weights"
                )
        return np.array([known[name] for name in folder.class_names], np.int64)


def load_classifier(
    paths: Sequence[Path] = (IMAGENET_WEIGHTS,), device: str | torch.device | None = None
) -> Classifier:
    """Load networks that `detect pretrain` trained, or the bundled ImageNet weights.

    Raises
    ------
    DetectorError
        An unreadable file, or one without a classifier; networks of different classes.
    """
    chosen = choose_device(device)
    networks, described = [], []
    for path in paths:
        path = path / "weights.safetensors" if path.is_dir() else path
        tensors, metadata = load_tensors(path)
        outputs = len(tensors.get(CLASSIFIER_BIAS, ()))
        about = _describe(metadata)
        if not outputs or outputs != len(about[0]):
            raise DetectorError(
                f"{printable(path)}: has no classifier with class names; give weights made "
                "by `detect pretrain`"
            )
        described.append(about)
        if about != described[0]:
            raise DetectorError(
                f"{printable(path)}: its classes or its crop size differ from those of "
                f"{printable(paths[0])}; average networks of the same classes and crop size"
            )
        network = GoogLeNet(outputs)
        load_imagenet(network, path)
        networks.append(network.to(chosen, memory_format=torch.channels_last).eval())  # type: ignore[call-overload]
    return Classifier(tuple(networks), *described[0], chosen)


def _describe(metadata: dict[str, str]) -> tuple[tuple[str, ...], tuple[str, ...], int]:
    """Class names, synsets and side of the crops; no names if the metadata are of another kind."""
    try:
        names = tuple(map(str, json.loads(metadata["class_names"])))
        other = tuple(map(str, json.loads(metadata.get("synsets", "[]"))))
        return names, other, int(metadata.get("crop_side", WINDOW))
    except (KeyError, TypeError, ValueError):
        return (), (), WINDOW
