"""What `pip install .` alone gives: everything works that needs no network, and the rest says why.

The programs run in an interpreter that finds only the libraries that setup.cfg requires without an
extra, and what these require themselves.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable
from configparser import ConfigParser
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest

from detector.commands.parser import COMMANDS
from detector.extras import EXTRAS
from tests.detector.command import save
from tests.test_packaging import TOP_LEVEL, light_modules

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "docs/sample"
TRUTH, RESULTS = SAMPLE / "instances.json", SAMPLE / "results.json"
COMMAND = "from detector.cli import main\nsys.exit(main(sys.argv[2:]))"


@pytest.fixture(scope="module")
def absent() -> str:
    """Modules of all installed libraries but those of the light installation; commas between."""
    settings = ConfigParser()
    settings.read(ROOT / "setup.cfg", encoding="utf-8")
    left, light = names(settings["options"]["install_requires"].splitlines()), set[str]()
    while left:
        name = left.pop()
        if name not in light:
            light.add(name)
            needed = distribution(name).requires or ()
            left += names(line for line in needed if "extra ==" not in line)
    installed = packages_distributions()
    return ",".join(
        module
        for module, distributions in installed.items()
        if not light & set(names(distributions)) and module not in TOP_LEVEL
    )


def names(requirements: Iterable[str]) -> list[str]:
    """Normal forms of the names that requirements begin with."""
    found = re.findall(r"^[\w.-]+", "\n".join(requirements), re.MULTILINE)
    return [re.sub(r"[_.]", "-", name).lower() for name in found]


def python(absent: str, program: str, *words: object) -> subprocess.CompletedProcess[str]:
    """Run a program without the modules `absent`; its own arguments start at sys.argv[2]."""
    # Python takes None in sys.modules for a module that is not there.
    code = f"import sys\nsys.modules |= dict.fromkeys(sys.argv[1].split(','))\n{program}"
    command = [sys.executable, "-c", code, absent, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def test_no_library_of_an_extra_is_there(absent: str) -> None:
    modules = [name for extra in EXTRAS.values() for name in extra] + ["pandas", "pycocotools"]
    program = f"import importlib.util as u\nprint([n for n in {modules} if u.find_spec(n)])"
    assert python(absent, program).stdout == "[]\n"


def test_every_light_module_can_be_imported(absent: str) -> None:
    program = "import importlib\nfor name in sys.argv[2:]: importlib.import_module(name)"
    done = python(absent, program, *light_modules())
    assert done.returncode == 0, done.stderr


def test_results_are_evaluated(absent: str, tmp_path: Path) -> None:
    words = ("evaluate", "--data", TRUTH, "--detections", RESULTS, "--report", tmp_path)
    done = python(absent, COMMAND, *words, "--protocol", "coco")
    assert done.returncode == 0, done.stderr
    assert "AP         0.563" in done.stdout  # pycocotools' figure, which README prints
    assert (tmp_path / "index.html").is_file()


def test_a_data_set_is_checked(absent: str) -> None:
    done = python(absent, COMMAND, "check", RESULTS, "--data", TRUTH)
    assert (done.returncode, done.stderr) == (0, "") and "no errors" in done.stdout


def test_a_data_set_is_converted(absent: str, tmp_path: Path) -> None:
    done = python(absent, COMMAND, "convert", TRUTH, "--to", "yolo", "-o", tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "data.yaml").is_file()


def test_boxes_are_proposed_and_their_recall_is_measured_without_a_drawing_of_it(
    absent: str, tmp_path: Path
) -> None:
    words = ("propose", "--data", TRUTH, "--limit", 1, "--recall", "--no-cache", "--mode", "single")
    done = python(absent, COMMAND, *words, "--method", "selective_search", "-o", tmp_path)
    assert done.returncode == 0 and "recall" in done.stdout, done.stderr
    assert "no recall.png: drawing recall needs matplotlib; pip install matplotlib" in done.stderr
    assert {"proposals.jsonl", "recall.json"} <= {path.name for path in tmp_path.iterdir()}


def test_the_proposal_cache_is_shown(absent: str) -> None:
    assert python(absent, COMMAND, "cache").returncode == 0


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_is_there(absent: str, command: str) -> None:
    done = python(absent, COMMAND, *command.split(), "--help")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "words",
    [
        ["image", "1.png"],
        ["train", "--data", TRUTH],
        ["classify", "1.png"],
        ["pretrain", "--data", SAMPLE],
        ["evaluate", "--data", TRUTH],
        ["propose", "1.png"],
        ["propose", "--method", "multibox", "1.png"],
    ],
    ids=lambda words: " ".join(map(str, words[:3])).replace(f"{ROOT}/", ""),
)
def test_what_needs_the_networks_says_in_one_line_what_to_install(
    absent: str, tmp_path: Path, words: list[object]
) -> None:
    picture = save(tmp_path / "1.png")
    done = python(absent, COMMAND, *(picture if word == "1.png" else word for word in words))
    (line,) = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (1, "")
    assert 'torch, safetensors, scipy and matplotlib; run pip install ".[detect]"' in line


def test_batch_says_in_one_line_what_to_install(absent: str, tmp_path: Path) -> None:
    done = python(absent, COMMAND, "batch", save(tmp_path / "1.png"), "-o", tmp_path / "out")
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1 and "detect batch needs ray, pyarrow and fsspec; " in line
    assert 'run pip install ".[ray]"' in line and not (tmp_path / "out").exists()


def test_from_python_only_the_detector_is_missing(absent: str) -> None:
    program = (
        "from detector import Detections, DetectorError, read_image\n"
        "from proposals import selective_search\n"
        "from eval import evaluate, read_dataset\n"
        "image = read_image(sys.argv[2])\n"
        "print(len(selective_search(image, mode='single').boxes_xyxy) > 9)\n"
        "for kind in (ImportError, DetectorError):\n"
        "    try:\n"
        "        from detector import Detector\n"
        "    except kind as error:\n"
        "        print(error)\n"
    )
    done = python(absent, program, ROOT / "docs/photos/cat.jpg")
    assert done.returncode == 0, done.stderr
    found, first, second = done.stdout.splitlines()
    assert found == "True" and first == second
    assert first == (
        "detector.Detector needs torch, safetensors, scipy and matplotlib; "
        'run pip install ".[detect]" in the clone of this program'
    )
