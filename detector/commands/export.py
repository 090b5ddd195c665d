"""`detect export`: a detector's networks as ONNX files."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from detector.commands.shared.values import existing, output_folder
from detector.console import status
from detector.extras import require
from detector.files.names import printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HELP = "write a detector's networks as ONNX files, which run without torch"
MADE_UP = (375, 500)  # height and width of the picture that is compared if none is named


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `detect export`."""
    add = parser.add_argument
    add("detector", metavar="RUN", help="a run folder, a weights file, or a recipe's name")
    add(
        "-o", "--output", type=output_folder, required=True, metavar="DIR",
        help="folder of the files",
    )  # fmt: skip
    add(
        "--check", nargs="+", type=existing, default=[], metavar="PICTURE",
        help="compare each file with torch on these photographs (default: on random colours)",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Write the files, and say of each how much it differs from torch."""
    require("detect", "detect export")
    require("export", "detect export")
    from detector.exporting.run import export
    from detector.files.locking import locked
    from detector.pipeline import Detector

    photographs = photographs_to_check(arguments.check)
    detector = Detector.load(arguments.detector, device="cpu")
    with locked(arguments.output):
        for path, difference in export(detector, arguments.output, photographs):
            status(f"{printable(path)}: differs from torch by {difference:.0e} at most")
    return 0


def photographs_to_check(paths: list[Path]) -> list[NDArray[np.uint8]]:
    """The photographs, or a picture of random blots."""
    import cv2
    import numpy as np

    from detector.pictures.reading import read_image

    if paths:
        return [read_image(path) for path in paths]
    height, width = MADE_UP
    small = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return [np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC))]
