"""`detect quantize`: weights whose networks OpenVINO computes in 8-bit integers."""

from __future__ import annotations

import argparse
import random
from typing import TYPE_CHECKING

from detector.commands.shared.values import count, existing, folder, output_file
from detector.console import notify, show, track
from detector.errors import DetectorError
from detector.extras import require
from detector.files.names import printable

if TYPE_CHECKING:
    from pathlib import Path

    from detector import Detector
    from eval import Dataset

HELP = "prepare a detector for 8-bit integers, with --engine openvino"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `detect quantize`."""
    add = parser.add_argument
    add("detector", metavar="RUN", help="run folder, weights file or recipe of the detector")
    add(
        "--data", type=existing, required=True, metavar="JSON|DIR",
        help="the data set it was trained on, in any format of `detect train`",
    )  # fmt: skip
    add("--images", type=folder, metavar="DIR", help="its pictures (default: in or beside --data)")
    add("--split", metavar="NAME", help="part of a data set folder (default: trainval, or train)")
    add(
        "-o", "--output", type=output_file, required=True, metavar="FILE",
        help="weights file to write, FILE.safetensors",
    )  # fmt: skip
    add(
        "--photographs", type=count, default=40, metavar="N",
        help="photographs by which the ranges of activations are measured (default: 40)",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Write the weights, and print the mAP before and after on photographs not trained on."""
    require("detect", "detect quantize")
    require("openvino", "detect quantize")
    from detector import Detector
    from detector.pictures.dataset_folder import find_image_folder
    from detector.training.job import read_training_data
    from detector.training_loop.splits import SPLIT_SEED, split_validation

    output = arguments.output
    if output.suffix != ".safetensors":
        raise DetectorError(f"{printable(output)}: weights are FILE.safetensors; name it so")
    detector = Detector.load(arguments.detector, device="cpu", engine="torch")
    dataset = read_training_data(arguments.data, arguments.split)
    if dataset.class_names != detector.class_names:
        raise DetectorError(
            f"{printable(arguments.data)}: has other classes than the detector; name the data set "
            "that it was trained on"
        )
    images = arguments.images or find_image_folder(arguments.data, dataset)
    learned, held_out = split_validation(
        dataset, detector.recipe.training.validation_fraction, SPLIT_SEED
    )
    chosen = random.Random(SPLIT_SEED).sample(learned, min(len(learned), arguments.photographs))
    _quantise(detector, [images / dataset.images[index].file_name for index in chosen])
    detector.save(output)
    show(f"weights: {printable(output)}")
    if not held_out:
        notify("no photographs are held out of training, so mAP is not measured")
        return 0
    held = f"{len(held_out)} photograph{'' if len(held_out) == 1 else 's'} held out of training"
    for title, name in (("float", arguments.detector), ("8-bit", output)):
        compiled = Detector.load(name, device="cpu", engine="openvino")
        show(f"{title}: mAP {_map(compiled, dataset, images, held_out):.3f} on {held}")
    return 0


def _quantise(detector: Detector, photographs: list[Path]) -> None:
    from detector.networks.quantisation import measured_ranges

    with measured_ranges(member.model.network for member in detector.members):
        for path in track(photographs, "measuring ranges", len(photographs)):
            detector(path, preset="evaluate")


def _map(detector: Detector, dataset: Dataset, images: Path, chosen: list[int]) -> float:
    from rich.console import Console

    from detector.training.validation import validate

    figures = validate(detector, dataset, images, chosen, Console(quiet=True))
    return figures.get("validation_mAP50", float("nan"))
