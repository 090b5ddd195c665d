"""Architecture: no import circles, no large folders, no long lists of parameters.

The contracts in setup.cfg, which `lint-imports` checks, fix the direction of imports. This file
finds circles between single modules of all packages. grimp reads import statements from the source
without running it, so every statement counts, wherever it stands: at the top of a file, inside a
function, or under TYPE_CHECKING. Imports by `importlib.import_module` do not count, nor do
Python's own imports of parent packages.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("detector", "eval", "proposals", "rcnn_kernels")
FOLDERS = (*PACKAGES, "tests", "benchmarks")
MOST_FILES, MOST_PARAMETERS = 16, 8

# Public functions whose many parameters are options, passed by name
PUBLIC_DOORS = {
    "detector/training/run.py: train",
    "eval/report/page.py: write_report",
    "proposals/selective_search.py: selective_search",
}
# Decorators of compiled functions, which take arrays and numbers but no objects
COMPILED = {"helper", "jit", "kernel", "njit", "subroutine"}


def circle_in(*packages: str) -> list[str]:
    """Modules of one import circle, in the order of its imports; [] if there is no circle."""
    graph = grimp.build_graph(*packages, exclude_type_checking_imports=False, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    # A module that imports none of the others is on no circle: remove such modules repeatedly.
    while free := {module for module, imported in imports.items() if not imported & imports.keys()}:
        imports = {module: imported for module, imported in imports.items() if module not in free}
    # Each remaining module imports another one, so any path through them ends in a circle.
    path: list[str] = []
    module = min(imports, default="")
    while module and module not in path:
        path.append(module)
        module = min(imports[module] & imports.keys())
    return path[path.index(module) :] if module else []


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circle_in(*PACKAGES) == []


@pytest.mark.parametrize(
    "hidden",
    [
        "from rooms import cellar\n",
        "def climb():\n    from rooms.cellar import wine\n",
        "class Attic:\n    def climb(self):\n        import rooms.cellar\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from rooms.cellar import Wine\n",
    ],
)
def test_a_circle_is_found_wherever_the_import_stands(
    hidden: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "rooms"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "attic.py").touch()
    (package / "cellar.py").write_text("from rooms import stairs\n")
    (package / "stairs.py").write_text("from rooms import attic\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert circle_in("rooms") == []
    (package / "attic.py").write_text(hidden)
    assert circle_in("rooms") == ["rooms.attic", "rooms.cellar", "rooms.stairs"]


def test_no_folder_has_too_many_files() -> None:
    counts: dict[str, int] = {}
    for path in sources():
        folder = str(path.parent.relative_to(ROOT))
        counts[folder] = counts.get(folder, 0) + 1
    assert {folder: count for folder, count in counts.items() if count > MOST_FILES} == {}


def test_functions_have_few_parameters() -> None:
    long = {
        f"{path.relative_to(ROOT)}: {function.name}"
        for path in sources()
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        and len(parameters(function)) > MOST_PARAMETERS
        and not COMPILED
        & {name for decorator in function.decorator_list for name in names(decorator)}
    }
    assert long == PUBLIC_DOORS


def sources() -> Iterator[Path]:
    for folder in FOLDERS:
        yield from (ROOT / folder).rglob("*.py")


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """Names of a function's parameters, without self and cls."""
    of = function.args
    arguments = [*of.posonlyargs, *of.args, *of.kwonlyargs, of.vararg, of.kwarg]
    return [one.arg for one in arguments if one is not None and one.arg not in ("self", "cls")]


def names(decorator: ast.expr) -> Iterator[str]:
    """Names in a decorator: kernel in @kernel("f4[1]"), triton and jit in @triton.jit."""
    for node in ast.walk(decorator):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
