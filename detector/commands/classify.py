"""`detect classify`: the classes of whole pictures, or the error rate over labelled ones."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from detector.commands.shared.chosen_detector import check_device
from detector.commands.shared.options import add_device
from detector.commands.shared.values import existing, folder
from detector.console import FAILED, notify, show
from detector.errors import DetectorError, UsageError
from detector.extras import require
from detector.files.names import printable

if TYPE_CHECKING:
    from detector.classification.classifier import Classifier

HELP = "classify whole pictures, or measure the error rate on labelled ones"
BEST = 5  # classes printed for each picture


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `detect classify`."""
    add = parser.add_argument
    add("pictures", nargs="*", metavar="PICTURE", help="files, folders or quoted glob patterns")
    add(
        "--data", type=folder, metavar="DIR",
        help="instead of pictures: a folder with one folder of pictures per class, named like the "
        "network's classes (ImageNet's also by synset), to measure top-1 and top-5 error",
    )  # fmt: skip
    add(
        "--crops", type=int, choices=(1, 10, 144), default=10,
        help="number of crops per picture, over which probabilities are averaged (default: 10)",
    )  # fmt: skip
    add(
        "--weights", type=existing, action="append", metavar="FILE",
        help="file or run folder of `detect pretrain`; may be repeated, and the networks' "
        "probabilities are averaged (default: the ImageNet weights, included)",
    )  # fmt: skip
    add_device(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the likeliest classes of pictures, or the table of errors over a folder."""
    if bool(arguments.pictures) == bool(arguments.data):
        raise UsageError("detect classify: name pictures, or a folder with --data; not both")
    require("detect", "detect classify")
    if arguments.data:
        from detector.classification.class_folder import find_parts, read_class_folder

        training, validation = find_parts(arguments.data)
        labelled = read_class_folder(validation or training)
    else:
        from detector.pictures.finding import find_photographs, refuse_missing, skipped_note

        paths, skipped = find_photographs(arguments.pictures)
        refuse_missing(paths)
        if skipped:
            notify(skipped_note(skipped))
    check_device(arguments.device)

    from detector.classification.classifier import load_classifier
    from detector.weights_file import IMAGENET_WEIGHTS

    classifier = load_classifier(arguments.weights or (IMAGENET_WEIGHTS,), arguments.device)
    if not arguments.data:
        return _classify_pictures(classifier, paths, arguments.crops)

    from rich.console import Console

    from detector.classification.error_rates import measure

    report = measure(classifier, labelled, arguments.crops, Console(stderr=True))
    show(report.table())
    return 0


def _classify_pictures(classifier: Classifier, paths: Sequence[Path], crops: int) -> int:
    """Print each picture with five classes; unreadable ones are reported and the others go on."""
    from detector.pictures.reading import read_image

    failed = False
    for path in paths:
        try:
            image = read_image(path)
        except DetectorError as error:
            notify(str(error))
            failed = True
            continue
        (probabilities,) = classifier([image], crops)
        lines = [
            f"{probabilities[column]:6.3f}  {printable(classifier.class_names[column])}"
            for column in (-probabilities).argsort(kind="stable")[:BEST]
        ]
        show("\n".join([printable(path), *lines]))
    return FAILED if failed else 0
