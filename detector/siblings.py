"""The packages `proposals` and `eval` that belong to this detector, whatever else has their names.

Python looks for modules in the folder of the running script first. If that folder holds an eval.py,
or the script itself is called eval.py, `import eval` finds that file in place of the package. So
`import detector` makes sure that both names stand for the packages that lie beside it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec, module_from_spec
from pathlib import Path

NAMES = ("proposals", "eval")


def use_own_siblings() -> None:
    """Load our packages if `import` would find others under their names, with a warning.

    Raises
    ------
    ImportError
        Another module has been imported under one of the names already.
    """
    for name in NAMES:
        own = PathFinder.find_spec(name, [str(Path(__file__).parents[1])])
        if own is not None and own.origin is not None:
            _use(name, own, Path(own.origin))


def _use(name: str, own: ModuleSpec, path: Path) -> None:
    if name in sys.modules:
        module = sys.modules[name]
        other = _place(getattr(module, "__file__", None), getattr(module, "__path__", None))
        if _is_same(other, path):
            return
        raise ImportError(
            f"detector needs its package {name!r} in {path.parent}, but {_shown(other)} has been "
            f"imported under that name: rename {_shown(other).name}",
            name=name,
        )
    spec = find_spec(name)
    other = path if spec is None else _place(spec.origin, spec.submodule_search_locations)
    if _is_same(other, path):
        return
    _warn(
        f"{_shown(other)} has the name of detector's package {name!r}, and `import {name}` now "
        f"means the package: rename {_shown(other).name}"
    )
    _load(name, own)


def _load(name: str, spec: ModuleSpec) -> None:
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise


def _place(file: str | None, folders: Iterable[str] | None) -> Path:
    """File of a module, or folder of a package that has no __init__.py."""
    return Path(file or next(iter(folders or ()), "a module without a file"))


def _is_same(one: Path, other: Path) -> bool:
    return one == other or (one.exists() and os.path.samefile(one, other))


def _shown(path: Path) -> Path:
    return path.parent if path.name == "__init__.py" else path


def _warn(message: str) -> None:
    """Warn at the line that imports detector; worker processes do not repeat the warning."""
    import multiprocessing
    import warnings

    if multiprocessing.current_process().name == "MainProcess":
        warnings.warn(message, stacklevel=5)
