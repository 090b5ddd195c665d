"""Options of the commands that train: the settings of the machine, which are not in a recipe."""

from __future__ import annotations

import argparse
import contextlib
import math
from dataclasses import fields
from typing import TYPE_CHECKING

from detector.commands.options import count

if TYPE_CHECKING:
    from detector.training_loop.machine import Machine


def add_machine(parser: argparse.ArgumentParser, *, trains_detector: bool) -> None:
    """The fields of `Machine`; those that only `detect train` needs for `trains_detector`."""
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


def machine_of(arguments: argparse.Namespace) -> Machine:
    """The machine that the options of `add_machine` describe."""
    from detector.training_loop.machine import Machine

    names = [item.name for item in fields(Machine)]
    given = {name: getattr(arguments, name, None) for name in names}
    return Machine(**{name: value for name, value in given.items() if value is not None})


def amount(text: str) -> float:
    """A number of at least 0."""
    with contextlib.suppress(ValueError):
        if 0 <= float(text) < math.inf:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text} is not a number of at least 0")
