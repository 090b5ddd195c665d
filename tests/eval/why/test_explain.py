"""All analyses together, under each protocol, on random input, and as JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from eval import evaluate
from eval.datasets import Dataset, Federation
from eval.detections import DetectionTable
from eval.matching import Matches
from eval.protocols import coco, ilsvrc, lvis, open_images, voc
from eval.why import ObjectTraces, explain
from tests.eval.cases import arrays_of, problems
from tests.eval.official import Found, Given

NAMES = ["a", "b", "c"]


def matched(protocol: str, table: DetectionTable, dataset: Dataset) -> Matches:
    modules = {"voc": voc, "coco": coco, "ilsvrc": ilsvrc, "lvis": lvis, "open_images": open_images}
    return modules[protocol].match(table, dataset)


@pytest.mark.parametrize("protocol", ["voc", "coco", "ilsvrc", "lvis", "open_images"])
@settings(max_examples=25, deadline=None)
@given(problems())
def test_anything_can_be_explained(protocol: str, problem: tuple[list[Found], list[Given]]) -> None:
    table, dataset = arrays_of(*problem, images=3, names=NAMES, excluded=[(0, 1)])
    pairs = np.array([[0, 0], [2, 1]])
    dataset = replace(dataset, verified=pairs, federation=Federation(pairs[:1], ("r", "c", "f")))
    matches = matched(protocol, table, dataset)
    unknown = np.full((4, len(dataset.all_truths)), np.nan)
    result = explain(table, dataset, matches, draws=20, traces=ObjectTraces(*unknown))
    plain = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert plain["protocol"] == protocol and len(plain["classes"]["names"]) == 3
    assert plain["misses"]["counts"]["unknown"] == result.misses.objects - result.misses.found
    assert result.confusion.counts[:3].sum() == np.count_nonzero(matches.counted)
    # The figure is computed in two ways.
    np.testing.assert_array_equal(result.classes.average_precisions, result.intervals.values)
    short = explain(table, dataset, matches, draws=0)
    assert short.misses is None and short.to_dict()["intervals"] is None


@pytest.mark.parametrize("protocol", ["voc", "voc2007"])
@settings(max_examples=25, deadline=None)
@given(problems())
def test_both_rules_of_voc_are_explained(
    protocol: str, problem: tuple[list[Found], list[Given]]
) -> None:
    found = [one for one in problem[0] if np.isfinite(one.score)]
    table, dataset = arrays_of(found, problem[1], images=3, names=NAMES)
    report = evaluate(table, dataset, protocol)
    assert report.matches is not None
    explained = explain(table, dataset, report.matches, draws=0).classes.average_precisions
    np.testing.assert_allclose(explained, list(report.per_class.values()), atol=1e-12)


def test_a_data_set_without_images() -> None:
    table, dataset = arrays_of([], [], images=0, names=NAMES)
    result = explain(table, dataset, matched("voc", table, dataset))
    assert result.intervals is None and result.tide.counts["Miss"] == 0


def test_intervals_of_the_mean_over_thresholds() -> None:
    given = [Given(0, 0, (0, 0, 9, 9), False), Given(1, 0, (0, 0, 9, 9), False)]
    rows = [Found(0, 0, 0.9, (0, 0, 9, 9)), Found(1, 0, 0.8, (0, 0, 9, 5))]  # the second: IoU 0.6
    table, dataset = arrays_of(rows, given, images=2, names=["a"])
    several = [coco.match(table, dataset, t) for t in (0.5, 0.75)]
    result = explain(table, dataset, several[0], draws=50, several=several)
    # 1 at 0.5; 51 of 101 points at 0.75
    assert result.classes.average_precisions[0] == pytest.approx(1)
    assert result.intervals.mean.value == pytest.approx((1 + 51 / 101) / 2)
