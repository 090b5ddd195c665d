"""`detect train`: learns a detector from a data set."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from detector.cli import load_detector

DEFAULT_RECIPE = "voc20"


def train(arguments: Namespace) -> int:
    """`detect train`: from boxes to a run folder with weights."""
    from configs import load_recipe, recipe_from_dict
    from detector.train import train as run

    start = None
    if arguments.part == "multibox" or arguments.weights:
        start = load_detector(arguments)
        content = start.recipe.to_dict()
    else:
        content = load_recipe(arguments.recipe or DEFAULT_RECIPE).to_dict()
    section = "multibox" if arguments.part == "multibox" else "training"
    for key in ("epochs", "seed"):
        if getattr(arguments, key) is not None:
            content[section][key] = getattr(arguments, key)
    recipe = recipe_from_dict(content, where="options")
    part = "" if arguments.part == "all" else f"-{arguments.part}"
    output = arguments.output or Path("runs") / f"{recipe.name}-{arguments.data.stem}{part}"
    run(
        arguments.data,
        output,
        recipe,
        start=start,
        part=arguments.part,
        images=arguments.images,
        device=arguments.device,
        use_cache=not arguments.no_cache,
    )
    return 0
