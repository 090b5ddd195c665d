"""From a name - a recipe, a weights file, a run folder - to its recipe and weights file.

The module imports neither torch nor the networks.
"""

from __future__ import annotations

from pathlib import Path

from detector.errors import DetectorError
from detector.recipes import Recipe, load_recipe, recipe_names
from detector.weights_file import WEIGHTS_FOLDER


def find_weights(name: str | Path, weights: str | Path | None = None) -> tuple[Recipe | None, Path]:
    """The recipe that `name` names, None if it names weights, and the weights file.

    `weights` are other weights, a file or a run folder, under the recipe `name`.

    Raises
    ------
    DetectorError
        Nothing of that name.
    """
    recipe = None if _holds_weights(Path(name)) else load_recipe(name)
    return recipe, _weights_path(Path(weights or name), recipe if weights is None else None)


def recipe_file(name: str) -> Path:
    """The file that a recipe names: one of those that ship, or a path."""
    return WEIGHTS_FOLDER / name if Path(name).name == name else Path(name)


def _holds_weights(path: Path) -> bool:
    """Whether `path` names a detector by its weights and not by a recipe."""
    if str(path) in recipe_names():  # even where a folder has that name
        return False
    is_other_file = path.is_file() and path.suffix not in (".yaml", ".yml")
    return path.suffix == ".safetensors" or path.is_dir() or is_other_file


def _weights_path(path: Path, recipe: Recipe | None) -> Path:
    """The recipe's weights file; without a recipe, the file `path` or that of the run folder."""
    if recipe is not None:
        if not recipe.weights:
            raise DetectorError(f"recipe {recipe.name!r} names no weights; give --weights FILE")
        return recipe_file(recipe.weights)
    if path.is_dir():
        path = path / "weights.safetensors"
        if not path.is_file():
            raise DetectorError(f"{path}: no such file; finish the run with `detect train`")
    return path
