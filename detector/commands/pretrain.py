"""`detect pretrain`: train GoogLeNet to classify whole pictures."""

from __future__ import annotations

import argparse
from pathlib import Path

from detector.commands.shared.chosen_detector import check_device
from detector.commands.shared.options import add_device, add_machine, given
from detector.commands.shared.values import count, existing, folder, integer, number, output_folder
from detector.extras import require

HELP = "train the network to classify whole pictures, as on ImageNet"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `detect pretrain`."""
    add = parser.add_argument
    add(
        "--data", type=folder, required=True, metavar="DIR",
        help="a folder with one folder of pictures per class, or with two such folders, train and "
        "val",
    )  # fmt: skip
    add(
        "--validation", type=folder, metavar="DIR",
        help="pictures to validate on, sorted in the same way (default: val in --data, or else a "
        "tenth of --data, the same in every run, which is not trained on)",
    )  # fmt: skip
    add(
        "-o", "--output", type=output_folder, metavar="DIR",
        help="run folder; an unfinished run in it is continued (default: runs/pretrain-DATA)",
    )  # fmt: skip
    add(
        "--recipe", type=existing, metavar="YAML",
        help="settings, such as the recipe.yaml of a run folder (default: the paper's)",
    )  # fmt: skip
    add(
        "--weights", type=_weights, metavar="FILE|imagenet",
        help="start from these weights with a new last layer (default: from scratch)",
    )  # fmt: skip
    add(
        "--epochs", type=number, metavar="N",
        help="number of epochs; overrides the recipe (default: 250)",
    )  # fmt: skip
    add(
        "--batch", dest="images_per_step", type=count, metavar="N",
        help="pictures per step; overrides the recipe (default: 128)",
    )  # fmt: skip
    add("--learning-rate", type=number, metavar="X", help="overrides the recipe (default: 0.01)")
    add(
        "--crop-side", type=integer, metavar="N",
        help="side of the crops, pixels; overrides the recipe (default: 224)",
    )  # fmt: skip
    add("--seed", type=integer, metavar="N", help="random seed; overrides the recipe (default: 0)")
    add_device(parser)
    add_machine(parser, trains_detector=False)


def run(arguments: argparse.Namespace) -> int:
    """Train from a folder of classes; the run folder receives the weights."""
    require("detect", "detect pretrain")
    from detector.classification.pretrain import pretrain
    from detector.recipes import PretrainOptions, fill, read_yaml
    from detector.training_loop.machine import Machine
    from detector.weights_file import IMAGENET_WEIGHTS

    check_device(arguments.device)
    options = PretrainOptions()
    if arguments.recipe:
        options = fill(options, read_yaml(arguments.recipe), str(arguments.recipe))
    values = given(
        epochs=arguments.epochs,
        images_per_step=arguments.images_per_step,
        learning_rate=arguments.learning_rate,
        crop_side=arguments.crop_side,
        seed=arguments.seed,
    )
    machine = given(
        precision=arguments.precision,
        checkpoint_minutes=arguments.checkpoint_minutes,
        crops_per_pass=arguments.crops_per_pass,
    )
    pretrain(
        arguments.data,
        arguments.output or Path("runs") / f"pretrain-{arguments.data.resolve().name}",
        fill(options, values, where="options"),
        validation=arguments.validation,
        weights=IMAGENET_WEIGHTS if arguments.weights == "imagenet" else arguments.weights,
        device=arguments.device,
        machine=Machine(**machine),
    )
    return 0


def _weights(text: str) -> Path | str:
    """A file or run folder, or the word "imagenet" for the weights that ship."""
    return text if text == "imagenet" else existing(text)
