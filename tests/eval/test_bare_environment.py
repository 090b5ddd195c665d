"""The evaluator in an environment with nothing but its few libraries."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.eval.bad_cases.formats import ilsvrc, table, voc, yolo
from tests.eval.bad_inputs import NOTHING, RIGHT, files

LIBRARIES = ("numpy", "orjson", "numba", "llvmlite")
OURS = ("eval", "rcnn_kernels")
# Modules from outside the standard library, by their first names.
LOADED = """
import json, sys
names = {
    name.partition(".")[0] for name, module in sys.modules.items()
    if getattr(module, "__file__", None)
} - set(sys.stdlib_module_names)
print(json.dumps([found, sorted(names - {"__main__"})]))
"""
EVALUATE = """
from eval import evaluate, read_dataset
found = []
for truth, results, options in json.loads(sys.argv[2]):
    dataset = read_dataset(truth, **options)
    found.append({})
    for protocol in ("coco", "voc", "voc2007", "ilsvrc"):
        report = evaluate(results, dataset, protocol)
        found[-1][protocol] = report.map
"""
REFUSED = """
from eval import EvaluationError, read_dataset
try:
    read_dataset(sys.argv[2], **json.loads(sys.argv[3]))
except EvaluationError as error:
    found = str(error)
"""
IMPORT_ALL = """
import importlib, pkgutil, eval
found = [module.name for module in pkgutil.walk_packages(eval.__path__, "eval.")]
for name in found:
    importlib.import_module(name)
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of links to the evaluator and its libraries, and to nothing else."""
    folder = tmp_path_factory.mktemp("packages")
    for name in (*LIBRARIES, *OURS):
        spec = find_spec(name)
        assert spec is not None and spec.origin is not None
        home = Path(spec.origin).parent
        # Wheels keep the shared libraries that they bring beside their package.
        for path in (home, home.with_name(f"{name}.libs")):
            if path.is_dir():
                (folder / path.name).symlink_to(path)
    return folder


def run(packages: Path, code: str, *words: str) -> tuple[Any, set[str]]:
    """The value of `found` after running `code`, and the loaded modules."""
    program = f"import json, sys\nsys.path.insert(0, sys.argv[1])\n{code}{LOADED}"
    command = [sys.executable, "-S", "-I", "-c", program, str(packages), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found, names = json.loads(done.stdout)
    return found, set(names)


def test_importing_it_is_light(packages: Path) -> None:
    _, loaded = run(packages, "found = None\nimport eval")
    assert loaded <= {"eval", "rcnn_kernels", "numpy"}


def test_nothing_is_there_that_is_not_needed(packages: Path) -> None:
    for name in ("torch", "cv2", "scipy", "pandas", "matplotlib", "PIL", "detector", "proposals"):
        code = f"import importlib.util\nfound = importlib.util.find_spec({name!r}) is None"
        assert run(packages, code)[0] is True, name


def test_every_module_can_be_imported(packages: Path) -> None:
    found, loaded = run(packages, IMPORT_ALL)
    assert {"eval.report", "eval.why", "eval.checking.linter", "eval.formats.yolo"} <= set(found)
    assert loaded <= {"eval", "rcnn_kernels", "numpy", "orjson"}


def test_missing_libraries_are_named(packages: Path, tmp_path: Path) -> None:
    yolo()(tmp_path)
    plain = yolo()(tmp_path / "plain").truth
    (plain / "data.yaml").rename(plain / "classes.txt")
    kit = ilsvrc()(tmp_path).truth
    (kit / "meta_det.mat").write_bytes(b"")
    for place, options, library in (
        (tmp_path / "yolo" / "data.yaml", {}, "pyyaml"),
        (plain, {}, "pillow"),
        (kit, {}, "scipy"),
    ):
        message = run(packages, REFUSED, str(place), json.dumps(options))[0]
        assert f"pip install {library}" in message and len(message.splitlines()) == 1


def test_all_protocols_from_files(packages: Path, tmp_path: Path) -> None:
    made = []
    for name, make in (("coco", files), ("voc", voc()), ("ilsvrc", ilsvrc())):
        (tmp_path / name).mkdir()
        made.append(make(tmp_path / name))
    made.append(table(lambda content: content)(tmp_path))
    (tmp_path / "empty").mkdir()
    made.append(files(tmp_path / "empty", results=[]))
    cases = [[str(one.truth), str(one.detections), one.reading] for one in made]
    found, loaded = run(packages, EVALUATE, json.dumps(cases))
    assert found == [pytest.approx(RIGHT, abs=1e-12)] * 4 + [NOTHING]
    assert loaded <= {*LIBRARIES, *OURS}
