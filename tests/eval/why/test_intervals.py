"""95 % intervals against formulas, plain code, and the protocols' own AP."""

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
from eval.why.average_precision import RULES, average_precisions, cross_validated, ranked
from eval.why.intervals import FEWEST_IMAGES, Z, intervals

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


def official(problem: Problem) -> np.ndarray:
    """Average precision by independent code."""
    table, dataset, matches = problem
    curves = class_curves(matches, table, dataset)
    if matches.protocol == "voc2007":
        return eleven_point_average_precisions(curves)
    if matches.protocol not in ("coco", "lvis"):
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


def by_hand(problem: Problem, members: list[bool]) -> np.ndarray:
    """Cross-validated average precision of a part of the images, by plain code."""
    table, dataset, matches = problem
    counted = [
        (int(image), int(label))
        for image, label in zip(dataset.truth_images, dataset.all_truths.labels, strict=True)
        if members[image]
    ]
    result = []
    for label in range(len(dataset.class_names)):
        rows = [
            (float(-table.scores[row]), int(table.images[row]), bool(matches.outcomes[row] == TRUE))
            for row in range(len(table))
            if table.labels[row] == label
            and members[table.images[row]]
            and matches.outcomes[row] in (TRUE, FALSE)
        ]
        rows.sort()
        total = 0.0
        for place, (_, image, true) in enumerate(rows):
            if true:
                before = rows[: place + 1]
                others = [hit for _, other, hit in before if other != image]
                own = [hit for _, other, hit in before if other == image]
                total += float(np.mean(others or own))
        objects = sum(1 for _, other in counted if other == label)
        result.append(total / objects if objects else math.nan)
    return np.array(result)


@settings(max_examples=200, deadline=None)
@given(problems())
def test_average_precision_is_the_protocols(problem: Problem) -> None:
    table, dataset, matches = problem
    entries = ranked(class_curves(matches, table, dataset), matches, table, dataset)
    values = average_precisions(entries, RULES[matches.protocol])
    np.testing.assert_allclose(values, official(problem), rtol=0, atol=1e-12)


@settings(max_examples=200, deadline=None)
@given(problems(), st.data())
def test_cross_validation_by_plain_code(problem: Problem, data: st.DataObject) -> None:
    table, dataset, matches = problem
    some = st.lists(st.booleans(), min_size=len(dataset), max_size=len(dataset))
    columns = [data.draw(some), [True] * len(dataset), data.draw(some)]
    entries = ranked(class_curves(matches, table, dataset), matches, table, dataset)
    result = cross_validated(entries, np.array(columns).T)
    for column, values in zip(columns, result, strict=True):
        np.testing.assert_allclose(values, by_hand(problem, column), rtol=0, atol=1e-12)


def test_cross_validation_in_numbers() -> None:
    objects = [(0, 0), (0, 0), (1, 0), (2, 0)]
    detections = [(0, 0, 0.9, 0), (1, 0, 0.8, -1), (0, 0, 0.7, 1), (2, 0, 0.6, 3)]
    table, dataset, matches = matched(3, 1, objects, detections)
    entries = ranked(class_curves(matches, table, dataset), matches, table, dataset)
    # The first has no others, and its own image is right: 1. The second true one is preceded by a
    # false one elsewhere: 0. The last has 2 of 3 true ones before it.
    assert cross_validated(entries, np.ones((3, 1), bool))[0, 0] == pytest.approx((1 + 2 / 3) / 4)


@settings(max_examples=100, deadline=None)
@given(problems())
def test_intervals_lie_within_0_and_1_and_contain_their_figure(problem: Problem) -> None:
    table, dataset, matches = problem
    result = intervals(table, dataset, matches, draws=20)
    known = ~np.isnan(result.lows)
    assert (result.lows[known] >= 0).all() and (result.highs[known] <= 1).all()
    assert (result.lows[known] <= result.values[known]).all()
    assert (result.values[known] <= result.highs[known]).all()
    counted = set(zip(dataset.all_truths.labels, dataset.truth_images, strict=True))
    for label in range(len(dataset.class_names)):
        images = sum(1 for other, _ in counted if other == label)
        assert images >= FEWEST_IMAGES or not known[label]


def test_plain_figures_are_the_protocols() -> None:
    problem = matched(2, 1, [(0, 0), (1, 0)], [(0, 0, 0.9, 0), (1, 0, 0.8, -1), (1, 0, 0.7, 1)])
    table, dataset, matches = problem
    # IoU 0.5 and above: precision 1, 1/2, 2/3
    assert intervals(table, dataset, matches, draws=2).mean.value == pytest.approx(5 / 6)
    points = replace(matches, protocol="coco")
    result = intervals(table, dataset, points, draws=2)
    assert result.mean.value == pytest.approx((51 + 50 * 2 / 3) / 101, abs=1e-12)
    # All three lie on their objects; the second of image 1 is a repetition.
    match = coco.match(table, dataset)
    stats = coco.measure(table, dataset).stats()
    assert intervals(table, dataset, match, draws=2).mean.value == pytest.approx(stats["AP50"])
    thresholds = [coco.match(table, dataset, t) for t in np.linspace(0.5, 0.95, 10)]
    assert intervals(table, dataset, thresholds, draws=2).mean.value == pytest.approx(stats["AP"])


