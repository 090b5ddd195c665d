"""Curves against a table worked by hand, published figures and counting one by one."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.curves import (
    Curves,
    area_average_precisions,
    area_under,
    class_curves,
    eleven_point_average_precisions,
    eleven_points,
)
from eval.matching import CUT, FALSE, IGNORED, TRUE, Matches
from eval.ranking import falling, group_rows
from tests.eval.cases import SHIPPED, arrays_of
from tests.eval.official import Found, Given

BOX = (0.0, 0.0, 9.0, 9.0)


def curves_of(rows: list[tuple[int, int, float, int]], counted: list[int], protocol: str) -> Curves:
    """From (image, label, score, outcome) and the number of objects of each class."""
    found = [Found(image, label, score, BOX) for image, label, score, _ in rows]
    objects = [Given(0, label, BOX) for label, count in enumerate(counted) for _ in range(count)]
    names = [str(label) for label in range(len(counted))]
    table, dataset = arrays_of(found, objects, 3, names)
    outcomes = np.array([row[3] for row in rows], dtype=np.int8)
    truths = np.full(len(rows), -1, dtype=np.int32)
    matches = Matches(protocol, 0.5, outcomes, truths, np.ones(len(objects), dtype=bool))
    return class_curves(matches, table, dataset)


ROWS = [
    (2, 1, 0.5, TRUE),
    (0, 1, 0.9, IGNORED),
    (1, 1, 0.5, FALSE),
    (0, 0, 0.1, FALSE),
    (0, 1, 0.8, TRUE),
    (0, 1, 0.95, CUT),
    (0, 3, 0.7, FALSE),
]


def test_hand_worked_curve() -> None:
    curves = curves_of(ROWS, [0, 4, 1, 0], "voc")
    assert len(curves) == 4
    own = curves[1]
    # 0.9 ignored, 0.8 true, then the two of 0.5 in file order; 0.95 is beyond the limit
    assert own.rows.tolist() == [1, 4, 0, 2] and own.scores.tolist() == [0.9, 0.8, 0.5, 0.5]
    assert own.true.tolist() == [0, 1, 2, 2] and own.false.tolist() == [0, 0, 0, 1]
    assert np.isnan(own.precision[0]) and own.precision[1:].tolist() == [1, 1, 2 / 3]
    assert own.recall.tolist() == [0, 0.25, 0.5, 0.5] and own.counted == 4
    assert curves[0].false.tolist() == [1] and np.isnan(curves[0].recall).all()
    assert len(curves[2].rows) == 0 and curves[2].counted == 1
    np.testing.assert_array_equal(area_average_precisions(curves), [np.nan, 0.5, 0, np.nan])
    # precision 1 at recall 0 to 0.5: six of eleven points
    np.testing.assert_allclose(
        eleven_point_average_precisions(curves), [np.nan, 6 / 11, 0, np.nan], atol=1e-15
    )
    with pytest.raises(IndexError):
        curves[4]


def test_equal_scores_come_image_by_image_but_for_voc() -> None:
    assert curves_of(ROWS, [0, 4, 1, 0], "ilsvrc")[1].rows.tolist() == [1, 4, 2, 0]
    assert curves_of(ROWS, [0, 4, 1, 0], "voc")[1].rows.tolist() == [1, 4, 0, 2]


def test_nothing_at_all() -> None:
    curves = curves_of([], [0, 1], "voc")
    assert len(curves.rows) == 0
    np.testing.assert_array_equal(area_average_precisions(curves), [np.nan, 0])
    np.testing.assert_array_equal(eleven_point_average_precisions(curves), [np.nan, 0])


def test_published_curve() -> None:
    case = json.loads((SHIPPED / "tensorflow_pascal.json").read_text())["expected"]["curve_case"]
    precision, recall = np.array(case["precision"]), np.array(case["recall"])
    assert area_under(precision, recall) == pytest.approx(case["expected_ap"], abs=1e-15)
    # 0.9 up to recall 0.4, 0.55 at 0.5
    assert eleven_points(precision, recall) == pytest.approx((5 * 0.9 + 0.55) / 11, abs=1e-15)


def test_nan_as_in_matlab() -> None:
    one, nan = np.array([np.nan, 1.0]), np.full(2, np.nan)
    assert area_under(one, np.array([0, 1.0])) == 1
    assert eleven_points(one, np.array([0, 1.0])) == pytest.approx(1, abs=1e-15)
    # only ignored detections; no objects; no detections
    assert area_under(nan, np.zeros(2)) == 0 and np.isnan(eleven_points(nan, np.zeros(2)))
    assert np.isnan(area_under(one, nan)) and eleven_points(one, nan) == 0
    assert area_under(np.empty(0), np.empty(0)) == 0 == eleven_points(np.empty(0), np.empty(0))


@pytest.mark.parametrize("tenths", range(1, 11))
def test_eleven_points_at_the_steps(tenths: int) -> None:
    # Recall 0.3, 0.6 and 0.7 lie below 3 * 0.1, 6 * 0.1 and 7 * 0.1 in float64.
    reached = sum(tenths / 10 >= step * 0.1 for step in range(11))
    assert reached == tenths + (tenths not in (3, 6, 7))
    assert eleven_points(np.ones(1), np.array([tenths / 10])) == pytest.approx(
        reached / 11, abs=1e-15
    )


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.integers(0, 2),
            st.sampled_from([0.9, 0.5, -0.0, 0.0]),
            st.sampled_from([TRUE, FALSE, IGNORED, CUT]),
        ),
        max_size=20,
    ),
    st.sampled_from(["voc", "coco"]),
)
@settings(max_examples=100, deadline=None)
def test_against_counting_one_by_one(
    rows: list[tuple[int, int, float, int]], protocol: str
) -> None:
    curves = curves_of(rows, [20, 20, 20], protocol)
    for label in range(3):
        own = [d for d in range(len(rows)) if rows[d][1] == label and rows[d][3] != CUT]
        own.sort(key=lambda d: (-rows[d][2], rows[d][0] if protocol == "coco" else 0))
        curve = curves[label]
        assert curve.rows.tolist() == own
        for rank in range(len(own)):
            outcomes = [rows[d][3] for d in own[: rank + 1]]
            assert curve.true[rank] == outcomes.count(TRUE)
            assert curve.false[rank] == outcomes.count(FALSE)


@given(
    st.lists(
        st.one_of(
            st.floats(width=64), st.sampled_from([0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan, 0.5])
        )
    )
)
@settings(max_examples=200, deadline=None)
def test_falling_is_a_stable_sort(values: list[float]) -> None:
    scores = np.array(values, dtype=np.float64)
    np.testing.assert_array_equal(falling(scores), np.argsort(-scores, kind="stable"))
    nan_last = np.lexsort((-scores, ~np.isnan(scores)))
    np.testing.assert_array_equal(falling(scores, nan_first=True), nan_last)
    some = np.arange(len(scores) - 1, -1, -2, dtype=np.int32)
    np.testing.assert_array_equal(
        falling(scores, some), some[np.argsort(-scores[some], kind="stable")]
    )


def test_many_random_scores() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=20_000).astype(np.float32).astype(np.float64).round(3)
    groups = rng.integers(0, 40, len(scores)).astype(np.int32)
    rows, starts = group_rows(groups, 41, falling(scores))
    np.testing.assert_array_equal(rows, np.lexsort((-scores, groups)))
    np.testing.assert_array_equal(np.diff(starts), np.bincount(groups, minlength=41))
