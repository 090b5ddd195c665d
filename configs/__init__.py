"""Recipes: the YAML files in this folder and the dataclasses they fill."""

from configs.checks import RecipeError
from configs.overrides import override
from configs.recipe import (
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
    "RecipeError",
    "TrainingOptions",
    "load_recipe",
    "override",
    "recipe_from_dict",
    "recipe_names",
]
