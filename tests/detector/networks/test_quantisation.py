"""The ranges of activations: how they are measured, kept and applied."""

from __future__ import annotations

import copy
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from detector import Detector
from detector.networks.googlenet import GoogLeNet
from detector.networks.quantisation import RANGED, measured_ranges, ranges_by_name
from detector.networks.regions import RegionClassifier

needs_openvino = pytest.mark.skipif(
    find_spec("openvino") is None, reason='OpenVINO is not installed: pip install ".[openvino]"'
)


@pytest.fixture(scope="module")
def network() -> GoogLeNet:
    torch.manual_seed(2)
    return GoogLeNet(outputs=None).eval()


@torch.no_grad()
def test_a_range_is_the_mean_of_the_inputs_largest_values(network: GoogLeNet) -> None:
    measured = copy.deepcopy(network)
    regions = torch.zeros(3, 832, 14, 14)
    regions[0, 5, 3, 3], regions[1, 0, 0, 0], regions[2, 9, 13, 13] = 2, 3, 10
    with measured_ranges([measured]):
        measured.region_cells(regions[:2])
        measured.region_cells(regions[2:])
    found = ranges_by_name(measured)
    assert found["inception_5a.one"] == 5
    # Layers that computed nothing have no range
    assert set(found) == {name for name in RANGED if name.startswith("inception_5")}
    measured.region_cells(100 * regions)  # the measurement has ended
    assert ranges_by_name(measured) == found
    assert ranges_by_name(network) == {}


@torch.no_grad()
def test_ranges_are_saved_with_their_network(small_weights: Path, tmp_path: Path) -> None:
    plain = Detector.load(small_weights, device="cpu")
    quantised = Detector.load(small_weights, device="cpu")
    quantised.model.network.ranges = torch.arange(len(RANGED)) + 1.0
    quantised.save(tmp_path / "q.safetensors")
    loaded = Detector.load(tmp_path / "q.safetensors", device="cpu")
    assert ranges_by_name(loaded.model.network)[RANGED[-1]] == len(RANGED)
    assert loaded.digest() != plain.digest()
    for pair, expected in (((loaded, plain), (True, False)), ((plain, loaded), (False, True))):
        Detector.combine(pair).save(tmp_path / "both.safetensors")
        both = Detector.load(tmp_path / "both.safetensors", device="cpu").members
        networks = [member.model.network for member in both]
        assert tuple(bool(ranges_by_name(network)) for network in networks) == expected
    started = RegionClassifier(2)
    started.continue_from(loaded.model)  # training changes the weights, so the ranges are left
    assert started.network.ranges is None


@needs_openvino
@pytest.mark.parametrize(("name", "channels", "side"), [("trunk", 3, 64), ("late", 480, 14)])
@torch.no_grad()
def test_a_quantised_pass_computes_in_integers(
    network: GoogLeNet, name: str, channels: int, side: int
) -> None:
    from detector.networks.openvino_graph import openvino_package, pass_graph

    x = torch.randn(2, channels, side, side) * 40
    x = x if name == "trunk" else x.relu()
    quantised = copy.deepcopy(network)
    with measured_ranges([quantised]):
        expected = getattr(quantised, name)(x)
    config = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino_package().Core().compile_model(pass_graph(quantised, name), "CPU", config)
    found = torch.from_numpy(compiled(x.permute(0, 2, 3, 1).numpy())[0]).permute(0, 3, 1, 2)
    error = float((found - expected).abs().mean() / expected.abs().mean())
    assert 1e-4 < error < 0.1
    layers = [node.get_rt_info() for node in compiled.get_runtime_model().get_ops()]
    kernels = [
        layer["primitiveType"].astype(str)
        for layer in layers
        if layer["layerType"].astype(str) == "Convolution"
    ]
    in_float = {"trunk": 1, "late": 0}[name]  # the first convolution
    assert len(kernels) == {"trunk": 45, "late": 30}[name]
    assert sum(not kernel.endswith("I8") for kernel in kernels) == in_float, kernels
