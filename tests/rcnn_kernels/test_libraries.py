"""Every compiled function of the packages belongs to a library."""

import importlib
import re
from pathlib import Path

import pytest

from rcnn_kernels import Library

ROOT = Path(__file__).parents[2]
PACKAGES = ("eval", "proposals", "detector/networks/operators")
TEXTS = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): text
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
    if "rcnn_kernels" in (text := path.read_text()) or "import kernel" in text
}
LIBRARIES = [
    importlib.import_module(name).library for name, text in TEXTS.items() if "Library(" in text
]


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.package)
def test_a_library_has_all_modules_of_its_kernels_and_their_helpers(library: Library):
    """Changes of a module that it lacks would not compile the kernels anew."""
    for module in library.modules:
        importlib.import_module(module)
    kernels = {kernel.function.__module__ for kernel in library._kernels.values()}
    assert kernels <= set(library.modules)
    for name in library.modules:
        imported = set(re.findall(r"^from ([\w.]+) import", TEXTS.get(name, ""), re.MULTILINE))
        helping = {one for one in imported if re.search("@(helper|subroutine)", TEXTS.get(one, ""))}
        assert helping <= set(library.modules)


def test_every_module_of_kernels_belongs_to_a_library():
    known = {module for library in LIBRARIES for module in library.modules}
    having = {
        name
        for name, text in TEXTS.items()
        if re.search(r"^@(kernel|helper|subroutine)\b", text, re.MULTILINE)
    }
    assert having and having <= known


def test_the_libraries_of_eval_are_compiled_before_other_tests():
    packages = {one.package for one in LIBRARIES if one.package.startswith("eval")}
    compiled = {one.package for one in LIBRARIES if one._engine is not None}
    assert packages == {"eval", "eval.protocols", "eval.pycocotools", "eval.why"}
    assert packages <= compiled
