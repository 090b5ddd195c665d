"""Read recipes: YAML -> nested dicts -> dataclasses.

A file sets only what differs from the defaults. An unknown key or a value that does not fit is an
error that names the file, the key and the remedy. Recipes do not inherit from one another.
"""

from __future__ import annotations

import contextlib
import typing
from dataclasses import Field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from detector.errors import DetectorError, suggest
from detector.recipes.options import NetworkOptions, Recipe


class Dataclass(Protocol):
    """Any dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


Options = TypeVar("Options", bound=Dataclass)

# Installed, the folder configs/ lies inside the package `detector`; in a checkout it lies beside it
RECIPE_FOLDER = next(
    folder
    for folder in (Path(__file__).parents[1] / "configs", Path(__file__).parents[2] / "configs")
    if folder.is_dir()
)
A_LIST = "expected a list such as [448, 512]"
DEFAULT = "pair"  # the recipe of `Detector.load()` without a name


def recipe_names() -> list[str]:
    """Names of the recipes that ship."""
    return sorted(path.stem for path in RECIPE_FOLDER.glob("*.yaml"))


def load_recipe(name: str | Path) -> Recipe:
    """Read a recipe by the name of one that ships ("voc20") or by the path of a YAML file.

    Raises
    ------
    DetectorError
        Unknown name, unreadable file, unknown key, value that does not fit.
    """
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        path = RECIPE_FOLDER / f"{name}.yaml"
        if not path.is_file():
            remedy = suggest(str(name), recipe_names())
            raise DetectorError(f"recipe {str(name)!r}: no such recipe{remedy}")
    return fill(Recipe(), read_yaml(path), str(path))


def recipe_from_dict(content: object, where: str = "recipe") -> Recipe:
    """A recipe from nested dicts; `where` opens every error message."""
    return fill(Recipe(), content, where)


def read_yaml(path: Path) -> Any:
    """Content of a YAML file; an empty one is {}.

    Raises
    ------
    DetectorError
        Unreadable file.
    """
    import yaml

    try:
        return yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise DetectorError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DetectorError(
            f"{path}: not valid YAML ({' '.join(str(error).split())}); correct it"
        ) from None


def fill(options: Options, content: object, where: str, section: str = "") -> Options:
    """Options with the values of nested dicts in place of their own.

    Parameters
    ----------
    where
        Opens every error message: a file, or where else the values come from.
    section
        Name of the options inside others.

    Raises
    ------
    DetectorError
        An unknown key, or a value of the wrong type or out of its bounds.
    """
    place = f"{where}: {section}" if section else where
    if not isinstance(content, dict):
        raise DetectorError(f"{place}: expected keys and values, got {content!r}")
    own, loop = {item.name: item for item in fields(options)}, getattr(options, "loop", None)
    of_loop: list[str] = []
    if loop is not None:  # its keys stand among the section's own
        of_loop = [item.name for item in fields(loop)]
        del own["loop"]
    for key in content:
        if key not in own and key not in of_loop:
            remedy = suggest(str(key), [*of_loop, *own])
            raise DetectorError(f"{place}: unknown key {key!r}{remedy}")

    types, changes = typing.get_type_hints(type(options)), dict[str, Any]()
    for key, item in own.items():
        if key not in content:
            continue
        name = f"{section}.{key}" if section else key
        if is_dataclass(types[key]):
            changes[key] = fill(getattr(options, key), content[key], where, name)
        else:
            value = _convert(types[key], content[key], name, where)
            changes[key] = _checked(item, value, name, where)
    if loop is not None:
        given = {key: content[key] for key in of_loop if key in content}
        changes["loop"] = fill(loop, given, where, section)
    filled = replace(options, **changes)
    if isinstance(filled, Recipe):
        _check_mode(filled.network, where)
    return filled


def _convert(kind: Any, value: Any, name: str, where: str) -> Any:
    """A value of YAML as the type of a field."""
    if typing.get_origin(kind) is tuple:
        if not isinstance(value, list | tuple):
            raise DetectorError(f"{where}: {name}: {A_LIST}, got {value!r}")
        return tuple(_convert(typing.get_args(kind)[0], item, name, where) for item in value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    # YAML 1.1 takes 5e-5, without a point, for text; float() would take other scripts' digits too
    if kind is float and isinstance(value, str) and value.isascii():
        with contextlib.suppress(ValueError):
            return float(value)
    if type(value) is not kind:
        raise DetectorError(f"{where}: {name}: expected {kind.__name__}, got {value!r}")
    return value


def _checked(item: Field[Any], value: Any, name: str, where: str) -> Any:
    """The value of a field, if it is within the bounds or among the words of the field."""
    metadata = item.metadata
    if "words" in metadata and value not in metadata["words"]:
        remedy = suggest(value, metadata["words"])
        raise DetectorError(f"{where}: {name} is {value!r}{remedy}")
    if "bounds" in metadata:
        lowest, highest = metadata["bounds"]
        if value == () and not metadata["may_be_empty"]:
            raise DetectorError(f"{where}: {name}: {A_LIST}, got []")
        for number in value if isinstance(value, tuple) else (value,):
            if not lowest <= number <= highest:
                verb = "holds" if isinstance(value, tuple) else "is"
                raise DetectorError(f"{where}: {name} {verb} {number}; use {lowest} to {highest}")
    return value


def _check_mode(network: NetworkOptions, where: str) -> None:
    """Refuse an option that the mode of the networks would ignore."""
    if network.mode == "warp" and network.context:
        raise DetectorError(
            f"{where}: network.context needs network.mode shared; in warp mode set it to []"
        )
    if network.mode == "shared" and network.padding != NetworkOptions().padding:
        raise DetectorError(f"{where}: network.padding needs network.mode warp; leave it out")
