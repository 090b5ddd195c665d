"""Exported files compute what torch computes, for pictures of other sizes than the traced one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from detector import Detector
from detector.commands.export import photographs_to_check
from detector.networks.ensemble import Member
from detector.networks.pyramid import Pyramid, scaled_pictures
from detector.networks.regions import DELTA_SCALE, RegionClassifier
from detector.pictures.reading import read_image
from tests.detector.command import detect
from tests.made_up import rectangles

onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra [export]")
pytest.importorskip("onnx", reason="needs the extra [export]")

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "docs/examples/detect_with_onnxruntime.py"
CAT = ROOT / "docs/photos/cat.jpg"
CLOSE: dict[str, Any] = {"rtol": 1e-4, "atol": 1e-4}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of voc20."""
    folder = tmp_path_factory.mktemp("exported")
    run = detect("export", "voc20", "-o", folder)
    assert run.code == 0, run.errors
    return folder


def runner(folder: Path) -> Callable[..., list[np.ndarray]]:
    def run(name: str, **inputs: np.ndarray) -> list[np.ndarray]:
        session = onnxruntime.InferenceSession(
            folder / f"{name}.onnx", providers=["CPUExecutionProvider"]
        )
        return session.run(None, inputs)

    return run


def some_boxes(height: int, width: int, count: int) -> np.ndarray:
    corners = np.random.default_rng(7).uniform(0, 1, (count, 2, 2)) * [width, height]
    return np.sort(corners, 1).reshape(count, 4).astype(np.float32)


@torch.no_grad()
def assert_equal_to_torch(detector: Detector, folder: Path, image: np.ndarray) -> None:
    """The first network's files against the detector's own operators, in float32."""
    run, model = runner(folder), detector.model
    pictures, factors = scaled_pictures(image, detector.recipe.network)
    scales = range(len(pictures))
    outputs = run("photograph-1", **{f"picture_{k}": pictures[k] for k in scales})
    maps = model.maps([torch.from_numpy(one).permute(2, 0, 1) for one in pictures])
    for found, wanted in zip(outputs, maps, strict=False):
        np.testing.assert_allclose(found, wanted, **CLOSE)
    if detector.multibox is None:
        assert len(outputs) == len(maps)
    else:
        boxes, logits = detector.multibox(maps[0])
        np.testing.assert_allclose(outputs[-2], detector.multibox.decode(boxes)[0], **CLOSE)
        np.testing.assert_allclose(outputs[-1], logits[0].sigmoid(), **CLOSE)
    for count in (1, 37):
        boxes_xyxy = some_boxes(*image.shape[:2], count)
        pyramid, given = Pyramid(maps, torch.from_numpy(factors)), torch.from_numpy(boxes_xyxy)
        seen = {"factors": factors} | {f"map_{k}": outputs[k] for k in scales}
        (objectness,) = run("objectness", boxes_xyxy=boxes_xyxy, **seen)
        np.testing.assert_allclose(objectness, model.objectness(pyramid, given).sigmoid(), **CLOSE)
        probabilities, deltas = run("regions-1", boxes_xyxy=boxes_xyxy, **seen)
        logits, moves = model(pyramid, given)
        np.testing.assert_allclose(probabilities, logits.softmax(1), **CLOSE)
        np.testing.assert_allclose(deltas, moves[:, 0].numpy() * DELTA_SCALE, **CLOSE)


def test_files_of_voc20_equal_torch(exported: Path) -> None:
    names = sorted(path.name for path in exported.glob("*.onnx"))
    assert names == ["objectness.onnx", "photograph-1.onnx", "regions-1.onnx"]
    detector = Detector.load("voc20", device="cpu")
    for image in (read_image(CAT), rectangles(3, 97, 260)[0]):
        assert_equal_to_torch(detector, exported, image)


def test_metadata_says_what_a_user_needs(exported: Path) -> None:
    session = onnxruntime.InferenceSession(exported / "regions-1.onnx")
    about = json.loads(session.get_modelmeta().custom_metadata_map["detector"])
    detector = Detector.load("voc20")
    assert tuple(about["class_names"]) == detector.class_names
    assert about["recipe"]["network"]["short_side"] == 576
    inputs = {one.name: (one.type, one.shape) for one in session.get_inputs()}
    assert inputs["boxes_xyxy"] == ("tensor(float)", ["boxes", 4])
    assert [one.name for one in session.get_outputs()] == ["probabilities", "deltas"]


def test_the_example_detects_without_torch(exported: Path) -> None:
    program = (
        "import runpy, sys\nsys.modules |= dict.fromkeys(['torch', 'torchvision', 'onnx'])\n"
        "runpy.run_path(sys.argv.pop(1), run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, EXAMPLE, exported, CAT],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    name, score, *box = line.split()
    (expected,) = Detector.load("voc20")(CAT)
    assert name == expected.name == "cat"
    assert float(score) == pytest.approx(expected.score, abs=0.02)
    np.testing.assert_allclose([float(side) for side in box], expected.box_xyxy, atol=8)


@pytest.fixture
def small(small_weights: Path) -> Detector:
    return Detector.load(small_weights, device="cpu")


def test_networks_with_context_and_on_crops(small: Detector, tmp_path: Path) -> None:
    torch.manual_seed(0)
    classes = len(small.class_names)
    wide = RegionClassifier(classes, context=(2.0, 4.0))
    wide.begin_with(small.model)
    cropped = RegionClassifier(classes, padding=40)
    cropped.begin_with(small.model)
    members = [Member(wide, "shared"), Member(cropped, "warp")]
    Detector(members, small.recipe, small.info, "cpu").save(tmp_path / "two.safetensors")
    run = detect("export", tmp_path / "two.safetensors", "-o", tmp_path)
    assert run.code == 0, run.errors
    assert run.errors.count("differs from torch by") == 4
    detector = Detector.load(tmp_path / "two.safetensors", device="cpu")
    assert_equal_to_torch(detector, tmp_path, rectangles(5, 130, 75)[0])
    session = onnxruntime.InferenceSession(tmp_path / "crops-2.onnx")
    about = json.loads(session.get_modelmeta().custom_metadata_map["detector"])
    assert about["crop_padding"] == 40
    crops = photographs_to_check([])[0][None, :224, :224]
    (probabilities, _) = session.run(None, {"crops": crops})
    with torch.no_grad():
        pixels = torch.from_numpy(crops.copy()).permute(0, 3, 1, 2).flip(1).float()
        bgr = pixels - torch.tensor([104.0, 117.0, 123.0])[:, None, None]
        logits = detector.members[1].model.predict_crops(bgr).logits
    np.testing.assert_allclose(probabilities, logits.softmax(1), **CLOSE)


def test_a_wrong_operator_ends_the_export(
    small_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from detector.exporting import graphs

    original = graphs.roi_align

    def shifted(maps: Any, rois: Any, *words: Any, **options: Any) -> Any:
        return original(maps, rois, *words, aligned=False)

    monkeypatch.setattr(graphs, "roi_align", shifted)
    run = detect("export", small_weights, "-o", tmp_path)
    assert run.code == 1 and "objectness differs from torch's by" in run.errors
    assert [path.name for path in tmp_path.glob("*.onnx")] == ["photograph-1.onnx"]


def test_what_is_no_detector_is_refused_in_one_line(tmp_path: Path) -> None:
    run = detect("export", "voc21", "-o", tmp_path / "out")
    assert run.code in (1, 2) and len(run.errors.splitlines()) == 1 and "voc21" in run.errors
