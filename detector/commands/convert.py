"""`detect convert`: write a data set, or results, in another format."""

from __future__ import annotations

import argparse

from detector.commands.shared.options import (
    FORMATS,
    add_names,
    add_skip_unlisted,
    add_text_boxes,
    add_voc_corners,
)
from detector.commands.shared.values import existing, existing_or_pattern, folder, output_folder
from detector.console import notify, show
from detector.errors import UsageError
from detector.files.names import printable
from detector.processes.settings import termination_as_interruption

HELP = "write a data set, or results, in another format"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `detect convert`."""
    add = parser.add_argument
    add(
        "data", metavar="DATA", nargs="+", type=existing,
        help="ground truth: COCO JSON, or a folder in the layout of VOC, ILSVRC DET or YOLO; "
        "several become the parts of one data set, such as train.json and val.json",
    )  # fmt: skip
    add("--to", required=True, choices=FORMATS, help="the format to write")
    add(
        "-o", "--output", required=True, type=output_folder, metavar="DIR",
        help="a new or empty folder",
    )  # fmt: skip
    add(
        "--split", metavar="NAME",
        help="convert only this part of a folder (default: train, val and test); for a JSON file, "
        "what it is called in the output (default: the word in its name, or train)",
    )  # fmt: skip
    add(
        "--detections", type=existing_or_pattern, metavar="FILE",
        help="convert these results on DATA instead of its own boxes",
    )  # fmt: skip
    add_names(parser)
    add_skip_unlisted(parser)
    add_voc_corners(parser)
    add_text_boxes(parser)
    add(
        "--images", type=folder, metavar="DIR",
        help="where the pictures are; they are copied",
    )  # fmt: skip
    add("--no-images", action="store_true", help="write the boxes alone and copy no pictures")


def run(arguments: argparse.Namespace) -> int:
    """Print what was written on standard output, and what it does not hold on standard error."""
    data, detections = arguments.data, arguments.detections
    if arguments.images and arguments.no_images:
        raise UsageError("--images: applies to copying pictures; leave it out with --no-images")
    if detections and len(data) > 1:
        raise UsageError("--detections: belong to one data set; give one DATA")

    from detector.converting.parts import Reading, holds_results
    from detector.converting.run import convert_dataset, convert_results

    if not detections and len(data) == 1 and holds_results(data[0]):
        detections = data[0]
        notify(f"{printable(detections)}: its annotations have scores; converted as results")
    if detections and arguments.to == "voc":
        raise UsageError(
            "--to voc: its XML has no place for scores; give --to coco, yolo, csv or label-studio"
        )
    if arguments.names and not detections:
        raise UsageError("--names: applies to results; give them with --detections")
    reading = Reading(
        arguments.split,
        arguments.voc_corners,
        arguments.text_boxes,
        arguments.skip_unlisted,
        arguments.names,
    )
    where = (arguments.to, arguments.output, reading, arguments.images)
    copy = not arguments.no_images
    with termination_as_interruption():  # removes what is half written
        if detections:
            done = convert_results(data[0], detections, *where, copy=copy)
        else:
            done = convert_dataset(data, *where, copy=copy)
    for note in done.notes:
        notify(printable(note))
    show(f"{printable(arguments.output)}: {done.summary}")
    return 0
