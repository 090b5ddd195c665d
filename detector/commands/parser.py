"""The command line of `detect`: its commands, options and help. Imports nothing heavy."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich_argparse import RawDescriptionRichHelpFormatter

from detector.commands.learning_arguments import classify, pretrain, train
from detector.commands.options import add_device, add_settings, count, fraction, names
from detector.version import __version__

MODES = ("single", "fast", "rcnn-fast", "quality")  # of selective search
COMMANDS = {
    "image": "draw boxes around the objects in photographs (may be left out)",
    "evaluate": "measure mAP on a data set",
    "check": "name every fault of a data set or of results",
    "train": "train a detector on your own boxes",
    "propose": "find boxes that may hold an object, without saying which",
    "pretrain": "train the network to classify whole pictures, as on ImageNet",
    "classify": "say what whole pictures show, or measure how often that is right",
    "cache": "show or empty the store of computed proposals",
}

DESCRIPTION = """Find objects in photographs with GoogLeNet region classification (R-CNN).

  detect street.jpg                     picture and JSON in the folder detections/
  detect street.jpg folder/ 'x/*.png'   several; folders are searched for pictures
  detect --json - street.jpg            JSON to standard output, no files

  detect evaluate --data instances.json    mAP on a data set
  detect train --data instances.json       train on your own boxes
  detect check instances.json              what is wrong with a data set or results
  detect propose -o out street.jpg         boxes alone, of no class
  detect classify street.jpg               what a whole picture shows
  detect COMMAND --help                    options of a command"""


class HelpFormatter(RawDescriptionRichHelpFormatter):
    """Help in colour, in which square brackets are no markup but stand as they are written."""

    text_markup = help_markup = False


def parse(words: list[str]) -> argparse.Namespace:
    """Parse a command line; `image` is understood where no command is named."""
    if not words:
        words = ["--help"]
    if words[0] not in (*COMMANDS, "-h", "--help", "--version"):
        words = ["image", *words]
    return _parser().parse_args(words)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="detect",
        description=DESCRIPTION,
        formatter_class=HelpFormatter,
        usage="detect [COMMAND] [OPTIONS] PICTURE [PICTURE ...]",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    builders = {
        "image": _image,
        "evaluate": _evaluate,
        "check": _check,
        "train": train,
        "propose": _propose,
        "pretrain": pretrain,
        "classify": classify,
        "cache": _cache,
    }
    for name, build in builders.items():
        command = commands.add_parser(
            name,
            prog=f"detect {name}",
            help=COMMANDS[name],
            description=COMMANDS[name][0].upper() + COMMANDS[name][1:] + ".",
            formatter_class=HelpFormatter,
        )
        build(command)
    return parser


def _image(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("pictures", nargs="+", metavar="PICTURE", help="files, folders or quoted glob patterns")
    add(
        "-o", "--output", type=Path, metavar="DIR",
        help="folder for pictures and detections.json (default: detections)",
    )  # fmt: skip
    add(
        "--json", metavar="FILE",
        help="write the JSON here; '-' is standard output, and then no pictures are "
        "written unless --output is given",
    )  # fmt: skip
    add(
        "--threshold", type=fraction, metavar="SCORE",
        help="lowest score shown, 0 to 1 (default: the recipe's, .4 for those that ship)",
    )  # fmt: skip
    add("--max-detections", type=count, metavar="N", help="most objects per picture (default: 100)")
    add(
        "--proposals", metavar="MODE|FILE",
        help="selective search alone, mode single, fast, rcnn-fast or quality; or a "
        "JSON file of your own boxes, "
        '{"street.jpg": [[x1, y1, x2, y2], ...]}; or the proposals.jsonl that `detect propose` '
        "wrote",
    )  # fmt: skip
    _detector_options(parser)


def _evaluate(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--data", type=Path, required=True, metavar="PATH",
        help="ground truth: COCO JSON, also .gz; or the folder of a VOC, ILSVRC DET or YOLO data "
        "set, or its data.yaml",
    )  # fmt: skip
    add("--split", metavar="NAME", help="part of a folder that has several: test, val, ...")
    add("--images", type=Path, metavar="DIR", help="its pictures (default: in or beside it)")
    add(
        "--detections", type=Path, metavar="FILE", action="append",
        help="judge these results instead of running the detector: COCO JSON, VOC comp4 files "
        "(their folder, or a quoted pattern), ILSVRC or CSV text, all of them also .gz, or a "
        "folder of YOLO text; given twice, the second is compared with the first",
    )  # fmt: skip
    add(
        "--protocol", choices=("coco", "voc", "voc2007", "ilsvrc"), default="voc",
        help="default: voc",
    )  # fmt: skip
    add(
        "--official", action="store_true",
        help="as the protocol's official tool does it, with its oddities",
    )  # fmt: skip
    add("--classes", type=names, metavar="A,B", help="judge these classes only")
    add("--limit", type=count, metavar="N", help="only the first N pictures, and results on them")
    add("--report", type=Path, metavar="DIR", help="write a report: HTML, JSON and CSV")
    add(
        "-o", "--output", type=Path, metavar="DIR",
        help="folder of the detector's run; an interrupted run there is continued "
        "(default: evaluations/DETECTOR-DATA)",
    )  # fmt: skip
    add("--restart", action="store_true", help="begin the run in that folder anew")
    add("--save", type=Path, metavar="JSON", help="write the detections here too, as COCO results")
    add(
        "--proposals", choices=MODES,
        help="selective search alone, in this mode (default: the recipe's, with MultiBox)",
    )  # fmt: skip
    _detector_options(parser)


def _check(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "path", metavar="DATA",
        help="ground truth: COCO JSON, or a folder in the layout of VOC, ILSVRC DET or YOLO; or "
        "results: COCO JSON, VOC comp4 files, ILSVRC or CSV text, a folder of YOLO text",
    )  # fmt: skip
    add("--data", type=Path, metavar="DATA", help="the ground truth of results")
    add("--split", metavar="NAME", help="part of a folder that has several: test, val, ...")
    add("--all", action="store_true", help="print each finding, not only the first 20 of a kind")
    add("--json", metavar="FILE", help="write all findings here; '-' is standard output")


def _cache(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--clear", action="store_true", help="delete all entries")


def _propose(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("pictures", nargs="*", metavar="PICTURE", help="files, folders or quoted glob patterns")
    add(
        "--data", type=Path, metavar="DATA",
        help="or a data set: COCO JSON, or a folder in the layout of VOC, ILSVRC DET or YOLO",
    )  # fmt: skip
    add("--split", metavar="NAME", help="part of a folder that has several: test, val, ...")
    add("--images", type=Path, metavar="DIR", help="its pictures (default: in or beside it)")
    add("--limit", type=count, metavar="N", help="only its first N pictures")
    add(
        "-o", "--output", type=Path, metavar="DIR",
        help="folder for the boxes; an interrupted run there is continued (default: proposed)",
    )  # fmt: skip
    add(
        "--format", choices=("jsonl", "npz"), default="jsonl",
        help="one file proposals.jsonl, or boxes/NAME.npz for each picture (default: jsonl)",
    )  # fmt: skip
    add(
        "--method", choices=("merged", "selective_search", "multibox"), default="merged",
        help="default: merged, what the detector looks at",
    )  # fmt: skip
    add(
        "--mode", dest="proposals",
        choices=MODES,
        help="of selective search, with its own superpixels (default: the recipe's)",
    )  # fmt: skip
    add("--max-boxes", type=count, metavar="N", help="only the best N of each picture")
    add("--draw", type=count, metavar="N", help="also NAME.jpg with the best N boxes drawn")
    add(
        "--recall", action="store_true",
        help="measure how many objects of --data the boxes cover: table, recall.json, recall.png",
    )  # fmt: skip
    add(
        "--no-cache", action="store_true",
        help="compute anew what --method selective_search keeps of a data set for the next time",
    )  # fmt: skip
    _detector_options(parser)


def _detector_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--recipe", metavar="NAME|YAML", help="how to detect (default: pair; voc20 is faster)")
    add("--weights", type=Path, metavar="FILE", help=".safetensors file or run folder of `train`")
    add_settings(parser)
    add_device(parser)
