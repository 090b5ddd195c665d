"""The types of option values, which refuse a wrong value while the command line is parsed.

The files that options name are looked for here too, before any heavy package is imported.
"""

from __future__ import annotations

import argparse
import glob
import math
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from detector.errors import DetectorError
from detector.files.names import expand_home, fault_of, printable
from detector.files.whole_files import check_folder, check_writable

T = TypeVar("T")

# int() and float() also accept the digits of other scripts, and underscores between digits.
INTEGER = re.compile(r"[+-]?[0-9]+")
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
DEVICE = re.compile(r"cpu|mps|cuda(:[0-9]{1,4})?")


def wrong(message: str) -> argparse.ArgumentTypeError:
    """The exception whose message argparse prints after the name of the option."""
    return argparse.ArgumentTypeError(message)


def value_type(check: Callable[[str], T]) -> Callable[[str], T]:
    """Decorator: let argparse print the message of a DetectorError, which it would replace."""

    def checked(text: str) -> T:
        try:
            return check(text)
        except DetectorError as error:
            raise wrong(str(error)) from None

    return checked


def path(text: str) -> Path:
    """Any path; `~` at its beginning means the home folder, unless a file has that very name."""
    if not text.strip():
        raise wrong(f"{text!r} is no path")
    return Path(expand_home(text))


def existing(text: str) -> Path:
    """A file or a folder that is there."""
    place = path(text)
    if fault := fault_of(place):
        raise wrong(f"{printable(place)}: {fault}")
    return place


def folder(text: str) -> Path:
    """A folder that is there."""
    place = existing(text)
    if place.is_file():
        raise wrong(f"{printable(place)}: a file, not a folder; name the folder")
    return place


def existing_or_pattern(text: str) -> Path:
    """A file or a folder that is there, or a glob pattern that matches some."""
    if glob.has_magic(text) and glob.glob(expand_home(text)):
        return path(text)
    return existing(text)


@value_type
def output_file(text: str) -> Path:
    """A file that can be written."""
    place = path(text)
    check_writable(place)
    return place


@value_type
def output_folder(text: str) -> Path:
    """A folder that can be written or created."""
    place = path(text)
    check_folder(place)
    return place


def output_or_dash(text: str) -> str:
    """A file that can be written, or "-" for standard output."""
    return text if text == "-" else str(output_file(text))


@value_type
def recipe(text: str) -> str:
    """The name of a recipe that ships, or the path of a YAML file that holds a recipe."""
    from detector.recipes import load_recipe

    name = text if Path(text).suffix not in (".yaml", ".yml") else str(existing(text))
    load_recipe(name)
    return name


@value_type
def setting(text: str) -> str:
    """KEY=VALUE, where some recipe could have that value."""
    from detector.recipes import check_setting

    check_setting(text)
    return text


def device(text: str) -> str:
    """A device that some machine has; torch checks later whether this one has it."""
    if not DEVICE.fullmatch(text):
        raise wrong(f"{printable(text)} is no device; use cpu, cuda, cuda:1 or mps")
    if text == "mps" and sys.platform != "darwin":
        raise wrong("mps is the GPU of an Apple computer, which this is not; use cpu or cuda")
    return text


def integer(text: str) -> int:
    """An integer."""
    if INTEGER.fullmatch(text):
        return int(text)
    raise wrong(f"{printable(text)} is not an integer")


def number(text: str) -> float:
    """A finite number."""
    if NUMBER.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    raise wrong(f"{printable(text)} is not a number")


def count(text: str) -> int:
    """An integer of at least 1."""
    if INTEGER.fullmatch(text) and int(text) >= 1:
        return int(text)
    raise wrong(f"{printable(text)} is not an integer of at least 1")


def amount(text: str) -> float:
    """A number of at least 0."""
    if NUMBER.fullmatch(text) and 0 <= float(text) < math.inf:
        return float(text)
    raise wrong(f"{printable(text)} is not a number of at least 0")


def fraction(text: str) -> float:
    """A number from 0 to 1."""
    if NUMBER.fullmatch(text) and 0 <= float(text) <= 1:
        return float(text)
    raise wrong(f"{printable(text)} is not between 0 and 1")


def names(text: str) -> tuple[str, ...]:
    """Names separated by commas."""
    found = tuple(name.strip() for name in text.split(","))
    if all(found):
        return found
    raise wrong(f"{text!r} is not a list of names separated by commas")


def iou_thresholds(text: str) -> tuple[float, ...]:
    """One IoU, several separated by commas, or a range: FROM:TO:STEP, or FROM:STEP:TO as COCO's."""
    parts = text.split(":")
    if len(parts) == 1:
        return tuple(sorted({fraction(part) for part in text.split(",")}))
    if len(parts) > 3:
        raise wrong(f"{printable(text)} is no range; write FROM:TO:STEP, such as 0.5:0.95:0.05")
    first, *others = (fraction(part) for part in parts)
    last, step = max(others), min(others) if len(others) > 1 else 0.05
    steps = round((last - first) / step) if step else 0
    if last < first or not step or abs(first + steps * step - last) > 1e-9:
        raise wrong(f"{printable(text)}: no whole number of steps leads from the first to the last")
    if steps > 63:
        raise wrong(f"{printable(text)}: more than 64 thresholds; take longer steps")
    # As numpy.linspace divides COCO's range, to the last bit
    return (*(first + i * ((last - first) / steps) for i in range(steps)), last)


def limits(text: str) -> tuple[int, ...]:
    """Integers of at least 1 separated by commas."""
    return tuple(count(part) for part in text.split(","))


def area_ranges(text: str) -> dict[str, tuple[float, float]]:
    """NAME=FROM:TO, separated by commas; without TO, everything above."""
    ranges = {}
    for part in text.split(","):
        name, _, bounds = part.partition("=")
        low, is_range, high = bounds.partition(":")
        if not name.strip() or not is_range:
            raise wrong(f"{printable(part)!r} is not NAME=FROM:TO, in square pixels")
        pair = amount(low), amount(high) if high else 1e10
        if pair[0] > pair[1]:
            raise wrong(f"{printable(part)!r} ends before it begins")
        if name.strip() in ranges:
            raise wrong(f"{name.strip()!r} comes twice")
        ranges[name.strip()] = pair
    return ranges


def score_thresholds(text: str) -> tuple[Path, dict[str, float]]:
    """A file of score thresholds by class, and its content."""
    from eval import EvaluationError, read_thresholds

    place = existing(text)
    try:
        return place, read_thresholds(place)
    except EvaluationError as error:
        raise wrong(str(error)) from None
