"""The shared-mode classifier: sizes it works at, shapes of its outputs, precision it needs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from detector import Detector
from detector.networks.googlenet import GoogLeNet
from detector.networks.precision import cpu_has_bfloat16
from detector.networks.pyramid import Pyramid, resize_for_network
from detector.networks.regions import DELTA_SCALE, RegionClassifier
from proposals.boxes import decode_boxes, encode_boxes
from tests.made_up import rectangles


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        ((400, 500), (576, 720)),  # the short side decides: x 1.44
        ((500, 400), (720, 576)),
        ((300, 600), (480, 960)),  # the long side decides: x 1.6, not 1.92
        ((1200, 1600), (576, 768)),  # smaller
        ((1, 500), (16, 960)),  # a strip keeps one cell of the trunk
        ((1, 1), (576, 576)),
    ],
)
def test_the_picture_is_scaled_to_the_short_side_within_the_long_side(
    picture: tuple[int, int], expected: tuple[int, int]
) -> None:
    resized, factors = resize_for_network(np.full((*picture, 3), 77, np.uint8), 576, 960)
    assert resized.shape == (*expected, 3) and (resized == 77).all()
    x, y = expected[1] / picture[1], expected[0] / picture[0]
    np.testing.assert_allclose(factors, [x, y, x, y], rtol=1e-6)


def test_scaled_deltas_come_back_as_the_box_they_stand_for() -> None:
    rng = np.random.default_rng(5)
    low = rng.uniform(0, 200, (2, 50, 2))
    boxes, truths = np.concatenate([low, low + rng.uniform(5, 99, low.shape)], 2).astype(np.float32)
    targets = encode_boxes(boxes, truths) / DELTA_SCALE
    np.testing.assert_allclose(decode_boxes(boxes, targets * DELTA_SCALE), truths, atol=1e-2)
    # a shift by a tenth of the side and a doubling, in the network's units
    unit = encode_boxes([[0, 0, 10, 10]], [[1, -5, 11, 15]]) / DELTA_SCALE
    np.testing.assert_allclose(unit, [[1, 0, 0, np.log(2) / 0.2]], atol=1e-6)


def test_photographs_of_like_sizes_enter_the_trunk_at_one_size(monkeypatch) -> None:
    model = RegionClassifier(2).eval()
    seen = []
    trunk = model.network.trunk
    monkeypatch.setattr(model.network, "trunk", lambda x: (seen.append(x.shape[2:]), trunk(x))[1])
    with torch.inference_mode():
        maps = [
            model.features(torch.zeros(3, *size, dtype=torch.uint8))
            for size in [(64, 128), (64, 127), (49, 65)]
        ]
    assert set(seen) == {(64, 128)}
    assert [tuple(found.shape[2:]) for found in maps] == [(4, 8), (4, 8), (4, 5)]


@torch.inference_mode()
def test_photographs_together_have_the_maps_they_have_alone() -> None:
    torch.manual_seed(0)
    model = RegionClassifier(2, context=(2.0,)).eval()
    sizes = [(64, 128), (90, 70), (60, 100), (70, 128), (64, 128)]  # three canvases, five shapes
    images = [torch.randint(0, 256, (3, *size), dtype=torch.uint8) for size in sizes]
    maps = model.maps(images)
    for image, found in zip(images, maps, strict=True):
        torch.testing.assert_close(found, model.features(image), rtol=1e-4, atol=1e-4)
    factors = torch.ones(2, 4)
    pyramids = [Pyramid(maps[:2], factors), Pyramid(maps[3:], factors)]
    for pyramid, found in zip(pyramids, model.cells_of(pyramids), strict=True):
        alone = model.cells(pyramid)
        assert found.stride == alone.stride == 32
        torch.testing.assert_close(found.maps, alone.maps, rtol=1e-4, atol=1e-4)
    assert RegionClassifier(2).cells_of(pyramids) == [None, None]


@torch.inference_mode()
def test_objectness_of_some_boxes_is_theirs_among_all() -> None:
    torch.manual_seed(0)
    model = RegionClassifier(2).eval()
    generator = torch.Generator().manual_seed(1)
    maps = [torch.randn(1, 832, side, side, generator=generator).relu() for side in (12, 6)]
    pyramid = Pyramid(maps, torch.tensor([[1.0] * 4, [0.5] * 4]))
    low = 120 * torch.rand(300, 2, generator=generator)
    boxes = torch.cat([low, low + 70 * torch.rand(300, 2, generator=generator) + 1], 1)
    every, reduced = model.objectness(pyramid, boxes), model.objectness.reduce(pyramid)
    torch.testing.assert_close(model.objectness.score_boxes(reduced, boxes[7:20]), every[7:20])


def test_beside_the_photograph_the_canvas_has_the_mean_colour() -> None:
    model = RegionClassifier(2).eval()
    wide = torch.randint(0, 256, (3, 64, 128), dtype=torch.uint8)
    wide[:, :, 80:] = torch.tensor([123, 117, 104], dtype=torch.uint8)[:, None, None]  # of ImageNet
    with torch.inference_mode():
        whole, part = model.features(wide), model.features(wide[:, :, :80])
    torch.testing.assert_close(part, whole[:, :, :, :5])


@torch.inference_mode()
def test_answers_have_a_column_per_class_and_one_for_background() -> None:
    model = RegionClassifier(classes=3).eval()
    feature_map = model.features(torch.zeros(3, 64, 96, dtype=torch.uint8))
    boxes = torch.tensor([[0.0, 0.0, 96.0, 64.0], [8.0, 8.0, 40.0, 30.0]])
    pyramid = Pyramid([feature_map], torch.ones(1, 4))
    logits, deltas = model(pyramid, boxes)
    assert feature_map.shape == (1, 832, 4, 6)
    assert logits.shape == (2, 4) and deltas.shape == (2, 3, 4)
    assert model.objectness(pyramid, boxes).shape == (2,)
    assert model.objectness(pyramid, boxes[:0]).shape == (0,)
    many = model.objectness(pyramid, boxes.repeat(150, 1))  # more rows than one pass takes
    torch.testing.assert_close(many, model.objectness(pyramid, boxes).repeat(150))


@torch.inference_mode()
def test_last_layers_answer_in_float32_beside_half_precision() -> None:
    """Half precision would make equals of the likeliest."""
    torch.manual_seed(0)
    model = RegionClassifier(classes=3).eval()
    pyramid = Pyramid([torch.randn(1, 832, 14, 14).relu()], torch.ones(1, 4))
    boxes = torch.tensor([[0.0, 0.0, 96.0, 64.0], [8.0, 8.0, 40.0, 30.0]])
    with torch.autocast("cpu", torch.bfloat16):
        outputs = (*model(pyramid, boxes), model.objectness(pyramid, boxes))
    for output in outputs:
        assert output.dtype == torch.float32 and (output != output.bfloat16()).any()


def test_warp_mode_is_googlenet_on_crops_with_another_classifier() -> None:
    torch.manual_seed(0)
    model = RegionClassifier(classes=3).eval()
    whole = GoogLeNet(outputs=4).eval()
    state = {**model.network.state_dict(), **_named("classifier", model.classifier)}
    whole.load_state_dict(state)
    crops = torch.randn(2, 3, 224, 224) * 50
    with torch.inference_mode():
        logits, deltas, _ = model.predict_crops(crops)
        torch.testing.assert_close(logits, whole(crops))
    assert logits.shape == (2, 4) and deltas.shape == (2, 3, 4)


def test_a_network_begins_with_another_s_of_other_classes() -> None:
    """All but the classifier, and what it looks at."""
    torch.manual_seed(0)
    source, model = RegionClassifier(5), RegionClassifier(2, context=(2.0, 4.0), padding=48)
    classifier = model.classifier.weight.detach().clone()
    torch.nn.init.zeros_(source.regressor.weight)  # of a detector that reads boxes nowhere
    model.begin_with(source)
    state, theirs = model.state_dict(), source.state_dict()
    taken = {name for name in state if name in theirs and torch.equal(state[name], theirs[name])}
    assert set(theirs) - taken == {
        "classifier.weight", "classifier.bias", "regressor.weight",
    }  # fmt: skip
    assert torch.equal(model.classifier.weight, classifier)
    assert model.context.tolist() == [2.0, 4.0] and model.crop_padding == 48


def _named(name: str, layer: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {f"{name}.{key}": value for key, value in layer.state_dict().items()}


def test_side_classifiers_answer_in_training_and_leave_no_trace_in_weights() -> None:
    torch.manual_seed(0)
    model = RegionClassifier(classes=3, auxiliary=True)
    plain = {name: value.shape for name, value in RegionClassifier(3).state_dict().items()}
    predictions = model.predict_crops(torch.randn(2, 3, 224, 224) * 50)
    assert [side.shape for side in predictions.auxiliary] == [(2, 4), (2, 4)]
    sum(side.sum() for side in predictions.auxiliary).backward()
    assert model.network.inception_4d.one.weight.grad.abs().sum() > 0  # the upper one's
    assert model.network.inception_4e.one.weight.grad is None  # lies above both
    model.auxiliary = None
    assert {name: value.shape for name, value in model.state_dict().items()} == plain
    assert model.predict_crops(torch.zeros(1, 3, 224, 224)).auxiliary == []


@torch.inference_mode()
def test_bfloat16_gives_nearly_the_probabilities_of_full_precision(small_weights) -> None:
    model = Detector.load(small_weights, device="cpu").model
    model.classifier.weight *= 2 / 3  # spread 0.2, twenty times a new one's
    image = torch.from_numpy(rectangles(1)[0]).permute(2, 0, 1)
    rng = np.random.default_rng(6)
    low = rng.uniform(0, 60, (40, 2))
    boxes = torch.from_numpy(np.concatenate([low, low + rng.uniform(8, 60, (40, 2))], 1)).float()

    def probabilities() -> torch.Tensor:
        pyramid = Pyramid([model.features(image)], torch.ones(1, 4))
        return model(pyramid, boxes)[0].float().softmax(1)

    full = probabilities()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = probabilities()
    assert full.std(0).max() > 0.05  # the regions do differ
    torch.testing.assert_close(half, full, rtol=0, atol=0.03)


def test_an_older_torch_without_cpu_capabilities_means_full_precision(monkeypatch) -> None:
    # torch.cpu.get_capabilities came with torch 2.11; setup.cfg allows older ones
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert cpu_has_bfloat16() is False
