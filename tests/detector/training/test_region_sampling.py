"""The choice of training regions, and the classes and boxes that they stand for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from detector.recipes import TrainingOptions
from detector.training.region_sampling import (
    Regions,
    Truths,
    Windows,
    assign,
    draw_windows,
    sample_objectness,
    sample_regions,
    sort_windows,
)

TRUTH = (0, 0, 100, 100)
OPTIONS = TrainingOptions()  # 64 regions, a quarter of them foreground


def truths(*boxes: tuple[float, ...], labels: Any = None, ignored: Any = None) -> Truths:
    return Truths(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(labels or [1] * len(boxes), np.int64),
        np.array(ignored or [False] * len(boxes), bool),
    )


def near(count: int) -> np.ndarray:
    """Boxes with IoU over 0.5 with TRUTH: its upper 60 to 99 rows."""
    height = np.linspace(60, 99, count)
    return np.stack([0 * height, 0 * height, 0 * height + 100, height], 1).astype(np.float32)


def far(count: int) -> np.ndarray:
    """Boxes that do not touch TRUTH, all different."""
    x = 200 + np.arange(count, dtype=np.float32)
    return np.stack([x, 0 * x, x + 50, 0 * x + 50], 1)


def sampled(
    boxes: np.ndarray, of: Truths, hardness: Any = None, seed: int = 0, **options: Any
) -> Regions:
    hardness = np.zeros(len(boxes), np.float32) if hardness is None else hardness
    rng = np.random.default_rng(seed)
    return sample_regions(boxes, hardness, of, TrainingOptions(**options), rng)


@pytest.mark.parametrize(
    ("positives", "negatives", "expected"),
    [
        (30, 500, (16, 48)),  # 16 + 48, as in R-CNN and Fast R-CNN
        (5, 500, (5, 59)),  # too few objects: more background
        (0, 500, (0, 64)),
        (30, 10, (16, 10)),  # too little background: fewer regions
        (0, 0, (0, 0)),
    ],
)
def test_a_quarter_of_the_regions_are_objects(
    positives: int, negatives: int, expected: tuple[int, int]
) -> None:
    boxes = np.concatenate([near(positives), far(negatives)])
    regions = sampled(boxes, truths(TRUTH))
    assert ((regions.labels > 0).sum(), (regions.labels == 0).sum()) == expected
    assert len(np.unique(regions.boxes_xyxy, axis=0)) == len(regions.labels)
    assert (regions.boxes_xyxy[regions.labels > 0, 0] == 0).all()
    assert (regions.boxes_xyxy[regions.labels == 0, 0] >= 200).all()


def test_a_picture_without_objects_is_all_background() -> None:
    regions = sampled(far(100), truths())
    assert len(regions.labels) == 64 and not regions.labels.any() and not regions.deltas.any()


def test_labels_and_deltas_are_those_of_the_best_truth() -> None:
    boxes = np.array([[0, 0, 10, 10], [50, 0, 60, 10], [90, 90, 99, 99]], np.float32)
    # IoU of box 0: 90/110 with the first truth; of box 1: exactly 0.5 with the second.
    of = truths((1, 0, 11, 10), (50, 0, 60, 20), labels=[7, 3])
    regions = sampled(boxes, of)
    order = np.argsort(regions.boxes_xyxy[:, 0])
    assert regions.labels[order].tolist() == [7, 3, 0]
    # R-CNN's appendix C over (0.1, 0.1, 0.2, 0.2): 0.1 right; 0.5 down and doubled in height
    expected = [[1, 0, 0, 0], [0, 5, 0, np.log(2) / 0.2], [0, 0, 0, 0]]
    np.testing.assert_allclose(regions.deltas[order], expected, atol=1e-5)


def test_regions_inside_ignored_truths_are_never_background() -> None:
    inside = far(40) * [1, 1, 1, 0.98]  # within the crowd
    crowd = (190, 0, 300, 50)
    # Half in the crowd, not more, is usable. An object in front of a crowd is still an object.
    half = np.array([[190, 0, 300, 100]], np.float32)
    boxes = np.concatenate([near(3), inside, half]).astype(np.float32)
    regions = sampled(boxes, truths(TRUTH, crowd, ignored=[False, True]))
    assert (regions.labels > 0).sum() == 3
    np.testing.assert_array_equal(regions.boxes_xyxy[regions.labels == 0], half)
    in_crowd = truths(TRUTH, (-50, -50, 500, 500), ignored=[False, True])
    assert assign(near(3), in_crowd).usable.all()


def test_a_box_on_an_ignored_truth_is_no_object() -> None:
    regions = sampled(near(20), truths(TRUTH, ignored=[True]))
    assert len(regions.labels) == 0


def test_ignored_truths_do_not_shift_the_labels_of_real_ones() -> None:
    of = truths((300, 0, 400, 100), TRUTH, labels=[5, 9], ignored=[True, False])
    assert set(sampled(near(20), of).labels.tolist()) == {9}


def test_hard_background_comes_from_the_likeliest_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    hardness = np.random.default_rng(1).permutation(1000).astype(np.float32)
    hardest = far(1000)[hardness >= 1000 - 4 * 64, 0]

    def share(fraction: float) -> float:
        monkeypatch.setattr("detector.training.region_sampling.HARD_FRACTION", fraction)
        regions = sampled(far(1000), truths(), hardness)
        return float(np.isin(regions.boxes_xyxy[:, 0], hardest).mean())

    assert share(1.0) == 1.0
    assert 0.5 <= share(0.5) < 1.0
    assert share(0.0) < 0.5  # a quarter by chance


def test_the_seed_decides() -> None:
    boxes = np.concatenate([near(40), far(300)])
    first, same, other = (sampled(boxes, truths(TRUTH), seed=seed) for seed in (3, 3, 4))
    for field, again in zip(first, same, strict=True):
        np.testing.assert_array_equal(field, again)
    assert not np.array_equal(first.boxes_xyxy, other.boxes_xyxy)


def test_objectness_learns_from_at_most_half_objects() -> None:
    boxes = np.concatenate([near(200), far(300)])
    rng = np.random.default_rng(0)
    rows, target = sample_objectness(boxes, truths(TRUTH), rng)
    assert len(rows) == len(np.unique(rows)) == 256 and target.sum() == 128
    np.testing.assert_array_equal(rows < 200, target == 1)
    crowd = truths((0, 0, 9999, 9999), ignored=[True])
    assert len(sample_objectness(boxes, crowd, rng)[0]) == 0


def many(counts: dict[int, int], background: int = 400) -> Windows:
    """Photograph k - 1 holds an object of class k and `counts[k]` windows near it."""
    boxes = [np.concatenate([near(n), far(background)]) for n in counts.values()]
    return sort_windows(boxes, [truths(TRUTH, labels=[k]) for k in counts])


def test_windows_are_sorted_by_what_they_teach() -> None:
    crowd = truths(TRUTH, (190, 0, 300, 50), labels=[2, 2], ignored=[False, True])
    in_crowd = far(2)
    windows = sort_windows(
        [np.concatenate([far(3), near(2)]), np.concatenate([in_crowd, near(1)]), far(4)],
        [truths(TRUTH, labels=[7]), crowd, truths()],
    )
    assert windows.foreground.tolist() == [[1, 2], [0, 3], [0, 4]]  # class 2 before class 7
    assert windows.labels.tolist() == [2, 7, 7]
    np.testing.assert_array_equal(windows.targets_xyxy, [TRUTH] * 3)
    assert [rows.tolist() for rows in windows.background] == [[0, 1, 2], [], [0, 1, 2, 3]]


def test_a_step_is_32_objects_and_96_background_windows_of_all_photographs() -> None:
    windows = many({1: 30, 2: 50, 3: 40})
    drawn = draw_windows(windows, 128, OPTIONS, np.random.default_rng(0))
    assert (drawn.labels > 0).sum() == 32 and len(drawn.labels) == 128
    for photograph, box, label, target in zip(*drawn, strict=True):
        if label:
            assert label == photograph + 1 and box[0] == 0 and target.tolist() == list(TRUTH)
        else:
            assert box[0] >= 200 and (target == box).all()
    assert set(drawn.photograph[32:]) == {0, 1, 2}


def test_every_background_window_is_as_likely_as_any_other() -> None:
    boxes = [far(10), far(40), far(0)]
    windows = sort_windows([*boxes, near(1)], [truths()] * 3 + [truths(TRUTH)])
    rng = np.random.default_rng(3)
    drawn = draw_windows(windows, 20_000, OPTIONS, rng)
    assert drawn.labels.sum() == 5_000  # the only one, again and again
    counts = np.bincount(drawn.photograph[5_000:], minlength=3)
    assert counts[0] == pytest.approx(3_000, abs=200) and counts.sum() == 15_000
    places = np.bincount(drawn.boxes_xyxy[5_000:, 0].astype(int) - 200, minlength=40)
    assert places[:10].sum() == pytest.approx(6_000, abs=250) and places.min() > 200


@pytest.mark.parametrize(
    ("balance", "expected"), [(0.0, (800, 200)), (1.0, (500, 500)), (0.5, (667, 333))]
)
def test_balance_of_classes(balance: float, expected: tuple[int, int]) -> None:
    options = TrainingOptions(class_balance=balance)
    windows = many({1: 80, 3: 20})
    drawn = draw_windows(windows, 40_000, options, np.random.default_rng(1))
    counts = np.bincount(drawn.labels, minlength=4)[1:] / 10
    assert counts.tolist() == [
        pytest.approx(expected[0], abs=25),
        0,
        pytest.approx(expected[1], abs=25),
    ]


def test_few_objects_come_again_and_without_background_all_are_objects() -> None:
    drawn = draw_windows(many({1: 2}), 128, OPTIONS, np.random.default_rng(0))
    assert (drawn.labels == 1).sum() == 32
    drawn = draw_windows(many({1: 5}, background=0), 128, OPTIONS, np.random.default_rng(0))
    assert (drawn.labels == 1).all() and len(drawn.labels) == 128
