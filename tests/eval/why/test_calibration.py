"""Scores against precision, worked by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from eval.datasets import Dataset, ImageRecord, Truths, group_by_image
from eval.detections import DetectionTable
from eval.matching import FALSE, IGNORED, TRUE, Matches
from eval.why.calibration import Calibration, calibration


def dataset(classes: int) -> Dataset:
    nothing = np.empty(0)
    no = np.empty(0, dtype=bool)
    truths = Truths(np.empty((0, 4)), nothing.astype(np.int64), nothing, no, no)
    names = [str(k) for k in range(classes)]
    image = ImageRecord(1, "1.jpg", 10, 10)
    return group_by_image([image], names, range(classes), truths, nothing.astype(np.int64))


def of(scores: list[float], outcomes: list[int], labels: list[int], **options: int) -> Calibration:
    count = len(scores)
    table = DetectionTable(
        np.zeros(count, dtype=np.int32),
        np.array(labels, dtype=np.int32),
        np.zeros((count, 4)),
        np.array(scores, dtype=np.float64),
    )
    taken = np.full(count, -1, dtype=np.int32)
    kinds = np.array(outcomes, dtype=np.int8)
    matches = Matches("voc", 0.5, kinds, taken, np.empty(0, dtype=bool))
    return calibration(table, dataset(2), matches, **options)


def test_by_hand() -> None:
    result = of(
        [0.9, 0.8, 1.0, 0.25, 0.35, 0.6],
        [TRUE, FALSE, TRUE, FALSE, TRUE, IGNORED],
        [0, 0, 1, 1, 1, 0],
        bins=2,
    )
    assert result.edges.tolist() == [0, 0.5, 1]
    assert result.counts.tolist() == [2, 3] and result.true.tolist() == [1, 2]
    np.testing.assert_allclose(result.scores, [0.3, 0.9])
    np.testing.assert_allclose(result.precisions, [1 / 2, 2 / 3])
    # 2/5 of |0.5 - 0.3| and 3/5 of |2/3 - 0.9|
    assert result.probabilities and result.error == pytest.approx(0.08 + 0.14)
    # class 0: two at 0.85, half true; class 1: 0.25 and 0.35 half true, 1.0 true
    np.testing.assert_allclose(result.class_errors, [0.35, 2 / 3 * 0.2])
    assert result.class_counts.tolist() == [2, 3]
    json.dumps(result.to_dict())


def test_interval_of_a_share() -> None:
    # Wilson's interval for 8 of 10 as tables have it
    result = of([0.75] * 10, [TRUE] * 8 + [FALSE] * 2, [0] * 10, bins=2)
    assert result.lows[1] == pytest.approx(0.4902, abs=5e-5)
    assert result.highs[1] == pytest.approx(0.9433, abs=5e-5)
    assert np.isnan([result.lows[0], result.precisions[0]]).all()


def test_scores_that_are_no_probabilities() -> None:
    result = of([-3.0, 5.0, 1.0], [FALSE, TRUE, TRUE], [0, 0, 0], bins=4)
    assert result.edges.tolist() == [-3, -1, 1, 3, 5] and result.counts.tolist() == [1, 0, 1, 1]
    assert not result.probabilities and np.isnan(result.error)
    assert np.isnan(result.class_errors).all() and result.to_dict()["error"] is None


def test_nothing_and_not_finite() -> None:
    assert of([], [], []).counts.sum() == 0
    result = of([float("nan"), float("inf"), 0.5], [FALSE, TRUE, TRUE], [0, 0, 0])
    assert result.counts.sum() == 1 and result.error == 0.5
