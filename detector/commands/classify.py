"""`detect classify`: what whole pictures show, or the error over labelled ones."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import TYPE_CHECKING

from detector.cli import FAILED, say
from detector.errors import DetectorError

if TYPE_CHECKING:
    from detector.classification.classifier import Classifier

BEST = 5  # classes printed of each picture


def classify(arguments: Namespace) -> int:
    """Print the likeliest classes of pictures, or the table of errors over a folder."""
    if bool(arguments.pictures) == bool(arguments.data):
        raise DetectorError("detect classify: name pictures, or a folder with --data; not both")
    from detector.classification.classifier import load_classifier
    from detector.weights_file import IMAGENET_WEIGHTS

    if arguments.data:
        from detector.classification.class_folder import find_parts, read_class_folder

        training, validation = find_parts(arguments.data)
        folder = read_class_folder(validation or training)
    classifier = load_classifier(arguments.weights or (IMAGENET_WEIGHTS,), arguments.device)
    if not arguments.data:
        return _classify_pictures(classifier, arguments.pictures, arguments.crops)

    from rich.console import Console

    from detector.classification.error_rates import measure

    report = measure(classifier, folder, arguments.crops, Console(stderr=True))
    print(report.table())
    return 0


def _classify_pictures(classifier: Classifier, pictures: list[str], crops: int) -> int:
    """Five lines a picture; one that cannot be read is reported and the others go on."""
    from detector.pictures.finding import find_images, printable
    from detector.pictures.reading import read_image

    failed = False
    for path in find_images(pictures):
        try:
            image = read_image(path)
        except DetectorError as error:
            say(str(error))
            failed = True
            continue
        (probabilities,) = classifier([image], crops)
        print(printable(path))
        for column in (-probabilities).argsort(kind="stable")[:BEST]:
            print(f"{probabilities[column]:8.1%}  {printable(classifier.class_names[column])}")
        sys.stdout.flush()
    return FAILED if failed else 0
