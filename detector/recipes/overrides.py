"""Change single values of a recipe from the command line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from detector.errors import DetectorError
from detector.recipes.loading import fill
from detector.recipes.options import Recipe


def override(recipe: Recipe, settings: Iterable[str]) -> Recipe:
    """A recipe with some values replaced, each written as in "network.mirror=true".

    What follows the equals sign is YAML: `true`, `5e-5`, `[448, 544]`, a word.

    Raises
    ------
    DetectorError
        A setting of another form, an unknown key, or a value that does not fit.
    """
    import yaml

    content: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        *sections, name = key.split(".")
        part = content
        for section in sections:
            part = part.setdefault(section, {}) if isinstance(part, dict) else part
        if not equals or not name or not isinstance(part, dict):
            raise DetectorError(
                f"--set {setting!r}: expected SECTION.KEY=VALUE, such as network.mirror=true"
            )
        try:
            part[name] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise DetectorError(
                f"--set {setting!r}: its value is not YAML; put it in quotes"
            ) from None
    return fill(recipe, content, where="--set")
