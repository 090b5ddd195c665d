"""`detect batch`: detections of many pictures, by many processes, into Parquet."""

from __future__ import annotations

import argparse
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from detector.commands.shared.chosen_detector import class_names_of, load_detector
from detector.commands.shared.options import add_detector, given
from detector.commands.shared.values import count, folder, fraction, output_folder
from detector.console import FAILED, status
from detector.extras import require
from detector.files.locking import locked
from detector.files.names import printable
from detector.processes.settings import (
    keep_compiled_layers,
    keep_freed_memory,
    termination_as_interruption,
)

if TYPE_CHECKING:
    from detector.pipeline import Detector

HELP = "detect in many pictures on all processors or on a cluster, into Parquet"
PER_FILE = 250


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `detect batch`."""
    add = parser.add_argument
    add(
        "source", metavar="SOURCE",
        help="a folder, a quoted glob pattern, a .txt list of paths or URLs, COCO JSON, Parquet "
        "with the bytes of pictures, or an fsspec URL such as s3://bucket/photos",
    )  # fmt: skip
    add(
        "-o", "--output", type=output_folder, required=True, metavar="DIR",
        help="folder of the results; an interrupted run in it is continued",
    )  # fmt: skip
    add(
        "--format", choices=("parquet", "jsonl"), default="parquet",
        help="format of the files (default: parquet)",
    )  # fmt: skip
    add(
        "--per-file", type=count, default=PER_FILE, metavar="N",
        help=f"pictures in a file, which appears when all of them are done (default: {PER_FILE})",
    )  # fmt: skip
    add("--restart", action="store_true", help="discard an earlier run in --output")
    add(
        "--retry-failed", action="store_true",
        help="repeat the files of an earlier run that hold failures",
    )  # fmt: skip
    add("--images", type=folder, metavar="DIR", help="pictures of COCO JSON (default: beside it)")
    add(
        "--image-column", metavar="NAME",
        help="column of the pictures in Parquet (default: image, bytes, ...)",
    )  # fmt: skip
    _add_detection(parser)
    _add_machines(parser)
    add_detector(parser)


def _add_detection(parser: argparse.ArgumentParser) -> None:
    """Which detections are written."""
    add = parser.add_argument
    add(
        "--preset", choices=("evaluate", "visualize"), default="evaluate",
        help="evaluate: all detections that raise mAP; visualize: those that `detect PICTURE` "
        "shows (default: evaluate)",
    )  # fmt: skip
    add(
        "--threshold", type=fraction, metavar="SCORE",
        help="lowest score to write, 0 to 1 (default: the preset's)",
    )  # fmt: skip
    add(
        "--max-detections", type=count, metavar="N",
        help="write at most N objects per picture (default: 100)",
    )  # fmt: skip


def _add_machines(parser: argparse.ArgumentParser) -> None:
    """Where the work is done."""
    add = parser.add_argument
    add(
        "--address", metavar="ADDRESS",
        help="join the Ray cluster there: auto, or HOST:PORT (default: this machine alone)",
    )  # fmt: skip
    add(
        "--workers", type=count, metavar="N",
        help="processes (default: one per GPU, or one per --threads processors)",
    )  # fmt: skip
    add(
        "--threads", type=count, metavar="N",
        help="threads of each process (default: 2, or all processors divided among --workers)",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Detect in the pictures that are not done yet; a picture that fails becomes a row too."""
    require("ray", "detect batch")
    require("detect", "detect batch")
    if arguments.engine == "openvino":
        require("openvino", "--engine openvino")
    class_names_of(arguments.recipe, arguments.weights)  # refuses missing weights at once

    from detector.batch.cluster import ray_running
    from detector.batch.run import Plan, run_batch
    from detector.batch.sources import find_pictures
    from eval.wording import amount

    source = find_pictures(arguments.source, images=arguments.images, column=arguments.image_column)
    load = partial(
        load_in_actor, recipe=_absolute(arguments.recipe), weights=_absolute(arguments.weights),
        device=arguments.device, settings=tuple(arguments.settings), engine=arguments.engine,
    )  # fmt: skip
    options = {
        "preset": arguments.preset,
        **given(threshold=arguments.threshold, max_detections=arguments.max_detections),
    }
    plan = Plan(
        arguments.output, {"named": arguments.source}, arguments.per_file, arguments.format,
        arguments.restart, arguments.retry_failed,
    )  # fmt: skip
    gpus = arguments.device is None or arguments.device.startswith("cuda")
    with (
        termination_as_interruption(),
        locked(arguments.output),
        ray_running(arguments.address, arguments.workers, arguments.threads, gpus=gpus) as machines,
    ):
        finished = run_batch(source, machines, load, options, plan)
    failed = f", {finished.failed} of them without results" if finished.failed else ""
    status(f"{amount(finished.pictures, 'picture')}{failed} -> {printable(arguments.output)}")
    return FAILED if finished.failed else 0


def load_in_actor(
    given_device: str | None,
    *,
    recipe: str | None,
    weights: str | None,
    device: str | None,
    settings: tuple[str, ...],
    engine: str | None,
) -> Detector:
    """Load the detector in a process of its own; `given_device` is that which Ray reserved."""
    keep_freed_memory()
    keep_compiled_layers()
    return load_detector(
        recipe, Path(weights) if weights else None, given_device or device, settings, engine
    )


def _absolute(name: str | Path | None) -> str | None:
    """A path that has the same meaning in every process; the name of a recipe stays."""
    if name is None:
        return None
    return os.path.abspath(name) if os.path.lexists(name) else str(name)
