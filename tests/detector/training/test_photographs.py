"""Training examples: boxes move with their pictures, and the seed decides their order."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from detector.errors import DetectorError
from detector.recipes import NetworkOptions, TrainingOptions
from detector.training.photographs import (
    Example,
    Photographs,
    StepData,
    image_order,
)
from detector.training_loop.machine import Machine
from eval import read_dataset
from tests.made_up import altered

NETWORK = NetworkOptions(short_side=32, long_side=400)
RED, GREY = (230, 20, 20), (128, 128, 128)
OBJECT, OTHER = [20.0, 10.0, 60.0, 40.0], [70.0, 50.0, 110.0, 80.0]


def photographs(folder: Path, classes_of: list[list[int]], **extra: Any) -> Photographs:
    """A data set with one 128 x 96 picture per list, which shows OBJECT of every class in it."""
    pixels = np.full((96, 128, 3), GREY, np.uint8)
    pixels[10:40, 20:60] = RED
    Image.fromarray(pixels).save(folder / "0.png")
    document = {
        "images": [
            {"id": i, "file_name": "0.png", "height": 96, "width": 128}
            for i in range(len(classes_of))
        ],
        "categories": [{"id": k, "name": f"class {k}"} for k in (1, 2, 3)],
        "annotations": [
            {"image_id": i, "category_id": k, "bbox": [20, 10, 40, 30], **extra}
            for i, classes in enumerate(classes_of)
            for k in classes
        ],
    }
    (folder / "truth.json").write_text(json.dumps(document))
    boxes = np.array([OBJECT, OTHER], np.float32)
    return Photographs(read_dataset(folder / "truth.json"), folder, [boxes] * len(classes_of))


def options(**changes: Any) -> TrainingOptions:
    return altered(TrainingOptions(), **{"images_per_step": 1, "epochs": 1.0, **changes})


def steps(source: Photographs, **changes: Any) -> StepData:
    images = range(len(source.dataset))
    return StepData(source, images, NETWORK, options(**changes))


def painted(example: Example) -> list[float]:
    """Bounding box of the red pixels of an example."""
    image = example.images[0]
    red = (image[0] > 180) & (image[1] < 75)
    rows, columns = red.any(1).nonzero().flatten(), red.any(0).nonzero().flatten()
    return [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1]


def test_flips_and_scales_move_truths_and_proposals_with_the_picture(tmp_path: Path) -> None:
    data = steps(photographs(tmp_path, [[2]]), epochs=16.0, short_sides=(64, 96, 180))
    seen = set()
    for step in range(len(data)):
        (example,) = data.part(step, 0)
        scale = example.images[0].shape[1] / 96
        assert len(example.images) == 1 and example.size == (96, 128)
        box, factors = painted(example), example.factors[0].numpy()
        np.testing.assert_allclose(example.truths.boxes_xyxy * factors, [box], atol=1.01)
        # first the truth itself, then the proposals in their order
        np.testing.assert_allclose(example.boxes_xyxy[:2] * factors, [box, box], atol=1.01)
        flipped = box[0] > 50 * scale
        x1, y1, x2, y2 = OTHER
        other = [128 - x2, y1, 128 - x1, y2] if flipped else [x1, y1, x2, y2]
        np.testing.assert_array_equal(example.boxes_xyxy[2], other)
        assert example.truths.labels.tolist() == [2]
        seen.add((flipped, example.images[0].shape[1]))
    assert {side for _, side in seen} == {64, 96, 180} and {flip for flip, _ in seen} == {0, 1}


def test_an_ignored_truth_is_not_a_proposal(tmp_path: Path) -> None:
    (example,) = steps(photographs(tmp_path, [[1]], iscrowd=1)).part(0, 0)
    assert len(example.boxes_xyxy) == 2 and example.truths.ignored.tolist() == [True]


def test_a_step_depends_on_seed_and_step_only(tmp_path: Path) -> None:
    source = photographs(tmp_path, [[1], [2], [3], [1, 2]])
    used, fresh = (steps(source, epochs=3.0, images_per_step=2, seed=5) for _ in range(2))
    assert len(used) == 6
    for step in (0, 1, 2):
        used.part(step, 1)
    for place in (1, 0):
        (again,), (first,) = fresh.part(4, place), used.part(4, place)
        np.testing.assert_array_equal(first.images[0], again.images[0])
        np.testing.assert_array_equal(first.boxes_xyxy, again.boxes_xyxy)
        assert first.key == again.key
    assert len({used.part(step, place)[0].key for step in range(6) for place in (0, 1)}) == 12
    assert not np.array_equal(
        steps(source, epochs=9.0, seed=6).order, steps(source, epochs=9.0).order
    )


def test_photographs_of_one_scale_differ_in_nothing_else(tmp_path: Path) -> None:
    """In pairs that share a short side they are the same photographs as one by one."""
    source = photographs(tmp_path, [[1], [2], [3], [1, 2]])
    changes = {"epochs": 30.0, "images_per_step": 4}
    alone = steps(source, **changes, short_sides=(96,))
    pairs = steps(source, **changes, short_sides=(64, 96), images_per_scale=2)
    assert (len(alone), alone.parts_per_step) == (30, 4)
    assert (len(pairs), pairs.parts_per_step) == (30, 2)
    sides = []
    for step in range(30):
        first, second = pairs.part(step, 0), pairs.part(step, 1)
        assert [example.key for example in first + second] == [(step, k) for k in range(4)]
        sides += [{example.images[0].shape[1] for example in part} for part in (first, second)]
        for place, example in enumerate(first + second):
            (expected,) = alone.part(step, place)
            np.testing.assert_array_equal(example.boxes_xyxy, expected.boxes_xyxy)
            np.testing.assert_array_equal(example.truths.labels, expected.truths.labels)
    assert sides.count({64}) + sides.count({96}) == 60 and 15 < sides.count({64}) < 45
    assert any(one != other for one, other in zip(sides[::2], sides[1::2], strict=True))
    with pytest.raises(DetectorError, match=r"step \(4\): use a multiple of .*scale \(3\)"):
        steps(source, images_per_step=4, images_per_scale=3)


@pytest.mark.parametrize("per_pass", [1, 4])
def test_passes_change_neither_the_photographs_of_a_step_nor_their_scales(
    per_pass: int, tmp_path: Path
) -> None:
    source = photographs(tmp_path, [[1], [2], [3], [1, 2]])
    values = {"epochs": 9.0, "images_per_step": 4, "short_sides": (64, 96), "images_per_scale": 2}
    usual = steps(source, **values)
    machine = Machine(images_per_pass=per_pass)
    other = StepData(source, range(4), NETWORK, options(**values), machine)
    assert (usual.parts_per_step, other.parts_per_step) == (2, 4 // per_pass)
    assert usual.fingerprint() == other.fingerprint()
    for step in range(9):
        found = [e for place in range(other.parts_per_step) for e in other.part(step, place)]
        for example, expected in zip(found, usual.part(step, 0) + usual.part(step, 1), strict=True):
            assert example.key == expected.key
            assert torch.equal(example.images[0], expected.images[0])
            np.testing.assert_array_equal(example.boxes_xyxy, expected.boxes_xyxy)


def test_photographs_of_rare_classes_come_more_often(tmp_path: Path) -> None:
    # With threshold 1 a class in a quarter of the pictures is repeated sqrt(1 / 0.25) = 2 times;
    # class 2, in half of them, sqrt(2) = 1.414 times; class 1, in all, once.
    source = photographs(tmp_path, [[1, 2, 3], [1, 2], [1], [1]])
    once = Counter(image_order(source, range(4), options(repeat_threshold=1.0)).tolist())
    assert once[0] == 2 and once[1] in (1, 2) and once[2] == once[3] == 1
    often = image_order(source, range(4), options(repeat_threshold=1.0, epochs=1000.0))
    assert Counter(often.tolist())[1] / 1000 == pytest.approx(2**0.5, abs=0.06)
    plain = image_order(source, range(4), options(repeat_threshold=0.0))
    assert sorted(plain.tolist()) == [0, 1, 2, 3]


def test_epochs_may_be_fractions_and_differ_in_order(tmp_path: Path) -> None:
    source = photographs(tmp_path, [[1]] * 8)
    order = image_order(source, range(2, 8), options(epochs=2.5)).tolist()
    assert len(order) == 15
    assert sorted(order[:6]) == sorted(order[6:12]) == [2, 3, 4, 5, 6, 7]
    assert order[:6] != order[6:12]


def test_photometric_distortion_changes_pixels_and_nothing_else(tmp_path: Path) -> None:
    source = photographs(tmp_path, [[1], [2]])
    plain, changed = (steps(source, seed=2, photometric=switch) for switch in (False, True))
    for step in range(2):
        (before,), (after,) = plain.part(step, 0), changed.part(step, 0)
        assert not torch.equal(before.images[0], after.images[0])
        np.testing.assert_array_equal(before.boxes_xyxy, after.boxes_xyxy)
        np.testing.assert_array_equal(before.truths.boxes_xyxy, after.truths.boxes_xyxy)
        assert torch.equal(after.images[0], changed.part(step, 0)[0].images[0])


def test_a_photograph_comes_at_all_scales_in_the_same_light(tmp_path: Path) -> None:
    source = photographs(tmp_path, [[1]])
    network = replace(NETWORK, pyramid=(0.5, 2.0))
    data = StepData(source, [0], network, options(short_sides=(64,), photometric=True))
    (example,) = data.part(0, 0)
    assert [tuple(image.shape[1:]) for image in example.images] == [(64, 85), (32, 43), (128, 171)]
    reds = []
    for image, factors in zip(example.images, example.factors.numpy(), strict=True):
        x1, y1, x2, y2 = (example.truths.boxes_xyxy * factors)[0]
        reds.append(image[:, int(y1 + y2) // 2, int(x1 + x2) // 2].int())  # the rectangle's middle
    assert all((red - reds[0]).abs().max() < 4 for red in reds)
    assert (reds[0] - torch.tensor(RED)).abs().max() > 10  # other light than the picture's


def test_interpolations_are_drawn_with_equal_probability(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Section 6 of the paper: area, linear, cubic and nearest."""
    used: Counter[int] = Counter()
    resize = cv2.resize

    def watched(*arguments: Any, interpolation: int) -> Any:
        used[interpolation] += 1
        return resize(*arguments, interpolation=interpolation)

    monkeypatch.setattr(cv2, "resize", watched)
    data = steps(photographs(tmp_path, [[1]]), epochs=400.0, random_interpolation=True)
    for step in range(400):
        data.part(step, 0)
    four = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST)
    assert set(used) == set(four)
    assert all(70 < used[method] < 130 for method in four)  # 100 each, deviation 8.7


def test_the_fingerprint_depends_on_which_picture_shows_an_object(tmp_path: Path) -> None:
    def fingerprint(name: str, classes_of: list[list[int]], **extra: Any) -> str:
        (tmp_path / name).mkdir()
        return steps(photographs(tmp_path / name, classes_of, **extra)).fingerprint()

    found = [
        fingerprint("a", [[1], [1, 2]]),
        fingerprint("moved", [[1, 1], [2]]),
        fingerprint("crowds", [[1], [1, 2]], iscrowd=1),
    ]
    assert len(set(found)) == 3
    assert fingerprint("again", [[1], [1, 2]]) == found[0]


def test_a_picture_of_another_size_than_in_its_data_set_is_refused(tmp_path: Path) -> None:
    source = photographs(tmp_path, [[1]])
    steps(source).part(0, 0)
    Image.new("RGB", (96, 128)).save(tmp_path / "0.png")  # turned
    with pytest.raises(DetectorError, match=r"0\.png: is 96 x 128 pixels, .* states 128 x 96; "):
        steps(source).part(0, 0)
