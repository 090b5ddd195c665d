"""Recipes: the YAML files in this folder and the dataclasses they fill."""

from detector.recipes.overrides import override
from detector.recipes.recipe import (
    DEFAULT,
    MultiBoxOptions,
    NetworkOptions,
    PostprocessOptions,
    PretrainOptions,
    ProposalOptions,
    Recipe,
    TrainingOptions,
    load_recipe,
    recipe_from_dict,
    recipe_names,
)

__all__ = [
    "DEFAULT",
    "MultiBoxOptions",
    "NetworkOptions",
    "PostprocessOptions",
    "PretrainOptions",
    "ProposalOptions",
    "Recipe",
    "TrainingOptions",
    "load_recipe",
    "override",
    "recipe_from_dict",
    "recipe_names",
]
