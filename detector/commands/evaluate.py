"""`detect evaluate`: run the detector over a data set, or read results, and measure mAP."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from detector.commands.chosen_detector import (
    check_device,
    load_detector,
    name_of_weights,
    use_search_mode,
)
from detector.commands.options import MODES, add_classes, add_detector, add_part_of_data, labels_of
from detector.commands.values import (
    count,
    existing,
    existing_or_pattern,
    output_file,
    output_folder,
)
from detector.errors import UsageError
from detector.evaluation.task import Task, evaluate_files, evaluate_run
from detector.extras import require
from detector.files.names import printable

HELP = "measure mAP on a data set"
PROTOCOLS = ("coco", "voc", "voc2007", "ilsvrc", "lvis", "open_images", "open_images_v2")
DEFAULT_OUTPUT = Path("evaluations")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `detect evaluate`."""
    _add_data(parser.add_argument_group("what is evaluated"))
    _add_rules(parser.add_argument_group("rules"))
    _add_output(parser.add_argument_group("output"))
    _add_run(parser.add_argument_group("running the detector (without --detections)"))


def _add_data(group: argparse._ArgumentGroup) -> None:
    """The ground truth, the results, and the part of both."""
    add = group.add_argument
    add(
        "--data", type=existing, required=True, metavar="DATA",
        help="ground truth: COCO JSON, also .gz; the folder of a VOC, ILSVRC DET or YOLO data set, "
        "or its data.yaml; CVAT XML, labelme, Datumaro or Create ML JSON, KITTI text, or CSV",
    )  # fmt: skip
    add_part_of_data(group)
    add(
        "--detections", type=existing_or_pattern, metavar="FILE", action="append",
        help="evaluate these results instead of running the detector: COCO JSON, VOC comp4 files "
        "(their folder, or a quoted pattern), ILSVRC or CSV text, all of them also .gz, or a "
        "folder of YOLO text; given twice, the second is compared with the first",
    )  # fmt: skip
    add(
        "--names", type=existing, metavar="FILE",
        help="what the class numbers of results mean, from 0: data.yaml, or a text file with one "
        "name per line (default: ids of the ground truth; in YOLO results, classes.txt beside "
        "them, or the order of the ground truth)",
    )  # fmt: skip
    add(
        "--skip-unlisted", action="store_true",
        help="leave out and count annotations and detections on images or of classes that are not "
        "listed, as for results of a whole data set on a part of it",
    )  # fmt: skip
    add(
        "--voc-corners", choices=("inclusive", "continuous"),
        help="how VOC XML counts: whole pixels from 1, the last one included, or continuously from "
        "0, as CVAT, VoTT and FiftyOne write (default: inclusive)",
    )  # fmt: skip
    add(
        "--text-boxes", choices=("corners", "sides"),
        help="what the four numbers in text files of ground truth mean that name the class first: "
        "corners, or x, y, width, height (default: what the numbers themselves show)",
    )  # fmt: skip
    add_classes(group, "evaluate")
    add("--limit", type=count, metavar="N", help="evaluate the first N pictures only")


def _add_rules(group: argparse._ArgumentGroup) -> None:
    """What counts as found, and how figures are computed."""
    add = group.add_argument
    add(
        "--protocol", default="voc", choices=PROTOCOLS,
        help="rules of the evaluation (default: voc)",
    )  # fmt: skip
    add(
        "--official", action="store_true",
        help="reproduce the protocol's official program, including its quirks",
    )  # fmt: skip


def _add_output(group: argparse._ArgumentGroup) -> None:
    """What is written besides the table."""
    add = group.add_argument
    add("--report", type=output_folder, metavar="DIR", help="write a report: HTML, JSON and CSV")
    add(
        "--save", type=output_file, metavar="FILE",
        help="also write the detections here, as COCO results",
    )  # fmt: skip


def _add_run(group: argparse._ArgumentGroup) -> None:
    """The detector and the folder of its run."""
    add = group.add_argument
    add(
        "-o", "--output", type=output_folder, metavar="DIR",
        help="folder of the detector's results; an interrupted run in it is continued (default: "
        "evaluations/DETECTOR-DATA)",
    )  # fmt: skip
    add("--restart", action="store_true", help="discard an earlier run in --output")
    add(
        "--proposals", choices=MODES,
        help="use selective search without MultiBox, in this mode (default: the recipe's, with "
        "MultiBox)",
    )  # fmt: skip
    add_detector(group)


def run(arguments: argparse.Namespace) -> int:
    """Print the table on standard output, and everything else on standard error."""
    from eval import read_dataset

    detector_options = {
        name: getattr(arguments, name)
        for name in ("output", "restart", "recipe", "weights", "device", "proposals")
    } | {"set": arguments.settings}
    _check_options(arguments.detections or (), detector_options, arguments.save)
    if not arguments.detections:
        if arguments.names:
            raise UsageError("--names: applies to results; give them with --detections")
        require("detect", "detect evaluate without --detections")
    check_device(arguments.device)
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
        whole, part, arguments.protocol, arguments.official, arguments.save, arguments.report,
        arguments.names, arguments.skip_unlisted,
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
        arguments.recipe, arguments.weights, arguments.device, arguments.settings
    )
    if arguments.proposals:
        use_search_mode(detector, arguments.proposals, alone=True)
    output = arguments.output or DEFAULT_OUTPUT / name
    about = {"name": name, "data": str(data), "images": str(images)}
    finished = run_detector(detector, whole, part, images, output, about, restart=arguments.restart)
    return evaluate_run(task, finished, images, name)


def _check_options(
    detections: Sequence[Path], detector_options: dict[str, Any], save: Path | None
) -> None:
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
    if save and len(detections) > 1:
        raise UsageError("--save: writes the detections of one file; give --detections once")


def _reader_options(arguments: argparse.Namespace) -> dict[str, str]:
    data, split = arguments.data, arguments.split
    if split and data.name.lower().endswith((".json", ".json.gz")):
        raise UsageError(
            f"--split {split}: {printable(data)} is one file without parts; leave it out"
        )
    options = {"split": split, "corners": arguments.voc_corners, "boxes": arguments.text_boxes}
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
