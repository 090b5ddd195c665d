"""Words of the command line as values, and the options that many commands have."""

from __future__ import annotations

import argparse
import contextlib


def add_device(parser: argparse.ArgumentParser) -> None:
    """Where networks run."""
    parser.add_argument(
        "--device", metavar="DEVICE", help="cpu, cuda, cuda:1 (default: CUDA where there is one)"
    )


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Single values of the recipe."""
    parser.add_argument(
        "--set", dest="settings", action="append", default=[], metavar="KEY=VALUE",
        help="a value of the recipe, such as network.mirror=true; may be given several times",
    )  # fmt: skip


def fraction(text: str) -> float:
    """A number from 0 to 1."""
    with contextlib.suppress(ValueError):
        if 0 <= float(text) <= 1:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")


def names(text: str) -> tuple[str, ...]:
    """Names with commas between them."""
    found = tuple(name.strip() for name in text.split(","))
    if all(found):
        return found
    raise argparse.ArgumentTypeError(f"{text!r} is not names with commas between them")


def count(text: str) -> int:
    """A whole number, 1 or more."""
    with contextlib.suppress(ValueError):
        if int(text) >= 1:
            return int(text)
    raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
