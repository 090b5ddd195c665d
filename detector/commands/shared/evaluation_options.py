"""The options of `detect evaluate`: what is evaluated, by which rules, and what is written."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from detector.commands.shared.options import (
    MODES,
    add_classes,
    add_detector,
    add_names,
    add_part_of_data,
    add_skip_unlisted,
    add_text_boxes,
    add_voc_corners,
)
from detector.commands.shared.values import (
    area_ranges,
    count,
    existing,
    existing_or_pattern,
    iou_thresholds,
    limits,
    number,
    output_file,
    output_folder,
    output_or_dash,
    score_thresholds,
)
from detector.errors import UsageError
from detector.evaluation.task import Outputs

if TYPE_CHECKING:
    from eval import Options

PROTOCOLS = ("coco", "voc", "voc2007", "ilsvrc", "lvis", "open_images", "open_images_v2")


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
        "or its data.yaml; CVAT XML, labelme, Datumaro or Create ML JSON, KITTI text, CSV, "
        "or the tables of Open Images",
    )  # fmt: skip
    add_part_of_data(group)
    add(
        "--detections", type=existing_or_pattern, metavar="FILE", action="append",
        help="evaluate these results instead of running the detector: COCO JSON, VOC comp4 files "
        "(their folder, or a quoted pattern), ILSVRC or CSV text, all of them also .gz, or a "
        "folder of YOLO text or of `detect batch`; given twice, the second is compared with the "
        "first",
    )  # fmt: skip
    add_names(group)
    add_skip_unlisted(group)
    add_voc_corners(group)
    add_text_boxes(group)
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
    add(
        "--iou", type=iou_thresholds, metavar="IOU",
        help="IoU from which a detection is true: 0.3; coco and lvis take several, 0.5,0.75, or a "
        "range, 0.5:0.95:0.05 (default: the protocol's)",
    )  # fmt: skip
    add(
        "--max-dets", type=limits, metavar="N,N,N",
        help="coco: detections per class and image, the best first; each N has a recall, the "
        "largest one the AP (default: 1,10,100). lvis: detections per image (default: 300)",
    )  # fmt: skip
    add(
        "--area-ranges", type=area_ranges, metavar="NAME=FROM:TO,...",
        help="coco, lvis: areas of objects in square pixels that have figures of their own "
        "(default: small=0:1024,medium=1024:9216,large=9216:)",
    )  # fmt: skip
    add(
        "--class-agnostic", action="store_true",
        help="take all classes as one, as pycocotools does with useCats = 0",
    )  # fmt: skip
    add(
        "--threshold", type=number, metavar="SCORE",
        help="also show precision, recall, F1 and counts, if scores from this one on are kept",
    )  # fmt: skip
    add(
        "--thresholds", type=score_thresholds, metavar="FILE",
        help="likewise with the score of each class in this file; --threshold is that of others",
    )  # fmt: skip


def _add_output(group: argparse._ArgumentGroup) -> None:
    """What is written besides the table."""
    add = group.add_argument
    add("--report", type=output_folder, metavar="DIR", help="write a report: HTML, JSON and CSV")
    add(
        "--save", type=output_file, metavar="FILE",
        help="also write the detections here, as COCO results",
    )  # fmt: skip
    add(
        "--json", type=output_or_dash, metavar="FILE",
        help="write the figures here, with all digits; '-' is standard output, without the table",
    )  # fmt: skip
    add(
        "--csv", type=output_or_dash, metavar="FILE",
        help="write the figures of the classes here, likewise",
    )  # fmt: skip
    add(
        "--save-thresholds", type=output_file, metavar="FILE",
        help="write the score with the best F1 of each class as YAML, for `detect PICTURE "
        "--thresholds FILE`; choose thresholds on pictures for validation",
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


def outputs_of(arguments: argparse.Namespace) -> Outputs:
    """Where the output goes; UsageError if the options exclude each other."""
    outputs = Outputs(
        save=arguments.save,
        page=arguments.report,
        json=arguments.json,
        csv=arguments.csv,
        save_thresholds=arguments.save_thresholds,
        threshold=arguments.threshold,
        thresholds=arguments.thresholds,
    )
    if outputs.thresholds and arguments.class_agnostic:
        raise UsageError("--thresholds: gives scores of classes; leave out --class-agnostic")
    if outputs.json == outputs.csv == "-":
        raise UsageError("--json and --csv: both are '-'; name a file for one of them")
    if len(arguments.detections or ()) > 1:
        for option, value in vars(outputs).items():
            if value is not None and option != "page":
                raise UsageError(
                    f"--{option.replace('_', '-')}: applies to the detections of one file; give "
                    "--detections once"
                )
    return outputs


def rules_of(arguments: argparse.Namespace) -> Options:
    """The options of the protocol; UsageError if it has none of that name."""
    from eval import EvaluationError, Options
    from eval.evaluate import check_protocol

    options = {
        "iou_thresholds": arguments.iou,
        "max_detections": arguments.max_dets,
        "areas": arguments.area_ranges,
    }
    try:
        rules = Options(**options, class_agnostic=arguments.class_agnostic)
        check_protocol(arguments.protocol, rules, official=arguments.official)
    except EvaluationError as error:
        raise UsageError(_as_option(str(error))) from None
    return rules


def _as_option(message: str) -> str:
    """The message of `evaluate` about its options, with the names of the command line."""
    names = {
        "iou_thresholds": "--iou",
        "max_detections": "--max-dets",
        "areas": "--area-ranges",
        "class_agnostic": "--class-agnostic",
        "`official`": "--official",
    }
    for name, option in names.items():
        message = message.replace(name, option)
    return message
