"""Change single values of a recipe from the command line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import is_dataclass
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
    content: dict[str, Any] = {}
    for setting in settings:
        _add(content, setting)
    return fill(recipe, content, where="--set")


def check_setting(setting: str) -> None:
    """Refuse a setting that fits no recipe; whether its mode fits is checked by `override`.

    Raises
    ------
    DetectorError
        As for `override`.
    """
    content: dict[str, Any] = {}
    _add(content, setting)
    ((section, values),) = content.items()
    options = getattr(Recipe(), section, None)
    if is_dataclass(options) and not isinstance(options, type):
        fill(options, values, "--set", section)
    else:
        fill(Recipe(), content, "--set")


def _add(content: dict[str, Any], setting: str) -> None:
    """Add the value of a setting to the nested dicts of a recipe."""
    import yaml

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
        raise DetectorError(f"--set {setting!r}: its value is not YAML; put it in quotes") from None
