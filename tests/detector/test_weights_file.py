"""Weights files: they come back as written, and nothing else passes for one."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn

from detector.errors import DetectorError
from detector.networks.googlenet import GoogLeNet
from detector.weights_file import (
    WeightsInfo,
    load_imagenet,
    load_weights,
    save_tensors,
    save_weights,
)

INFO = WeightsInfo(
    class_names=("Kätzchen", "犬"),
    category_ids=(7, 90),
    recipe={"name": "mine", "network": {"keep": 12}},
    provenance={"data": "instances.json"},
    metrics={"validation_mAP50": 0.25},
    version="0.1.0",
)


def test_tensors_and_metadata_come_back(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 5), nn.Linear(6, 2))
    path = tmp_path / "new" / "weights.safetensors"
    save_weights(path, model.to(memory_format=torch.channels_last).state_dict(), INFO)
    tensors, info = load_weights(path)
    assert info == INFO
    expected = {name: tensor.half().float() for name, tensor in model.state_dict().items()}
    assert tensors.keys() == expected.keys()
    for name, tensor in tensors.items():
        assert torch.equal(tensor, expected[name])
    assert os.listdir(path.parent) == ["weights.safetensors"]


class Intruder:
    """An object whose unpickling leaves a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return Path.touch, (self.trace,)


def test_other_files_are_refused_by_name(tmp_path: Path) -> None:
    good = tmp_path / "good.safetensors"
    save_weights(good, nn.Linear(20, 20).state_dict(), INFO)
    contents = {
        "pickled": pickle.dumps(Intruder(tmp_path / "trace")),
        "truncated": good.read_bytes()[:-100],
        "header": good.read_bytes()[:30],
        "empty": b"",
        "text": b"these are no weights",
    }
    for name, content in contents.items():
        (tmp_path / f"{name}.safetensors").write_bytes(content)
    save_file({"weight": torch.zeros(2)}, tmp_path / "bare.safetensors")
    for number, text in enumerate(("{", "{}", "[1]", '{"class_names": 3, "category_ids": 3}')):
        save_file({}, tmp_path / f"metadata{number}.safetensors", {"detector": text})
    (tmp_path / "folder.safetensors").mkdir()
    for path in [*tmp_path.glob("*.safetensors"), tmp_path / "missing.safetensors"]:
        if path != good:
            with pytest.raises(DetectorError) as caught:
                load_weights(path)
            assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_refused(tmp_path: Path, wrong: float) -> None:
    path = tmp_path / "weights.safetensors"
    save_weights(path, {"good": torch.ones(3), "bad": torch.tensor([1.0, wrong])}, INFO)
    with pytest.raises(DetectorError, match=r"weights\.safetensors: bad holds numbers .* train"):
        load_weights(path)


def test_weights_of_a_later_format_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "later.safetensors"
    save_weights(path, nn.Linear(1, 1).state_dict(), WeightsInfo(("a",), (1,), {}, format=2))
    with pytest.raises(DetectorError, match="format 2, this version reads 1"):
        load_weights(path)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(b"old")

    def break_off(tensors: object, target: Path, metadata: object) -> None:
        Path(target).write_bytes(b"half")
        raise SafetensorError("No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", break_off)
    with pytest.raises(DetectorError, match=r"checkpoint\.safetensors: .*No space left"):
        save_tensors(path, {}, {})
    assert os.listdir(tmp_path) == ["checkpoint.safetensors"] and path.read_bytes() == b"old"


def test_imagenet_weights_must_have_every_tensor(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"conv1/7x7_s2.weight": torch.zeros(64, 3, 7, 7)}, path)
    with pytest.raises(DetectorError, match=r"other\.safetensors: has no tensor for conv1\.bias"):
        load_imagenet(GoogLeNet(outputs=None), path)
