"""Options that several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from detector.class_names import find_classes
from detector.commands.shared.values import (
    amount,
    count,
    device,
    existing,
    folder,
    names,
    recipe,
    setting,
)
from detector.errors import DetectorError, UsageError

ENGINES = ("auto", "torch", "openvino")
MODES = ("single", "fast", "rcnn-fast", "quality")  # of selective search
FORMATS = ("coco", "yolo", "voc", "csv", "label-studio")  # of boxes that are written


def add_detector(parser: argparse._ActionsContainer) -> None:
    """The options that choose a detector: --recipe, --weights, --set, --device, --engine."""
    add = parser.add_argument
    add(
        "--recipe", type=recipe, metavar="NAME|YAML",
        help="settings of the detector (default: pair, the most accurate; voc20 is faster; both "
        "know the 20 classes of PASCAL VOC)",
    )  # fmt: skip
    add(
        "--weights", type=existing, metavar="FILE",
        help="a .safetensors file, or a run folder of `detect train`",
    )  # fmt: skip
    add_settings(parser)
    add_device(parser)
    add(
        "--engine", choices=ENGINES,
        help="what computes the networks; openvino is for CPUs (default: auto, which is torch)",
    )  # fmt: skip


def add_device(parser: argparse._ActionsContainer) -> None:
    """Where the networks run."""
    parser.add_argument(
        "--device", type=device, metavar="DEVICE",
        help="cpu, cuda, cuda:1 or mps (default: CUDA if available)",
    )  # fmt: skip


def add_settings(parser: argparse._ActionsContainer) -> None:
    """Single values of the recipe."""
    parser.add_argument(
        "--set", dest="settings", type=setting, action="append", default=[], metavar="KEY=VALUE",
        help="override a value of the recipe, such as network.mirror=true; may be repeated",
    )  # fmt: skip


def add_classes(parser: argparse._ActionsContainer, verb: str) -> None:
    """Which classes take part; `labels_of` finds them."""
    parser.add_argument(
        "--classes", type=names, action="extend", metavar="NAME,NAME",
        help=f"{verb} objects of these classes only",
    )  # fmt: skip


def labels_of(classes: Sequence[str], known: Sequence[str]) -> list[int]:
    """The labels of --classes among the names of a detector or a data set."""
    try:
        return find_classes(classes, known)
    except DetectorError as error:
        raise UsageError(f"--classes: {error}") from None


def add_part_of_data(parser: argparse._ActionsContainer) -> None:
    """Which part of a data set, and where its pictures are."""
    add = parser.add_argument
    add("--split", metavar="NAME", help="part of a data set folder: test, val, ...")
    add("--images", type=folder, metavar="DIR", help="its pictures (default: in or beside --data)")


def add_names(parser: argparse._ActionsContainer) -> None:
    """What the class numbers of results mean."""
    parser.add_argument(
        "--names", type=existing, metavar="FILE",
        help="what the class numbers of results mean, from 0: data.yaml, or a text file with one "
        "name per line (default: ids of the ground truth; in YOLO results, classes.txt beside "
        "them, or the order of the ground truth)",
    )  # fmt: skip


def add_skip_unlisted(parser: argparse._ActionsContainer) -> None:
    """Whether records on what is not listed are left out."""
    parser.add_argument(
        "--skip-unlisted", action="store_true",
        help="leave out and count annotations and detections on images or of classes that are not "
        "listed, as for results of a whole data set on a part of it",
    )  # fmt: skip


def add_voc_corners(parser: argparse._ActionsContainer) -> None:
    """How the corners of VOC XML count."""
    parser.add_argument(
        "--voc-corners", choices=("inclusive", "continuous"),
        help="how VOC XML counts: whole pixels from 1, the last one included, or continuously from "
        "0, as CVAT, VoTT and FiftyOne write (default: inclusive)",
    )  # fmt: skip


def add_text_boxes(parser: argparse._ActionsContainer) -> None:
    """What the numbers of text files with the class first mean."""
    parser.add_argument(
        "--text-boxes", choices=("corners", "sides"),
        help="what the four numbers in text files of ground truth mean that name the class first: "
        "corners, or x, y, width, height (default: what the numbers themselves show)",
    )  # fmt: skip


def add_machine(parser: argparse.ArgumentParser, *, trains_detector: bool) -> None:
    """The settings of the machine, which are not in a recipe: the fields of `Machine`."""
    add = parser.add_argument
    add(
        "--precision", choices=("auto", "bf16", "fp32"),
        help="number format (default: auto, which is bf16 if the device computes in it)",
    )  # fmt: skip
    add(
        "--checkpoint-minutes", type=amount, metavar="N",
        help="time between two checkpoints (default: 5)",
    )  # fmt: skip
    add(
        "--crops-per-pass", type=count, metavar="N",
        help="crops in one forward and backward pass: fewer need less memory (default: 32)",
    )  # fmt: skip
    if trains_detector:
        add(
            "--images-per-pass", type=count, metavar="N",
            help="photographs in one pass of shared mode (default: those of a step that share a "
            "scale)",
        )  # fmt: skip
        add(
            "--memory-gb", type=amount, metavar="N",
            help="limit of the decoded photographs that warp mode keeps in memory (default: 4)",
        )  # fmt: skip


def given(**options: Any) -> dict[str, Any]:
    """The options that the command line names; the others are None and keep their defaults."""
    return {name: value for name, value in options.items() if value is not None}
