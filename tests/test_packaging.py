"""setup.cfg names every package, every data file and every library, and none too many."""

from __future__ import annotations

import ast
import re
import sys
from configparser import ConfigParser
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOP_LEVEL = {"detector", "eval", "proposals", "rcnn_kernels"}
# Distributions whose names differ from the modules that they install
DISTRIBUTIONS = {
    "PIL": "pillow",
    "cv2": "opencv-contrib-python-headless",
    "rich_argparse": "rich-argparse",
    "yaml": "PyYAML",
}
# Libraries of the users' own programs, into whose types results are converted
CONVERTED_TO = {"pandas", "supervision"}


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


def test_every_library_that_is_imported_is_required(settings: ConfigParser) -> None:
    required = set(re.findall(r"^([\w-]+) ", settings["options"]["install_requires"], re.MULTILINE))
    imported = {
        module.split(".")[0]
        for name in TOP_LEVEL
        for path in (ROOT / name).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for module in modules(node)
    }
    libraries = imported - TOP_LEVEL - sys.stdlib_module_names - CONVERTED_TO
    assert required == {DISTRIBUTIONS.get(name, name) for name in libraries}


def modules(node: ast.AST) -> list[str]:
    """Modules that an import statement names."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
