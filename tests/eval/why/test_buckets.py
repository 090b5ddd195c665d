"""Sizes and shapes against sums worked by hand; the buckets add up to the whole."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from hypothesis import given, settings

from eval.curves import class_curves
from eval.protocols import voc
from eval.reading import read_detections
from eval.why.buckets import all_buckets
from tests.eval.cases import arrays_of, dataset_of, found, problems, truth
from tests.eval.official import Found, Given


def test_sizes_by_hand(tmp_path: Path) -> None:
    truths = [
        truth(1, 1, (0, 0, 10, 10)),  # small
        truth(1, 1, (100, 0, 150, 50)),  # medium, found
        truth(1, 1, (200, 0, 232, 32)),  # medium, as 32^2 pixels are; missed
        truth(1, 2, (0, 100, 200, 300)),  # large, of another class
    ]
    rows = [
        found(1, 1, (500, 0, 510, 10), 0.9),  # false and small
        found(1, 1, (100, 0, 150, 50), 0.8),
        found(1, 1, (0, 0, 10, 10), 0.7),
        found(1, 1, (500, 500, 700, 700), 0.95),  # false and large, where cats have no object
        found(1, 2, (500, 500, 700, 700), 0.9),  # false and large
        found(1, 2, (0, 100, 200, 300), 0.8),
    ]
    dataset = dataset_of(tmp_path, truths, images=1, names=["cat", "dog"])
    table = read_detections(rows, dataset)
    matches = voc.match(table, dataset)
    coco, own, shapes = all_buckets(class_curves(matches, table, dataset), table, dataset, matches)
    assert coco.names == ("small", "medium", "large") and coco.limits.tolist() == [32, 96]
    assert coco.objects.tolist() == [1, 2, 1] and coco.found.tolist() == [1, 1, 1]
    assert coco.false.tolist() == [1, 0, 2]
    # small: false, true; medium: true, one missed; large: the dog's false, true
    np.testing.assert_allclose(coco.average_precisions, [1 / 2, 1 / 2, 1 / 2], atol=1e-12)
    np.testing.assert_allclose(coco.recalls, [1, 1 / 2, 1])
    # sides 10, 32, 50, 200 at ranks 0 to 3; 10, 30, 70 and 90 % are ranks 0.3, 0.9, 2.1 and 2.7
    np.testing.assert_allclose(own.limits, [10 + 6.6, 10 + 19.8, 50 + 15, 50 + 105])
    assert own.objects.tolist() == [1, 0, 2, 0, 1]
    assert shapes.objects.tolist() == [0, 0, 4, 0, 0] and np.isnan(shapes.recalls[0])
    assert json.loads(json.dumps(shapes.to_dict()))["average_precisions"][0] is None


def test_a_true_detection_is_as_large_as_its_object(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, [truth(1, 1, (0, 0, 30, 30))], images=1, names=["cat"])
    table = read_detections([found(1, 1, (0, 0, 35, 35), 0.9)], dataset)
    matches = voc.match(table, dataset)
    coco, *_ = all_buckets(class_curves(matches, table, dataset), table, dataset, matches)
    assert coco.found.tolist() == [1, 0, 0]
    np.testing.assert_allclose(coco.average_precisions, [1, np.nan, np.nan])


def test_shapes_by_hand(tmp_path: Path) -> None:
    sides = [(10, 30), (10, 15), (10, 10), (15, 10), (30, 10), (20, 10)]
    truths = [truth(1, 1, (100 * k, 0, 100 * k + w, h)) for k, (w, h) in enumerate(sides)]
    # A detection that is wide, on the tall object's place but too small to match: false, wide.
    rows = [found(1, 1, (0, 0, 10, 6), 0.9), found(1, 1, (0, 0, 10, 28), 0.8)]
    dataset = dataset_of(tmp_path, truths, images=1, names=["cat"])
    table = read_detections(rows, dataset)
    matches = voc.match(table, dataset)
    _, _, shapes = all_buckets(class_curves(matches, table, dataset), table, dataset, matches)
    assert shapes.names == ("very tall", "tall", "square", "wide", "very wide")
    # A limit belongs to the bucket above it: width 2 of height 1 is very wide.
    assert shapes.objects.tolist() == [1, 1, 1, 1, 2]
    assert shapes.found.tolist() == [1, 0, 0, 0, 0] and shapes.false.tolist() == [0, 0, 0, 1, 0]
    np.testing.assert_allclose(shapes.average_precisions, [1, 0, 0, 0, 0])


@settings(max_examples=50, deadline=None)
@given(problems())
def test_buckets_add_up(problem: tuple[list[Found], list[Given]]) -> None:
    table, dataset = arrays_of(*problem, images=3, names=["a", "b", "c"])
    matches = voc.match(table, dataset)
    for result in all_buckets(class_curves(matches, table, dataset), table, dataset, matches):
        assert result.objects.sum() == np.count_nonzero(matches.counted)
        assert result.found.sum() == np.count_nonzero(matches.outcomes == 1)
        assert result.false.sum() == np.count_nonzero(matches.outcomes == 0)
        known = result.average_precisions[result.objects > 0]
        assert ((known >= 0) & (known <= 1 + 1e-12)).all()


def test_no_objects(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, [], images=1, names=["cat"])
    table = read_detections([found(1, 1, (0, 0, 10, 10), 0.5)], dataset)
    matches = voc.match(table, dataset)
    for result in all_buckets(class_curves(matches, table, dataset), table, dataset, matches):
        assert np.isnan(result.average_precisions).all() and result.false.sum() == 1
        assert result.objects.sum() == 0
