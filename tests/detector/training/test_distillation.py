"""Learning from a teacher: what it says of regions, and what that costs a pupil."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from detector import Detector, DetectorError
from detector.recipes import TrainingOptions, recipe_from_dict
from detector.training.distillation import taught_classes, teach
from detector.training.photographs import Example
from detector.training.region_sampling import Regions, Truths
from detector.training.run import train
from tests.made_up import rectangles

BOXES = np.array([[10, 10, 60, 50], [40, 20, 120, 90], [0, 0, 128, 96]], np.float32)


def regions(labels: list[int]) -> Regions:
    count = len(labels)
    return Regions(BOXES[:count], np.array(labels), np.zeros((count, 4), np.float32))


def test_a_teacher_says_of_regions_what_it_says_when_it_detects(small_weights: Path) -> None:
    teacher = Detector.load(small_weights, device="cpu")
    image = rectangles(3)[0]
    large, small = np.repeat(np.repeat(image, 2, 0), 2, 1), image[::2, ::2]
    example = Example(
        [torch.from_numpy(picture.copy()).permute(2, 0, 1) for picture in (small, large, small)],
        torch.tensor([[0.5] * 4, [2.0] * 4, [0.5] * 4]),
        image.shape[:2],
        BOXES,
        Truths(BOXES[:0], np.zeros(0, np.int64), np.zeros(0, bool)),
        (0, 0),
    )
    taught = teach(teacher, example, BOXES)
    np.testing.assert_allclose(taught, teacher.classify(large, 2 * BOXES), atol=1e-6)
    np.testing.assert_allclose(taught.sum(1), 1, atol=1e-5)
    assert not taught.requires_grad


class Elsewhere(torch.Tensor):
    """As one on a GPU: NumPy has to wait until it comes here."""

    def cpu(self) -> torch.Tensor:  # type: ignore[override]
        return self.as_subclass(torch.Tensor)

    def numpy(self) -> np.ndarray:  # type: ignore[override]
        raise TypeError("use Tensor.cpu() first")


def test_an_example_that_several_processes_learn_from_may_lie_elsewhere(
    small_weights: Path,
) -> None:
    teacher = Detector.load(small_weights, device="cpu")
    image = rectangles(3)[0]
    picture, factors = torch.from_numpy(image).permute(2, 0, 1), torch.ones(1, 4)
    truths = Truths(BOXES[:0], np.zeros(0, np.int64), np.zeros(0, bool))
    here = Example([picture], factors, image.shape[:2], BOXES, truths, (0, 0))
    there = here._replace(
        images=[picture.as_subclass(Elsewhere)], factors=factors.as_subclass(Elsewhere)
    )
    torch.testing.assert_close(teach(teacher, there, BOXES), teach(teacher, here, BOXES))


def test_the_target_is_the_teacher_s_to_its_share() -> None:
    # Two classes and background. log-probabilities of logits (0, ln 2, ln 5): 1/8, 2/8, 5/8
    logits = torch.log(torch.tensor([[1.0, 2.0, 5.0]]))
    taught = torch.tensor([[0.5, 0.5, 0.0]])
    half = taught_classes(logits, taught, regions([2]), TrainingOptions(teacher_share=0.5))
    # target (.25, .25, .5): -(.25 ln 1/8 + .25 ln 2/8 + .5 ln 5/8)
    expected = 0.25 * np.log(8) + 0.25 * np.log(4) + 0.5 * np.log(8 / 5)
    assert float(half) == pytest.approx(expected, rel=1e-6)
    alone = taught_classes(logits, taught, regions([2]), TrainingOptions(teacher_share=0.0))
    assert float(alone) == pytest.approx(float(F.cross_entropy(logits, torch.tensor([2]))))


def test_label_smoothing_spreads_a_share_of_the_teacher_s_target_too() -> None:
    logits = torch.log(torch.tensor([[1.0, 2.0, 5.0]]))
    taught = torch.tensor([[0.5, 0.5, 0.0]])
    options = TrainingOptions(teacher_share=0.5, label_smoothing=0.3)
    found = taught_classes(logits, taught, regions([2]), options)
    # target .7 * (.25, .25, .5) + .1 each: (.275, .275, .45)
    expected = 0.275 * np.log(8) + 0.275 * np.log(4) + 0.45 * np.log(8 / 5)
    assert float(found) == pytest.approx(expected, rel=1e-6)


def test_a_pupil_of_other_classes_is_refused(
    small_weights: Path, small_dataset: Path, tmp_path: Path
) -> None:
    recipe = recipe_from_dict(
        {
            "network": {"short_side": 64, "long_side": 96},
            "training": {"epochs": 1, "short_sides": [64], "teacher": "voc20"},
            "multibox": {"boxes": 0},
        }
    )
    with pytest.raises(DetectorError, match="voc20: a teacher of other classes"):
        train(small_dataset, tmp_path / "run", recipe, device="cpu", use_cache=False)
