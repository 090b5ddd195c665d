"""Options that several commands share, and the types of option values."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path

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