def test_error_and_interval_of_a_share_found() -> None:
    table, dataset, matches = found_in(400, 0.7)
    share = len(table) / 400
    result = intervals(table, dataset, matches, draws=4000)
    assert result.mean.value == pytest.approx(share)
    # The number found among 400 images is binomial, and its variance is estimated from 399.
    error = math.sqrt(share * (1 - share) / 399)
    assert result.mean.error == pytest.approx(error, rel=0.05)
    # At the ends of Wilson's interval, the share lies 1.96 of their own standard errors away.
    for end in (result.mean.low, result.mean.high):
        assert abs(share - end) == pytest.approx(Z * math.sqrt(end * (1 - end) / 399), rel=0.05)
    assert result.mean.low < share < result.mean.high
    assert result.lows[0] == result.mean.low and result.errors[0] == result.mean.error
    assert json.loads(json.dumps(result.to_dict()))["mean"]["value"] == pytest.approx(share)


@pytest.mark.parametrize("images", [20, 21])
def test_an_odd_number_of_images(images: int) -> None:
    # Half of the images are found: the error is that of a share among so many.
    found = [(i, 0, 1 - i / images, i) for i in range(0, images, 2)]
    problem = matched(images, 1, [(i, 0) for i in range(images)], found)
    share = len(found) / images
    error = math.sqrt(share * (1 - share) / (images - 1))
    assert intervals(*problem, draws=4000).mean.error == pytest.approx(error, rel=0.05)


def test_all_or_nothing_is_right() -> None:
    # As for a share of 20 of 20 and of 0 of 20 by Wilson: 20 / (20 + 1.96^2).
    low = 20 / (20 + 1.959964**2)
    all_found = intervals(*found_in(20, 1)).mean
    assert all_found == pytest.approx((1, 0, low, 1))
    nothing = intervals(*found_in(20, 0)).mean
    assert nothing == pytest.approx((0, 0, 0, 1 - low))


def test_luck_in_the_ranking_does_not_raise_the_interval() -> None:
    """With 30 objects and as many false detections at random scores, precision is a half."""
    above = 0
    for seed in range(20):
        order = np.random.default_rng(seed).permutation(60)
        detections = [(i % 30, 0, float(order[i]), i if i < 30 else -1) for i in range(60)]
        result = intervals(*matched(30, 1, [(i, 0) for i in range(30)], detections), draws=100)
        above += result.mean.low > 0.5
        # The envelope lies above one half.
        assert result.mean.value > 0.5
    assert above <= 3


def test_seeds() -> None:
    problem = found_in(50, 0.5)
    one, same, other = (intervals(*problem, draws=100, seed=seed) for seed in (1, 1, 2))
    assert one.mean == same.mean and one.mean != other.mean
    np.testing.assert_array_equal(one.highs, same.highs)


def test_classes_with_few_objects_and_nothing_to_evaluate() -> None:
    objects = [(i, 0) for i in range(5)] + [(5, 1)] * 9
    table, dataset, matches = matched(6, 3, objects, [(0, 0, 0.9, 0), (5, 2, 0.8, -1)])
    result = intervals(table, dataset, matches, draws=200)
    np.testing.assert_allclose(result.values, [0.2, 0, np.nan])
    # Class 1 has nine objects, but in a single image.
    assert np.isnan([result.lows, result.errors])[:, 1:].all()
    assert not np.isnan([result.lows, result.highs, result.errors])[:, 0].any()
    assert result.to_dict()["lows"][1:] == [None, None]
    for wrong in ({"draws": 1}, {"matches": []}):
        with pytest.raises(EvaluationError, match="two draws"):
            intervals(table, dataset, **{"matches": matches, **wrong})
    alone = intervals(*matched(1, 1, [(0, 0)], [(0, 0, 0.9, 0)])).mean
    assert alone.value == 1 and np.isnan(alone[1:]).all()
    empty = matched(1, 1, [], [])
    same = compare((empty[0], empty[2]), (empty[0], empty[2]), empty[1], draws=10)
    assert same.sentence == "No difference can be measured: no object counts"
    few = found_in(4, 1)
    nothing = DetectionTable(
        few[0].images[:0], few[0].labels[:0], few[0].boxes[:0], few[0].scores[:0]
    )
    none = replace(few[2], outcomes=few[2].outcomes[:0], truths=few[2].truths[:0])
    result = compare((few[0], few[2]), (nothing, none), few[1], names=("old", "new"), draws=10)
    assert result.sentence == (
        "new minus old is -1.000; the images are too few to tell this from chance"
    )


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
    low, high = result.mean.low, result.mean.high
    assert result.sentence == (
        f"old is better than new by 0.050 ± 0.011 (95 % interval {-high:+.3f} to {-low:+.3f})"
    )
    turned = compare(*runs[::-1], dataset, names=("new", "old"), draws=4000)
    assert turned.sentence == result.sentence and turned.better == 1
    assert turned.to_dict()["sentence"] == result.sentence


def test_no_difference() -> None:
    table, dataset, matches = found_in(40, 0.5)
    same = compare((table, matches), (table, matches), dataset, draws=50)
    assert same.better == 0.5 and same.mean.value == 0
    assert same.sentence.startswith("The difference is within chance: B minus A is 0.000 ± 0.000")
    with pytest.raises(EvaluationError, match="different protocols"):
        compare((table, matches), (table, replace(matches, protocol="coco")), dataset)
