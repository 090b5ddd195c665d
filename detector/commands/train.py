"""`detect train`: learns a detector from a data set."""

from __future__ import annotations

import os
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detector.cli import load_detector
from detector.errors import DetectorError

if TYPE_CHECKING:
    from detector.recipes import Recipe

STEPS = {"detector": "training", "multibox": "multibox", "all": "training"}


def train(arguments: Namespace) -> int:
    """`detect train`: from boxes to a run folder with weights."""
    from detector.recipes import load_recipe
    from detector.training.derived_recipe import derive_recipe, explain
    from detector.training.job import read_training_data
    from detector.training.run import train as run
    from detector.weights_file import IMAGENET_WEIGHTS

    if arguments.weights and arguments.imagenet_weights:
        raise DetectorError("--imagenet-weights: --weights replaces them; leave out one of both")
    if arguments.part == "multibox" and arguments.imagenet_weights:
        raise DetectorError(
            "--imagenet-weights: MultiBox learns on a detector's trunk; leave it out"
        )
    if arguments.weights and any(s.startswith("training.initial=") for s in arguments.settings):
        raise DetectorError("training.initial: --weights replaces it; leave out one of both")
    if arguments.part == "multibox" and arguments.members is not None:
        raise DetectorError("--members: MultiBox is one; leave it out or train --part detector")
    start = dataset = None
    if arguments.part == "multibox" or arguments.weights:
        start = load_detector(arguments)
        recipe = start.recipe
    elif arguments.recipe:
        recipe = load_recipe(arguments.recipe)
    else:
        dataset = read_training_data(arguments.data, arguments.split)
        recipe = derive_recipe(dataset, arguments.data.resolve().parent.name or "custom")
    if arguments.imagenet_weights and start is None:  # in place of what was derived
        recipe = replace(recipe, training=replace(recipe.training, initial=""))
    recipe = _with_options(recipe, arguments)
    if dataset is not None and os.environ.get("RANK", "0") == "0":  # one of torchrun's processes
        print("\n".join(explain(recipe, dataset)), flush=True)
    run(
        arguments.data,
        arguments.output or Path("runs") / _run_name(arguments, recipe),
        recipe,
        start=start,
        part=arguments.part,
        images=arguments.images,
        split=arguments.split,
        device=arguments.device,
        imagenet_weights=arguments.imagenet_weights or IMAGENET_WEIGHTS,
        use_cache=not arguments.no_cache,
    )
    return 0


def _run_name(arguments: Namespace, recipe: Recipe) -> str:
    """What a run is called: its recipe, its data, what is trained alone, what it goes on from."""
    data, weights = arguments.data, arguments.weights
    words = [recipe.name, data.resolve().stem if data.stem in ("", "..") else data.stem]
    if arguments.part != "all":
        words.append(arguments.part)
    if weights:
        is_run = weights.is_dir() or weights.name == "weights.safetensors"
        folder = weights if weights.is_dir() else weights.resolve().parent
        words += ["from", folder.resolve().name if is_run else weights.stem]
    return "-".join(words)


def _with_options(recipe: Recipe, arguments: Namespace) -> Recipe:
    from detector.recipes import override, recipe_from_dict

    content: dict[str, Any] = override(recipe, arguments.settings).to_dict()
    for key in ("epochs", "seed"):
        if getattr(arguments, key) is not None:
            content[STEPS[arguments.part]][key] = getattr(arguments, key)
    if arguments.members is not None:
        content["training"]["members"] = arguments.members
    return recipe_from_dict(content, where="options")
