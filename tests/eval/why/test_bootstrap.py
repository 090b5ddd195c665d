"""Confidence intervals against formulas, images really repeated, and the protocols' own AP."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.curves import (
    area_average_precisions,
    class_curves,
    eleven_point_average_precisions,
)
from eval.datasets import Dataset, ImageRecord, Truths, group_by_image
from eval.detections import DetectionTable
from eval.errors import EvaluationError
from eval.matching import FALSE, IGNORED, TRUE, Matches
from eval.protocols import coco
from eval.why import compare
from eval.why.average_precision import RULES, average_precisions, ranked, weighted
from eval.why.bootstrap import bootstrap

Problem = tuple[DetectionTable, Dataset, Matches]
BOX = np.array([10.0, 10, 50, 50])


def matched(
    images: int,
    classes: int,
    objects: list[tuple[int, int]],
    detections: list[tuple[int, int, float, int]],
    protocol: str = "voc",
) -> Problem:
    """Objects as (image, label), image by image; detections as (image, label, score, object).

    The object is the one that a detection matches, -1 for none and -2 for an ignored detection.
    """
    places = np.array(objects, dtype=np.int64).reshape(-1, 2)
    rows = np.array(detections, dtype=np.float64).reshape(-1, 4)
    none = np.zeros(len(places), dtype=bool)
    dataset = group_by_image(
        [ImageRecord(i, f"{i}.jpg", 100, 100) for i in range(images)],
        [f"class {k}" for k in range(classes)],
        range(classes),
        Truths(np.tile(BOX, (len(places), 1)), places[:, 1], none + 2500.0, none, none),
        places[:, 0],
    )
    taken = rows[:, 3].astype(np.int32)
    table = DetectionTable(
        rows[:, 0].astype(np.int32),
        rows[:, 1].astype(np.int32),
        np.tile(BOX, (len(rows), 1)),
        rows[:, 2],
    )
    outcomes = np.where(taken >= 0, TRUE, np.where(taken == -1, FALSE, IGNORED)).astype(np.int8)
    return table, dataset, Matches(protocol, 0.5, outcomes, np.maximum(taken, -1), ~none)


def found_in(images: int, share: float, seed: int = 0) -> Problem:
    """One object per image, found or missed, and nothing else: AP is the share that is found."""
    found = np.random.default_rng(seed).random(images) < share
    detections = [(i, 0, 1 - i / images, i) for i in range(images) if found[i]]
    return matched(images, 1, [(i, 0) for i in range(images)], detections)


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    images, classes = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    place = st.tuples(st.integers(0, images - 1), st.integers(0, classes - 1))
    objects = sorted(draw(st.lists(place, max_size=12)))
    free = [*draw(st.permutations(range(len(objects)))), *[-1] * 12, *[-2] * 3]
    taken = draw(st.lists(st.sampled_from(range(len(free))), unique=True, max_size=20))
    scores = draw(st.permutations(range(len(taken))))
    detections = []
    for position, score in zip(taken, scores, strict=True):
        row = free[position]
        image, label = objects[row] if row >= 0 else draw(place)
        detections.append((image, label, score / 20, row))
    return matched(images, classes, objects, detections, draw(st.sampled_from(sorted(RULES))))


def repeated(problem: Problem, weights: list[int]) -> Problem:
    """The data set with each image as often as its weight says."""
    table, dataset, matches = problem
    copies = [image for image, weight in enumerate(weights) for _ in range(weight)]
    objects, detections = [], []
    for copy, image in enumerate(copies):
        first = len(objects) - int(dataset.starts[image])
        objects += [(copy, int(label)) for label in dataset.truths(image).labels]
        for row in np.flatnonzero(table.images == image):
            taken = int(matches.truths[row])
            if taken >= 0:
                taken += first
            elif matches.outcomes[row] == IGNORED:
                taken = -2
            detections.append((copy, int(table.labels[row]), float(table.scores[row]), taken))
    classes = len(dataset.class_names)
    return matched(len(copies), classes, objects, detections, matches.protocol)


def official(problem: Problem) -> np.ndarray:
    """Average precision by independent code."""
    table, dataset, matches = problem
    curves = class_curves(matches, table, dataset)
    if matches.protocol == "voc2007":
        return eleven_point_average_precisions(curves)
    if matches.protocol != "coco":
        return area_average_precisions(curves)
    result = np.full(len(curves), np.nan)
    for label in range(len(curves)):
        curve = curves[label]
        if curve.counted:
            precision = curve.true / (curve.true + curve.false + np.spacing(1))
            envelope = np.maximum.accumulate(precision[::-1])[::-1]
            first = np.searchsorted(curve.recall, np.linspace(0, 1, 101), side="left")
            result[label] = np.append(envelope, 0)[first].mean()
    return result


@settings(max_examples=200, deadline=None)
@given(problems(), st.data())
def test_weights_are_repeated_images(problem: Problem, data: st.DataObject) -> None:
    table, dataset, matches = problem
    some = st.lists(st.integers(0, 3), min_size=len(dataset), max_size=len(dataset))
    columns = [data.draw(some), [1] * len(dataset), data.draw(some)]
    entries = ranked(class_curves(matches, table, dataset), matches, table, dataset)
    rule = RULES[matches.protocol]
    result = weighted(entries, rule, np.array(columns, dtype=np.int32).T)
    for column, values in zip(columns, result, strict=True):
        expected = official(repeated(problem, column))
        np.testing.assert_allclose(values, expected, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(average_precisions(entries, rule), result[1])


def test_plain_figures_are_the_protocols() -> None:
    problem = matched(2, 1, [(0, 0), (1, 0)], [(0, 0, 0.9, 0), (1, 0, 0.8, -1), (1, 0, 0.7, 1)])
    table, dataset, matches = problem
    # IoU 0.5 and above: precision 1, 1/2, 2/3
    assert bootstrap(table, dataset, matches, draws=2).mean.value == pytest.approx(5 / 6)
    points = replace(matches, protocol="coco")
    result = bootstrap(table, dataset, points, draws=2)
    assert result.mean.value == pytest.approx((51 + 50 * 2 / 3) / 101, abs=1e-12)
    # All three lie on their objects; the second of image 1 is a repetition.
    match = coco.match(table, dataset)
    stats = coco.measure(table, dataset).stats()
    assert bootstrap(table, dataset, match, draws=2).mean.value == pytest.approx(stats["AP50"])
    thresholds = [coco.match(table, dataset, t) for t in np.linspace(0.5, 0.95, 10)]
    assert bootstrap(table, dataset, thresholds, draws=2).mean.value == pytest.approx(stats["AP"])


def test_error_and_interval_of_a_share_found() -> None:
    table, dataset, matches = found_in(400, 0.7)
    share = len(table) / 400
    result = bootstrap(table, dataset, matches, draws=4000)
    assert result.mean.value == pytest.approx(share)
    # The number found among 400 draws is binomial.
    error = math.sqrt(share * (1 - share) / 400)
    assert result.mean.error == pytest.approx(error, rel=0.05)
    assert result.mean.low == pytest.approx(share - 1.96 * error, abs=0.15 * error)
    assert result.mean.high == pytest.approx(share + 1.96 * error, abs=0.15 * error)
    assert result.lows[0] == result.mean.low and result.errors[0] == result.mean.error
    assert json.loads(json.dumps(result.to_dict()))["mean"]["value"] == pytest.approx(share)


def test_intervals_contain_the_true_value_in_95_percent() -> None:
    holds = 0
    for seed in range(200):
        result = bootstrap(*found_in(80, 0.7, seed), draws=200, seed=seed)
        holds += result.mean.low <= 0.7 <= result.mean.high
    # 95 % of 200, within four standard errors
    assert 178 <= holds <= 200


def test_seeds() -> None:
    problem = found_in(50, 0.5)
    one, same, other = (bootstrap(*problem, draws=100, seed=seed) for seed in (1, 1, 2))
    assert one.mean == same.mean and one.mean != other.mean
    np.testing.assert_array_equal(one.highs, same.highs)


def test_classes_without_objects_and_nothing_to_evaluate() -> None:
    table, dataset, matches = matched(3, 2, [(0, 0)], [(0, 0, 0.9, 0), (1, 1, 0.8, -1)])
    result = bootstrap(table, dataset, matches, draws=200)
    # Draws without image 0 have no object of class 0; in all others it is found.
    assert result.values[0] == 1 == result.lows[0] and result.errors[0] == 0
    assert np.isnan([result.values[1], result.errors[1], result.lows[1]]).all()
    assert result.to_dict()["values"] == [1.0, None]
    for wrong in ({"draws": 1}, {"matches": []}):
        with pytest.raises(EvaluationError, match="two draws"):
            bootstrap(table, dataset, **{"matches": matches, **wrong})
    empty = matched(1, 1, [], [])
    same = compare((empty[0], empty[2]), (empty[0], empty[2]), empty[1], draws=10)
    assert same.sentence == "No difference can be measured: no object counts"


def test_comparison_is_paired() -> None:
    table, dataset, matches = found_in(400, 0.7)
    # B misses the 20 images that A found last.
    fewer = DetectionTable(*(part[:-20] for part in (table.images, table.labels, table.boxes)),
                           table.scores[:-20])  # fmt: skip
    less = replace(matches, outcomes=matches.outcomes[:-20], truths=matches.truths[:-20])
    runs = (table, matches), (fewer, less)
    result = compare(*runs, dataset, names=("old", "new"), draws=4000)
    error = math.sqrt(0.05 * 0.95 / 400)
    assert result.mean.value == pytest.approx(-0.05) == result.values[0]
    # Unpaired, the error would be three times that.
    assert result.mean.error == pytest.approx(error, rel=0.06)
    assert result.better == 0 == result.shares[0]
    low, high = 100 * result.mean.low, 100 * result.mean.high
    assert result.sentence == (
        f"old is better than new by 5.0 ± 1.1 points (95 % interval {-high:.1f} to {-low:.1f})"
    )
    turned = compare(*runs[::-1], dataset, names=("new", "old"), draws=4000)
    assert turned.sentence == result.sentence and turned.better == 1
    assert turned.to_dict()["sentence"] == result.sentence


def test_no_difference() -> None:
    table, dataset, matches = found_in(40, 0.5)
    same = compare((table, matches), (table, matches), dataset, draws=50)
    assert same.better == 0.5 and same.mean.value == 0
    assert same.sentence.startswith("The difference is within chance: B minus A is 0.0")
    with pytest.raises(EvaluationError, match="different protocols"):
        compare((table, matches), (table, replace(matches, protocol="coco")), dataset)
