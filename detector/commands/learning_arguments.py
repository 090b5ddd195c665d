"""Options of the commands that learn, and of the classifier of whole pictures."""

from __future__ import annotations

import argparse
from pathlib import Path

from detector.commands.options import add_device, add_settings, count


def train(parser: argparse.ArgumentParser) -> None:
    """`detect train`."""
    add = parser.add_argument
    add(
        "--data", type=Path, required=True, metavar="JSON|DIR",
        help="boxes in COCO format, or the folder of a VOC, ILSVRC DET or YOLO data set",
    )  # fmt: skip
    add("--images", type=Path, metavar="DIR", help="their pictures (default: beside the JSON)")
    add(
        "--split", metavar="NAME",
        help="part of a folder that has several (default: trainval or train)",
    )  # fmt: skip
    add(
        "-o", "--output", type=Path, metavar="DIR",
        help="run folder; an unfinished run there is continued (default: runs/RECIPE-DATA, with "
        "--weights runs/RECIPE-DATA-from-WEIGHTS)",
    )  # fmt: skip
    add(
        "--recipe", metavar="NAME|YAML",
        help="default: one derived from the data, and named after the folder they lie in",
    )  # fmt: skip
    add(
        "--part", choices=("all", "detector", "multibox"), default="all",
        help="train the detector, MultiBox on its trunk, or first the one, then the other "
        "(default: all)",
    )  # fmt: skip
    add(
        "--weights", type=Path, metavar="FILE",
        help="go on from this detector, of the same classes (default: the network of the "
        "recipe's training.initial, or the ImageNet weights; for --part multibox the recipe's)",
    )  # fmt: skip
    add(
        "--imagenet-weights", type=Path, metavar="FILE",
        help="the network to begin with, of `detect pretrain` (default: BVLC's, which ship)",
    )  # fmt: skip
    add("--members", type=count, metavar="N", help="networks of the ensemble (default: recipe's)")
    add("--epochs", type=float, metavar="N", help="instead of the recipe's")
    add("--seed", type=int, metavar="N", help="instead of the recipe's")
    add("--no-cache", action="store_true", help="compute all proposals anew and keep none")
    add_settings(parser)
    add_device(parser)


def pretrain(parser: argparse.ArgumentParser) -> None:
    """`detect pretrain`."""
    add = parser.add_argument
    add(
        "--data", type=Path, required=True, metavar="DIR",
        help="one folder of pictures a class, or a folder with such folders train and val",
    )  # fmt: skip
    add(
        "--validation", type=Path, metavar="DIR",
        help="pictures to measure on, sorted alike (default: val inside --data, else a tenth of "
        "--data, always the same one, which is not trained on)",
    )  # fmt: skip
    add(
        "-o", "--output", type=Path, metavar="DIR",
        help="run folder; an unfinished run there is continued (default: runs/pretrain-DATA)",
    )  # fmt: skip
    add("--recipe", metavar="YAML", help="settings under `pretrain:` (default: the paper's)")
    add(
        "--weights", type=Path, metavar="FILE|imagenet",
        help="begin with these weights and a new last layer (default: from scratch)",
    )  # fmt: skip
    add("--epochs", type=float, metavar="N", help="instead of the recipe's 250")
    add(
        "--batch", dest="images_per_step", type=count, metavar="N",
        help="pictures in a step, instead of the recipe's 128",
    )  # fmt: skip
    add("--learning-rate", type=float, metavar="X", help="instead of the recipe's .01")
    add("--seed", type=int, metavar="N", help="instead of the recipe's 0")
    add_device(parser)


def classify(parser: argparse.ArgumentParser) -> None:
    """`detect classify`."""
    add = parser.add_argument
    add("pictures", nargs="*", metavar="PICTURE", help="files, folders or quoted glob patterns")
    add(
        "--data", type=Path, metavar="DIR",
        help="or one folder of pictures a class, named as the network's classes are (ImageNet's "
        "also by synset): measures top-1 and top-5 error",
    )  # fmt: skip
    add(
        "--crops", type=int, choices=(1, 10, 144), default=10,
        help="windows of each picture that are averaged (default: 10)",
    )  # fmt: skip
    add(
        "--weights", type=Path, action="append", metavar="FILE",
        help="file or run folder of `detect pretrain`; given several times, the answers are "
        "averaged (default: the ImageNet weights that ship)",
    )  # fmt: skip
    add_device(parser)
