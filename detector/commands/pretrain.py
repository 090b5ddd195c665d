"""`detect pretrain`: learns to classify whole pictures."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path


def pretrain(arguments: Namespace) -> int:
    """`detect pretrain`: from a folder of classes to a run folder with weights."""
    from detector.classification.pretrain import pretrain as run
    from detector.recipes import Recipe, load_recipe, recipe_from_dict
    from detector.weights_file import IMAGENET_WEIGHTS

    recipe = load_recipe(arguments.recipe) if arguments.recipe else Recipe(name="pretrain")
    content = recipe.to_dict()
    for key in ("epochs", "images_per_step", "learning_rate", "seed"):
        if getattr(arguments, key) is not None:
            content["pretrain"][key] = getattr(arguments, key)
    weights = arguments.weights
    run(
        arguments.data,
        arguments.output or Path("runs") / f"pretrain-{arguments.data.resolve().name}",
        recipe_from_dict(content, where="options"),
        validation=arguments.validation,
        weights=IMAGENET_WEIGHTS if weights == Path("imagenet") else weights,
        device=arguments.device,
    )
    return 0
