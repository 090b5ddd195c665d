"""Recipes: the dataclasses that the YAML files of configs/ fill. It imports no heavy package."""

from detector.recipes.loading import (
    DEFAULT,
    fill,
    load_recipe,
    read_yaml,
    recipe_from_dict,
    recipe_names,
)
from detector.recipes.options import (
    LoopOptions,
    MultiBoxOptions,
    NetworkOptions,
    PostprocessOptions,
    PretrainOptions,
    ProposalOptions,
    Recipe,
    TrainingOptions,
    to_dict,
)
from detector.recipes.overrides import check_setting, override

__all__ = [
    "DEFAULT",
    "LoopOptions",
    "MultiBoxOptions",
    "NetworkOptions",
    "PostprocessOptions",
    "PretrainOptions",
    "ProposalOptions",
    "Recipe",
    "TrainingOptions",
    "check_setting",
    "fill",
    "load_recipe",
    "override",
    "read_yaml",
    "recipe_from_dict",
    "recipe_names",
    "to_dict",
]
