"""`detect train`: train a detector on a data set."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detector.commands.shared.chosen_detector import load_detector, name_of_weights
from detector.commands.shared.options import (
    add_device,
    add_machine,
    add_settings,
    add_text_boxes,
    add_voc_corners,
    given,
)
from detector.commands.shared.values import (
    count,
    existing,
    folder,
    integer,
    number,
    output_folder,
    recipe,
)
from detector.console import show
from detector.errors import UsageError
from detector.extras import require

if TYPE_CHECKING:
    from detector.recipes import Recipe

HELP = "train a detector on your own boxes"
# The section of the recipe that --epochs and --seed change
SECTIONS = {"detector": "training", "multibox": "multibox", "all": "training"}


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `detect train`."""
    add = parser.add_argument
    add(
        "--data", type=existing, required=True, metavar="JSON|DIR",
        help="boxes in COCO format, or the folder of a VOC, ILSVRC DET or YOLO data set",
    )  # fmt: skip
    add("--images", type=folder, metavar="DIR", help="its pictures (default: in or beside --data)")
    add(
        "--split", metavar="NAME",
        help="part of a data set folder to train on (default: trainval, or else train)",
    )  # fmt: skip
    add_voc_corners(parser)
    add_text_boxes(parser)
    add(
        "-o", "--output", type=output_folder, metavar="DIR",
        help="run folder; an unfinished run in it is continued (default: runs/RECIPE-DATA, with "
        "--weights runs/RECIPE-DATA-from-WEIGHTS)",
    )  # fmt: skip
    add(
        "--recipe", type=recipe, metavar="NAME|YAML",
        help="training settings (default: derived from the data, and named after their folder)",
    )  # fmt: skip
    add(
        "--part", choices=("all", "detector", "multibox"), default="all",
        help="train the detector, MultiBox on its trunk, or both in this order (default: all)",
    )  # fmt: skip
    add(
        "--weights", type=existing, metavar="FILE",
        help="continue from this detector of the same classes (default: start from the network "
        "that the recipe's training.initial names, or else from the ImageNet weights; --part "
        "multibox starts from the recipe's detector)",
    )  # fmt: skip
    add(
        "--imagenet-weights", type=existing, metavar="FILE",
        help="start from this network of `detect pretrain` (default: BVLC GoogLeNet, included)",
    )  # fmt: skip
    add(
        "--members", type=count, metavar="N",
        help="number of networks in the ensemble; overrides the recipe",
    )  # fmt: skip
    add("--epochs", type=number, metavar="N", help="number of epochs; overrides the recipe")
    add("--seed", type=integer, metavar="N", help="random seed; overrides the recipe")
    add("--no-cache", action="store_true", help="neither read nor write the proposal cache")
    add_settings(parser)
    add_device(parser)
    add_machine(parser, trains_detector=True)


def run(arguments: argparse.Namespace) -> int:
    """Train; the run folder receives the weights."""
    require("detect", "detect train")
    from detector.recipes import load_recipe
    from detector.training.derived_recipe import derive_recipe, explain
    from detector.training.job import read_training_data
    from detector.training.run import train
    from detector.training_loop.machine import Machine
    from detector.weights_file import IMAGENET_WEIGHTS
    from proposals import ProposalCache

    data, part, weights = arguments.data, arguments.part, arguments.weights
    _check_start(part, weights, arguments.imagenet_weights, arguments.settings)
    if part == "multibox" and arguments.members is not None:
        raise UsageError("--members: does not apply to --part multibox; leave it out")
    start = dataset = None
    if part == "multibox" or weights:
        start = load_detector(arguments.recipe, weights, arguments.device, engine="torch")
        recipe = start.recipe
    elif arguments.recipe:
        recipe = load_recipe(arguments.recipe)
    else:
        dataset = read_training_data(
            data, arguments.split, arguments.voc_corners, arguments.text_boxes
        )
        recipe = derive_recipe(dataset, data.resolve().parent.name or "custom")
    if arguments.imagenet_weights and start is None:  # they replace the derived initial network
        recipe = replace(recipe, training=replace(recipe.training, initial=""))
    values = given(epochs=arguments.epochs, seed=arguments.seed)
    recipe = _with_options(recipe, arguments.settings, SECTIONS[part], values, arguments.members)
    if dataset is not None and os.environ.get("RANK", "0") == "0":  # the first of torchrun's
        show("\n".join(explain(recipe, dataset)))
    machine = given(
        precision=arguments.precision,
        checkpoint_minutes=arguments.checkpoint_minutes,
        crops_per_pass=arguments.crops_per_pass,
        images_per_pass=arguments.images_per_pass,
        memory_gb=arguments.memory_gb,
    )
    train(
        data,
        arguments.output or Path("runs") / _run_name(recipe.name, data, part, weights),
        recipe,
        start=start,
        part=part,
        images=arguments.images,
        split=arguments.split,
        corners=arguments.voc_corners,
        boxes=arguments.text_boxes,
        device=arguments.device,
        imagenet_weights=arguments.imagenet_weights or IMAGENET_WEIGHTS,
        machine=Machine(**machine),
        cache=None if arguments.no_cache else ProposalCache(),
    )
    return 0


def _check_start(
    part: str, weights: Path | None, imagenet_weights: Path | None, settings: Sequence[str]
) -> None:
    """Refuse two different networks to start from."""
    if weights and imagenet_weights:
        raise UsageError("--imagenet-weights: --weights replaces them; leave out one of the two")
    if part == "multibox" and imagenet_weights:
        raise UsageError(
            "--imagenet-weights: MultiBox is trained on a detector's trunk; leave it out"
        )
    if weights and any(setting.startswith("training.initial=") for setting in settings):
        raise UsageError("training.initial: --weights replaces it; leave out one of the two")


def _run_name(recipe: str, data: Path, part: str, weights: Path | None) -> str:
    """Name of a run: its recipe, data, part (unless all) and initial weights (if given)."""
    words = [recipe, data.resolve().stem if data.stem in ("", "..") else data.stem]
    if part != "all":
        words.append(part)
    if weights:
        words += ["from", name_of_weights(weights)]
    return "-".join(words)


def _with_options(
    recipe: Recipe,
    settings: Sequence[str],
    section: str,
    values: dict[str, float],
    members: int | None,
) -> Recipe:
    """The recipe with --set, then with the `values` of a section and --members."""
    from detector.recipes import override, recipe_from_dict

    content: dict[str, Any] = override(recipe, settings).to_dict()
    content[section] |= values
    if members is not None:
        content["training"]["members"] = members
    return recipe_from_dict(content, where="options")
