"""`detect quantize` writes weights for 8-bit integers, and says what they lose."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from detector import Detector
from detector.cli import main
from detector.networks.quantisation import RANGED, ranges_by_name

needs_openvino = pytest.mark.skipif(
    find_spec("openvino") is None, reason='OpenVINO is not installed: pip install ".[openvino]"'
)


@needs_openvino
def test_quantised_weights_detect_much_like_the_others(
    small_weights: Path, small_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "small-int8.safetensors"
    words = ["--data", str(small_dataset), "--photographs", "2", "-o", str(output)]
    assert main(["quantize", str(small_weights), *words]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("weights: ")
    pattern = r"(float|8-bit): mAP (0\.\d{3}) on \d photographs? held out of training"
    assert all(re.fullmatch(pattern, line) for line in lines[1:]) and len(lines) == 3
    network = Detector.load(output, device="cpu").model.network
    assert len(ranges_by_name(network)) == len(RANGED)


@needs_openvino
@pytest.mark.parametrize(
    ("output", "message"),
    [("small.bin", "FILE.safetensors; name it so"), ("small.safetensors", "has other classes")],
)
def test_what_cannot_be_quantised_is_refused(
    output: str, message: str, small_weights: Path, small_dataset: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    data = tmp_path / "other.json"
    data.write_text(small_dataset.read_text().replace("red", "blue"))
    words = ["--data", str(data), "-o", str(tmp_path / output)]
    assert main(["quantize", str(small_weights), *words]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / output).exists()
