"""The table of classes against sums worked by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from eval.curves import class_curves
from eval.protocols import voc
from eval.reading import read_detections
from eval.why.classes import best_point, class_table
from tests.eval.cases import dataset_of, found, truth

TRUTHS = [
    truth(1, 1, (0, 0, 10, 10)),
    truth(1, 1, (100, 0, 110, 10)),
    truth(1, 1, (200, 0, 210, 10), difficult=1),
    truth(2, 2, (0, 0, 10, 10)),
]
DETECTIONS = [
    found(1, 1, (0, 0, 10, 10), 0.9),  # true
    found(1, 1, (200, 0, 210, 10), 0.8),  # ignored
    found(2, 1, (300, 0, 310, 10), 0.7),  # false
    found(1, 1, (100, 0, 110, 10), 0.6),  # true
    found(2, 1, (400, 0, 410, 10), 0.5),  # false
    found(1, 3, (300, 0, 310, 10), 0.95),  # false: there is no bird
]


def test_counts_and_best_thresholds_by_hand(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, TRUTHS, images=2, names=["cat", "dog", "bird", "fish"])
    table = read_detections(DETECTIONS, dataset)
    matches = voc.match(table, dataset)
    result = class_table(class_curves(matches, table, dataset), table, dataset, matches)
    # cat: precision 1 at recall 1/2, then 2/3 at 1
    np.testing.assert_allclose(result.average_precisions, [5 / 6, 0, np.nan, np.nan], atol=1e-12)
    assert result.objects.tolist() == [2, 1, 0, 0]
    assert result.detections.tolist() == [4, 0, 1, 0]
    assert result.true.tolist() == [2, 0, 0, 0] and result.false.tolist() == [2, 0, 1, 0]
    np.testing.assert_allclose(result.recalls, [1, 0, np.nan, np.nan])
    # cat's F1: 2/3 at 0.9, 1/2 at 0.7, 4/5 at 0.6, 2/3 at 0.5
    assert (result.thresholds[0], result.f1[0]) == (0.6, pytest.approx(4 / 5))
    assert (result.f1_precisions[0], result.f1_recalls[0]) == (pytest.approx(2 / 3), 1)
    assert np.isnan(result.thresholds[1:]).all()
    # all: true from 0.9 on at ranks 2 and 4 of 5, three objects: 2 * 2 / (4 + 3)
    assert result.overall == pytest.approx((0.6, 2 / 4, 2 / 3, 4 / 7))
    plain = json.loads(json.dumps(result.to_dict()))
    assert plain["average_precisions"][2] is None and plain["overall"]["threshold"] == 0.6


def test_equal_scores_are_shown_together() -> None:
    scores = np.array([0.9, 0.5, 0.5])
    true, false = np.array([1, 2, 2]), np.array([0, 0, 1])
    # Between the two scores of 0.5, F1 would be 1.
    assert best_point(scores, true, false, 2) == pytest.approx((0.5, 2 / 3, 1, 4 / 5))
    # Of equal F1 the higher threshold: 2 * 1 / (1 + 2) and 2 * 2 / (4 + 2)
    tied = best_point(np.array([0.9, 0.5]), np.array([1, 2]), np.array([0, 2]), 2)
    assert tied.threshold == 0.9
    assert np.isnan(best_point(scores, true, false, 0)).all()
    # A detection without a score is kept by no threshold.
    unscored = best_point(np.array([0.9, np.nan]), np.array([1, 2]), np.array([0, 0]), 2)
    assert unscored.threshold == 0.9
    nothing = np.array([], dtype=np.int64)
    assert np.isnan(best_point(nothing.astype(float), nothing, nothing, 3)).all()
