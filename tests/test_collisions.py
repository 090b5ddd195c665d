"""Files of the user's own that have our packages' names do not break the detector."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PLACES = "import proposals, eval; print(proposals.__file__, eval.__file__)"
OURS = [str(ROOT / name / "__init__.py") for name in ("proposals", "eval")]


def run(folder: Path, name: str, program: str) -> subprocess.CompletedProcess[str]:
    """Run a program as the script `name` in `folder`; its folder comes first on the path."""
    (folder / name).write_text(program)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, name], cwd=folder, capture_output=True, text=True, env=environment
    )


def warnings_in(text: str) -> list[str]:
    return [line for line in text.splitlines() if "UserWarning" in line]


def test_the_detector_detects_beside_files_with_our_packages_names(tmp_path: Path) -> None:
    for name in ("eval.py", "kernels.py", "proposals.py"):
        (tmp_path / name).write_text("raise RuntimeError('the wrong file')\n")
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "__init__.py").write_text("raise RuntimeError('the wrong package')\n")
    program = (
        "from detector import Detector\n"
        "import numpy as np\n"
        "image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)\n"
        "print(Detector.load()(image, threshold=0).image_size)\n"
    )
    finished = run(tmp_path, "street.py", program)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.split("\n")[0] == "(48, 64)"
    first, second = warnings_in(finished.stderr)
    assert f"{tmp_path / 'proposals.py'} has the name of detector's package 'proposals'" in first
    assert "street.py:1: UserWarning" in second and second.endswith("the package: rename eval.py")


@pytest.mark.parametrize("name", ["eval.py", "proposals.py"])
def test_a_script_may_have_the_name_of_a_package(tmp_path: Path, name: str) -> None:
    finished = run(tmp_path, name, f"import detector; {PLACES}")
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.split() == OURS
    assert len(warnings_in(finished.stderr)) == 1


@pytest.mark.parametrize("path", ["eval.py", "proposals/__init__.py"])
def test_a_module_imported_before_is_an_error_that_names_it(tmp_path: Path, path: str) -> None:
    other = tmp_path / path
    other.parent.mkdir(exist_ok=True)
    other.touch()
    shown = tmp_path / path.split("/")[0]
    finished = run(tmp_path, "street.py", f"import {shown.stem}\nimport detector\n")
    last = finished.stderr.splitlines()[-1]
    assert finished.returncode == 1
    assert last.startswith(f"ImportError: detector needs its package '{shown.stem}' in {ROOT}")
    assert last.endswith(f"but {shown} has been imported under that name: rename {shown.name}")


def test_spawned_processes_find_our_packages_without_another_warning(tmp_path: Path) -> None:
    (tmp_path / "proposals.py").touch()
    program = (
        "import multiprocessing\n"
        "from detector import DetectorError\n"
        "def work(_):\n"
        f"    {PLACES}\n"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        pool.map(work, [0])\n"
    )
    finished = run(tmp_path, "eval.py", program)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.split() == OURS
    assert len(warnings_in(finished.stderr)) == 2


def test_without_collisions_nothing_is_imported_or_printed(tmp_path: Path) -> None:
    (tmp_path / "eval").mkdir()  # a folder without __init__.py hides nothing
    program = "import sys, detector; print({'proposals', 'eval'} & set(sys.modules))"
    finished = run(tmp_path, "street.py", program)
    assert (finished.stdout, finished.stderr) == ("set()\n", "")
