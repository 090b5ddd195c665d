"""OpenVINO against torch; most tests are skipped where OpenVINO is not installed."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from importlib.util import find_spec, module_from_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from detector import Detector, DetectorError
from detector.commands.batch import load_in_actor
from detector.evaluation.run import detector_settings
from detector.networks import engine, precision
from detector.networks.engine import CompiledGoogLeNet, choose_engine
from detector.networks.ensemble import Member
from detector.networks.googlenet import GoogLeNet
from detector.recipes import override
from tests.made_up import rectangles

needs_openvino = pytest.mark.skipif(
    find_spec("openvino") is None, reason='OpenVINO is not installed: pip install ".[openvino]"'
)
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def own_kernels(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Both engines compute in float32, and compiled passes are kept in a folder of the test."""
    for module in (engine, precision):
        monkeypatch.setattr(module, "cpu_has_bfloat16", lambda: False)
    folder = tmp_path_factory.getbasetemp() / "passes"  # the same for all: compiling takes seconds
    # A second copy of the module, so that compiled kernels stay in their own folder
    specification = find_spec("rcnn_kernels.storage")
    assert specification is not None and specification.loader is not None
    storage = module_from_spec(specification)
    specification.loader.exec_module(storage)
    monkeypatch.setattr(storage, "folders", lambda: iter([folder]))
    monkeypatch.setattr(engine, "storage", storage)
    return folder


@pytest.fixture(scope="module")
def network() -> GoogLeNet:
    torch.manual_seed(2)
    return GoogLeNet(outputs=None).eval()


@needs_openvino
@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("trunk", (1, 3, 64, 128)),
        ("trunk", (2, 3, 64, 64)),
        ("early", (3, 3, 224, 224)),
        ("late", (9, 480, 14, 14)),
        ("region_cells", (1, 832, 5, 9)),
        ("region_cells", (9, 832, 14, 14)),
        ("region_cells", (2, 832, 2, 5)),  # of photographs that are strips
        ("region_cells", (1, 832, 2, 3)),
        ("region_cells", (1, 832, 3, 2)),
    ],
)
@torch.no_grad()
def test_passes_equal_torch_s(network: GoogLeNet, name: str, shape: tuple[int, ...]) -> None:
    x = torch.randn(shape) * 40 if shape[1] == 3 else torch.rand(shape)
    expected, found = getattr(network, name)(x), getattr(CompiledGoogLeNet(network), name)(x)
    assert found.dtype == torch.float32 and found.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5 * float(expected.max()))


@needs_openvino
@torch.no_grad()
def test_other_weights_are_compiled_anew(network: GoogLeNet, own_kernels: Path) -> None:
    x, other = torch.rand(1, 832, 4, 4), copy.deepcopy(network)
    before = CompiledGoogLeNet(network).region_cells(x)
    other.inception("5b").one.bias += 1
    torch.testing.assert_close(CompiledGoogLeNet(other).region_cells(x), other.region_cells(x))
    assert not torch.equal(before, other.region_cells(x))


@needs_openvino
@torch.no_grad()
def test_a_pass_is_kept_and_gives_the_same_when_read(
    network: GoogLeNet, own_kernels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = torch.rand(1, 832, 6, 4)
    for file in own_kernels.glob("openvino-*"):
        file.unlink()
    first = CompiledGoogLeNet(network).region_cells(x)
    assert len(list(own_kernels.glob("openvino-*.blob"))) == 1

    def refuse(*_: object) -> None:
        raise AssertionError("built again")

    monkeypatch.setattr(engine, "pass_graph", refuse)
    assert torch.equal(CompiledGoogLeNet(network).region_cells(x), first)
    travelled = pickle.loads(pickle.dumps(CompiledGoogLeNet(network)))
    assert torch.equal(travelled.region_cells(x), first)
    for file in own_kernels.glob("openvino-*"):
        file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(AssertionError, match="built again"):  # a damaged file counts as none
        CompiledGoogLeNet(network).region_cells(x)


@needs_openvino
@pytest.mark.parametrize("mode", ["shared", "warp"])
def test_a_detector_finds_the_same_with_either_engine(small_weights: Path, mode: str) -> None:
    image, _ = rectangles(3)
    results, features = [], []
    for name in ("torch", "openvino"):
        loaded = Detector.load(small_weights, device="cpu", engine="torch")
        members = [Member(loaded.model, mode)]
        recipe = override(loaded.recipe, ["network.keep=9"])  # crops take long
        detector = Detector(members, recipe, loaded.info, "cpu", engine=name)
        assert repr(detector).endswith(f"on cpu, by {name}") and detector.engine == name
        results.append(detector(image, threshold=0.0))
        features.append(detector.features(image, results[0].boxes_xyxy)[1])
    assert len(results[0]) == len(results[1]) > 3
    np.testing.assert_allclose(results[1].scores, results[0].scores, atol=1e-4)
    np.testing.assert_allclose(features[1], features[0], rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(results[1].boxes_xyxy, results[0].boxes_xyxy, atol=1e-2)


@needs_openvino
def test_the_processes_of_detect_batch_have_the_engine(small_weights: Path) -> None:
    for name, expected in (("openvino", "openvino"), (None, "torch")):
        detector = load_in_actor(
            None, recipe=None, weights=str(small_weights), device="cpu", settings=(), engine=name
        )
        assert detector.engine == detector_settings(detector)["engine"] == expected


@needs_openvino
def test_no_statistics_of_use_are_sent(tmp_path: Path) -> None:
    """Each import of openvino reports to Google Analytics where nothing prevents it."""
    program = """
import sys, time
events = []
sys.addaudithook(lambda event, _: events.append(event))
import torch
from detector.networks.engine import CompiledGoogLeNet
from detector.networks.googlenet import GoogLeNet
with torch.no_grad():
    CompiledGoogLeNet(GoogLeNet(None).eval()).region_cells(torch.rand(1, 832, 4, 4))
time.sleep(0.5)  # reports are sent by a thread
print([event for event in events if event.startswith("socket.") or event == "os.fork"])
"""
    # Kernels of the program stay in the folder of the test
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "CI": ""}
    found = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True
    )
    assert found.stdout == "[]\n", found.stderr


@needs_openvino
def test_gradients_are_torch_s(small_weights: Path) -> None:
    model = Detector.load(small_weights, device="cpu", engine="openvino").model
    model.predict(torch.rand(2, 832, 14, 14))[0].sum().backward()
    assert model.network.inception("5b").one.weight.grad is not None
    with torch.no_grad():
        assert model.passes is model.compiled


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_torch_is_the_default(device: str) -> None:
    assert choose_engine("auto", torch.device(device)) == "torch"


def test_wrong_engines_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DetectorError, match="engine tvm: is none; use auto, torch, openvino"):
        choose_engine("tvm", CPU)
    with pytest.raises(DetectorError, match="computes on CPUs, and the device is cuda"):
        choose_engine("openvino", torch.device("cuda"))
    monkeypatch.setattr("detector.extras.find_spec", lambda _: None)
    with pytest.raises(DetectorError, match=r'pip install "\.\[openvino\]"'):
        choose_engine("openvino", CPU)
