"""Options that several commands share, and the types of option values."""

from __future__ import annotations

import argparse
import contextlib
import math
from pathlib import Path
from typing import Any

MODES = ("single", "fast", "rcnn-fast", "quality")  # of selective search


def add_detector(parser: argparse.ArgumentParser) -> None:
    """The options that choose a detector: --recipe, --weights, --set, --device."""
    add = parser.add_argument
    add(
        "--recipe", metavar="NAME|YAML",
        help="settings of the detector (default: pair, the most accurate; voc20 is faster)",
    )  # fmt: skip
    add(
        "--weights", type=Path, metavar="FILE",
        help="a .safetensors file, or a run folder of `detect train`",
    )  # fmt: skip
    add_settings(parser)
    add_device(parser)


def add_device(parser: argparse.ArgumentParser) -> None:
    """Where the networks run."""
    parser.add_argument(
        "--device", metavar="DEVICE", help="cpu, cuda or cuda:1 (default: CUDA if available)"
    )


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Single values of the recipe."""
    parser.add_argument(
        "--set", dest="settings", action="append", default=[], metavar="KEY=VALUE",
        help="override a value of the recipe, such as network.mirror=true; may be repeated",
    )  # fmt: skip


def add_part_of_data(parser: argparse.ArgumentParser) -> None:
    """Which part of a data set, and where its pictures are."""
    add = parser.add_argument
    add("--split", metavar="NAME", help="part of a data set folder: test, val, ...")
    add("--images", type=Path, metavar="DIR", help="its pictures (default: in or beside --data)")


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


def fraction(text: str) -> float:
    """A number from 0 to 1."""
    with contextlib.suppress(ValueError):
        if 0 <= float(text) <= 1:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")


def names(text: str) -> tuple[str, ...]:
    """Names separated by commas."""
    found = tuple(name.strip() for name in text.split(","))
    if all(found):
        return found
    raise argparse.ArgumentTypeError(f"{text!r} is not a list of names separated by commas")


def count(text: str) -> int:
    """An integer of at least 1."""
    with contextlib.suppress(ValueError):
        if int(text) >= 1:
            return int(text)
    raise argparse.ArgumentTypeError(f"{text} is not an integer of at least 1")


def amount(text: str) -> float:
    """A number of at least 0."""
    with contextlib.suppress(ValueError):
        if 0 <= float(text) < math.inf:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text} is not a number of at least 0")
