"""The network is Table 1 of the paper, and with BVLC's weights it predicts what Caffe predicts."""

from __future__ import annotations

import json
import math
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from detector.networks.googlenet import (
    GoogLeNet,
    caffe_name,
    max_pool,
    preprocess,
)
from detector.weights_file import IMAGENET_WEIGHTS, load_imagenet, load_tensors


@pytest.fixture(scope="module")
def network() -> GoogLeNet:
    built = GoogLeNet()
    load_imagenet(built)
    return built.eval()


@pytest.fixture(scope="module")
def class_names() -> list[str]:
    names: list[str] = json.loads(load_tensors(IMAGENET_WEIGHTS)[1]["class_names"])
    return names


def test_as_many_parameters_as_the_caffe_model(network: GoogLeNet) -> None:
    assert sum(parameter.numel() for parameter in network.parameters()) == 6_998_552


@torch.inference_mode()
def test_multiply_adds_and_sizes_at_224(network: GoogLeNet) -> None:
    total, sides = 0, {}

    def count(module: nn.Module, inputs: Any, output: Tensor) -> None:
        nonlocal total
        total += output.numel() * module.weight[0].numel()

    def note(module: nn.Module, inputs: Any, output: Tensor) -> None:
        sides[names[module]] = tuple(output.shape[-2:])

    names = {layer: name for name, layer in network.stages()}
    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    hooks += [layer.register_forward_hook(note) for layer in names]
    try:
        network(torch.zeros(1, 3, 224, 224))
    finally:
        for hook in hooks:
            hook.remove()
    assert round(total / 1e9, 4) == 1.5827
    assert sides["conv1"] == (112, 112) and sides["conv2"] == (56, 56)
    assert sides["3b"] == (28, 28)
    assert sides["4e"] == (14, 14) and sides["5b"] == (7, 7)


def test_pools_round_up_as_in_caffe() -> None:
    for side in (3, 7, 8, 14, 28, 56, 57, 112, 113):
        expected = math.ceil((side - 3) / 2) + 1
        assert max_pool(torch.zeros(1, 1, side, 3)).shape[-2:] == (expected, 1)


@torch.inference_mode()
def test_the_trunk_has_stride_16_at_any_size() -> None:
    network = GoogLeNet(outputs=None).eval()

    def cells(side: int) -> int:
        side = math.ceil(side / 2)  # conv1: 7x7 stride 2, padded by 3
        for _ in range(3):
            side = math.ceil((side - 3) / 2) + 1
        return side

    for height, width in ((96, 160), (16, 16), (97, 131), (110, 33)):
        found = network.trunk(torch.zeros(1, 3, height, width)).shape
        assert found == (1, 832, cells(height), cells(width))
    assert cells(96) == 6 and cells(160) == 10 and cells(16) == 1


@torch.inference_mode()
def test_trunk_and_region_head_in_a_row_are_the_network(network: GoogLeNet) -> None:
    assert network.classifier is not None
    pictures = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(1)) * 50
    by_parts = network.classifier(network.region_head(network.trunk(pictures)))
    torch.testing.assert_close(by_parts, network(pictures))


def test_every_parameter_has_its_tensor_in_the_caffe_weights(network: GoogLeNet) -> None:
    tensors, _ = load_tensors(IMAGENET_WEIGHTS)
    ours = {caffe_name(name): parameter.shape for name, parameter in network.named_parameters()}
    assert ours == {name: tensor.shape for name, tensor in tensors.items()}


def sample_photograph(name: str) -> np.ndarray:
    """A demonstration picture of scikit-image, cropped as ImageNet's are."""
    data = pytest.importorskip("skimage.data")
    try:
        image = np.asarray(getattr(data, name)())
    except Exception as error:  # without network and without the file: pooch raises several
        pytest.skip(f"skimage.data.{name} is not here ({error})")
    height, width = image.shape[:2]
    scale = 256 / min(height, width)
    size = (round(width * scale), round(height * scale))
    image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    top, left = (image.shape[0] - 224) // 2, (image.shape[1] - 224) // 2
    return image[top : top + 224, left : left + 224]


@pytest.mark.parametrize(
    ("photograph", "name", "probability"),
    [("chelsea", "Egyptian cat", 0.495), ("coffee", "espresso", 0.90), ("rocket", "missile", 0.31)],
)
@torch.inference_mode()
def test_imagenet_classes_of_known_photographs(
    network: GoogLeNet,
    class_names: list[str],
    photograph: str,
    name: str,
    probability: float,
) -> None:
    crop = torch.from_numpy(sample_photograph(photograph)).permute(2, 0, 1)
    probabilities = network(preprocess(crop)[None]).softmax(1)[0]
    best = int(probabilities.argmax())
    assert class_names[best].split(",")[0] == name
    assert float(probabilities[best]) == pytest.approx(probability, abs=0.005)


def test_preprocess_turns_to_bgr_and_subtracts_the_mean() -> None:
    image = torch.tensor([200, 100, 50], dtype=torch.uint8)[:, None, None]
    assert preprocess(image).flatten().tolist() == [50 - 104, 100 - 117, 200 - 123]


@torch.inference_mode()
def test_auxiliary_classifiers_answer_in_training_only() -> None:
    network = GoogLeNet(outputs=10, auxiliary=True)
    pictures = torch.zeros(2, 3, 224, 224)
    assert [logits.shape for logits in network.train()(pictures)] == [(2, 10)] * 3
    alone = network.eval()(pictures)
    assert isinstance(alone, Tensor) and alone.shape == (2, 10)
