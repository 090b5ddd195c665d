"""`detect evaluate`: run the detector over a data set, or read results, and measure mAP."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from detector.commands.shared.chosen_detector import (
    check_device,
    load_detector,
    name_of_weights,
    use_search_mode,
)
from detector.commands.shared.evaluation_options import add_options, outputs_of, rules_of
from detector.commands.shared.options import labels_of
from detector.errors import UsageError
from detector.evaluation.task import Task, evaluate_files, evaluate_run
from detector.extras import require
from detector.files.names import printable

__all__ = ["HELP", "add_options", "run"]

HELP = "measure mAP on a data set"
DEFAULT_OUTPUT = Path("evaluations")


def run(arguments: argparse.Namespace) -> int:
    """Print the table on standard output, and everything else on standard error."""
    from eval import read_dataset

    detector_options = {
        name: getattr(arguments, name)
        for name in ("output", "restart", "recipe", "weights", "device", "engine", "proposals")
    } | {"set": arguments.settings}
    _check_options(arguments.detections or (), detector_options)
    outputs = outputs_of(arguments)
    if not arguments.detections:
        if arguments.names:
            raise UsageError("--names: applies to results; give them with --detections")
        require("detect", "detect evaluate without --detections")
    check_device(arguments.device)
    rules = rules_of(arguments)
    data = arguments.data
    options = _reader_options(arguments)
    whole = read_dataset(data, skip_unlisted=arguments.skip_unlisted, **options)
    part = whole
    if arguments.limit:
        part = part.subset(range(min(arguments.limit, len(part))))
    if arguments.classes:
        labels = labels_of(arguments.classes, whole.class_names)
        part = part.with_classes([whole.class_names[label] for label in labels])
    task = Task(
        whole, part, arguments.protocol, arguments.official, rules,
        outputs.for_classes(whole.class_names), arguments.names,
        arguments.skip_unlisted,
    )  # fmt: skip
    if arguments.detections:
        return evaluate_files(task, arguments.detections, data, arguments.images)

    from detector.evaluation.run import run_detector
    from detector.pictures.dataset_folder import check_image_folder, find_image_folder

    if arguments.images:
        images = check_image_folder(arguments.images, part)
    else:
        images = find_image_folder(data, part)
    chosen = (arguments.proposals, *arguments.settings)
    name = _run_name(arguments.recipe, arguments.weights, chosen, data, arguments.split)
    detector = load_detector(
        arguments.recipe, arguments.weights, arguments.device, arguments.settings,
        arguments.engine,
    )  # fmt: skip
    if arguments.proposals:
        use_search_mode(detector, arguments.proposals, alone=True)
    output = arguments.output or DEFAULT_OUTPUT / name
    about = {"name": name, "data": str(data), "images": str(images)}
    finished = run_detector(detector, whole, part, images, output, about, restart=arguments.restart)
    return evaluate_run(task, finished, images, name)


def _check_options(detections: Sequence[Path], detector_options: dict[str, Any]) -> None:
    """Refuse options that exclude each other."""
    if not detections:
        return
    for option, value in detector_options.items():
        if value:
            raise UsageError(
                f"--{option}: applies to running the detector; leave it out with --detections"
            )
    if len(detections) > 2:
        raise UsageError(
            f"--detections is given {len(detections)} times; give one file, or two to compare"
        )


def _reader_options(arguments: argparse.Namespace) -> dict[str, Any]:
    from eval.formats.open_images.dataset import read_open_images
    from eval.formats.recognised import reader_of

    data, split = arguments.data, arguments.split
    if split and data.name.lower().endswith((".json", ".json.gz")):
        raise UsageError(
            f"--split {split}: {printable(data)} is one file without parts; leave it out"
        )
    options: dict[str, Any] = {
        "split": split, "corners": arguments.voc_corners, "boxes": arguments.text_boxes,
    }  # fmt: skip
    if arguments.images and reader_of(data) is read_open_images:
        options["images"] = arguments.images  # their sizes turn fractions into pixels
    return {name: value for name, value in options.items() if value}


def _run_name(
    recipe: str | None,
    weights: Path | None,
    chosen: Sequence[str | None],
    data: Path,
    split: str | None,
) -> str:
    """Name of a run: the detector, the options `chosen` for it, the data set and its part."""
    from detector.recipes import DEFAULT

    detector = name_of_weights(weights) if weights else Path(recipe or DEFAULT).stem
    options = [option.replace("/", "_") for option in chosen if option]
    data = data.resolve()
    dataset = data.stem if data.is_file() else data.name
    return "-".join(part for part in (detector, *options, dataset, split) if part)
