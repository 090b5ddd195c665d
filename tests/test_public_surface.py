"""The public names, and the heavy packages that imports do not load."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("package", "name"),
    [
        ("detector", "Detector"),
        ("detector", "Detections"),
        ("detector", "Detection"),
        ("detector", "DetectorError"),
        ("detector", "read_image"),
        ("detector", "__version__"),
        ("proposals", "selective_search"),
        ("proposals", "Proposals"),
        ("eval", "read_dataset"),
        ("eval", "evaluate"),
        ("eval", "read_detections"),
        ("eval", "Options"),
        ("eval", "MeanAveragePrecision"),
        ("eval.pycocotools", "COCO"),
        ("eval.pycocotools", "COCOeval"),
        ("eval.pycocotools", "LVISEval"),
        ("eval.pycocotools", "patch"),
        ("eval.why", "explain"),
        ("eval.why", "compare"),
        ("eval.report", "write_report"),
        ("eval.checking", "check"),
        ("detector.recipes", "load_recipe"),
    ],
)
def test_public_names_can_be_imported(package: str, name: str) -> None:
    assert getattr(importlib.import_module(package), name)


def test_an_unknown_name_is_an_attribute_error() -> None:
    import detector

    with pytest.raises(AttributeError, match="no attribute 'Detecter'"):
        detector.Detecter  # noqa: B018


def imported_with(statement: str) -> set[str]:
    """Top-level modules loaded after a statement in a fresh interpreter."""
    code = f"import sys; {statement}; print(*{{name.split('.')[0] for name in sys.modules}})"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    return set(finished.stdout.split())


def test_proposals_and_eval_need_neither_torch_nor_the_detector() -> None:
    statement = (
        "import numpy; from proposals import selective_search; from eval import evaluate, "
        "read_dataset; selective_search(numpy.zeros((9, 9, 3), numpy.uint8))"
    )
    assert not imported_with(statement) & {"torch", "torchvision", "detector"}


@pytest.mark.parametrize(
    "statement",
    [
        "import detector, proposals, eval, eval.pycocotools",
        "import detector.cli, detector.commands.parser",
        "from detector import Detections",
    ],
)
def test_light_imports_stay_light(statement: str) -> None:
    heavy = {"torch", "torchvision", "numba", "cv2", "matplotlib", "pycocotools"}
    assert not imported_with(statement) & heavy
