"""setup.cfg names every package, every data file and every library, and none too many."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from fnmatch import fnmatch
from pathlib import Path

import pytest

from detector.extras import EXTRAS

ROOT = Path(__file__).resolve().parents[1]
TOP_LEVEL = {"detector", "eval", "proposals", "rcnn_kernels"}
# Distributions whose names differ from the modules that they install
DISTRIBUTIONS = {
    "PIL": "pillow",
    "cv2": "opencv-contrib-python-headless",
    "pillow_heif": "pillow-heif",
    "rich_argparse": "rich-argparse",
    "yaml": "PyYAML",
}
# Libraries of the users' own programs, whose types and masks are taken or made
OF_USERS = {"pandas", "pycocotools", "supervision"}
# Modules that need the libraries of an extra
HEAVY = re.compile(
    r"proposals\.multibox(_loss|_priors)?$|detector\."
    r"(batch|classification|exporting|loading|networks|pipeline|region_proposer|region_scores)\b|"
    r"detector\.(training|training_loop|weights_file)\b"
)


@pytest.fixture(scope="module")
def settings() -> ConfigParser:
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


@pytest.fixture(scope="module")
def folders(settings: ConfigParser) -> dict[str, Path]:
    """Folder of each package that setup.cfg installs."""
    names = settings["options"]["packages"].split()
    elsewhere = dict(
        line.split(" = ") for line in settings["options"]["package_dir"].strip().split("\n")
    )
    return {name: ROOT / elsewhere.get(name, name.replace(".", "/")) for name in names}


def test_every_folder_of_code_is_a_package(folders: dict[str, Path]) -> None:
    code = {path.parent for name in TOP_LEVEL for path in (ROOT / name).rglob("*.py")}
    assert set(folders.values()) == code | {ROOT / "configs"}
    assert [folder for folder in code if not (folder / "__init__.py").is_file()] == []
    assert {name.split(".")[0] for name in folders} == TOP_LEVEL


def test_every_data_file_is_installed(settings: ConfigParser, folders: dict[str, Path]) -> None:
    patterns = [
        (folders[package], pattern.strip(","))
        for package, line in settings["options.package_data"].items()
        for pattern in line.split()
    ]
    for folder in folders.values():
        for path in folder.rglob("*"):
            if path.is_file() and path.suffix != ".py" and path.parent.name != "__pycache__":
                assert any(
                    path.is_relative_to(base) and fnmatch(str(path.relative_to(base)), pattern)
                    for base, pattern in patterns
                ), f"{path} is no package data"


def test_type_checkers_see_the_types_of_every_package() -> None:
    assert [name for name in sorted(TOP_LEVEL) if not (ROOT / name / "py.typed").is_file()] == []


def test_every_library_that_is_imported_is_required(settings: ConfigParser) -> None:
    required = base_of(settings).union(*extras_of(settings).values())
    imported = {
        library
        for name in TOP_LEVEL
        for path in (ROOT / name).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for library in libraries_of(node)
    }
    assert required == imported


def test_light_modules_import_only_what_is_always_installed(settings: ConfigParser) -> None:
    """Another library is imported where its absence is handled, or only for its types."""
    base = base_of(settings)
    for name in light_modules():
        path = ROOT / f"{name.replace('.', '/')}.py"
        path = path if path.is_file() else path.with_suffix("") / "__init__.py"
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imported = {library for node in needed(tree) for library in libraries_of(node)}
        assert imported <= base, f"{path.relative_to(ROOT)} imports {imported - base}"


def test_the_program_knows_its_extras(settings: ConfigParser) -> None:
    extras = extras_of(settings)
    known = {
        name: {DISTRIBUTIONS.get(module, module) for module in modules}
        for name, modules in EXTRAS.items()
    }
    assert known == extras
    assert f"googlenet-rcnn[{', '.join(extras)}]" in settings["options.extras_require"]["dev"]


def base_of(settings: ConfigParser) -> set[str]:
    """Libraries of every installation."""
    return distributions(settings["options"]["install_requires"])


def extras_of(settings: ConfigParser) -> dict[str, set[str]]:
    """Libraries of each extra for users."""
    extras = settings["options.extras_require"]
    return {name: distributions(lines) for name, lines in extras.items() if name != "dev"}


def distributions(requirements: str) -> set[str]:
    return set(re.findall(r"^([\w-]+)(?:\[\w+\])? ", requirements, re.MULTILINE))


def light_modules() -> list[str]:
    """Names of the modules that work without any extra."""
    return [
        name
        for package in sorted(TOP_LEVEL)
        for path in sorted((ROOT / package).rglob("*.py"))
        if not HEAVY.match(
            name := ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        )
    ]


def needed(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a module, without those that run only for types or may fail to import."""
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        if isinstance(child, ast.Try) and any(
            handler.type is not None and "ImportError" in ast.unparse(handler.type)
            for handler in child.handlers
        ):
            continue
        yield from needed(child)


def libraries_of(node: ast.AST) -> set[str]:
    """Distributions from outside that an import statement names."""
    names = {
        "tensorboard" if module == "torch.utils.tensorboard" else module.split(".")[0]
        for module in modules(node)
    }
    outside = names - TOP_LEVEL - sys.stdlib_module_names - OF_USERS
    return {DISTRIBUTIONS.get(name, name) for name in outside if name}


def modules(node: ast.AST) -> list[str]:
    """Modules that an import statement names."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
