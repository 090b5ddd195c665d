"""Every object is found or missed, and every false detection has a kind."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.matching import FALSE, TRUE
from eval.protocols import coco, voc
from eval.report.content.operating_point import FALSE_KINDS, operating_point
from tests.eval.cases import arrays_of, problems
from tests.eval.official import Found, Given


@given(problems(), st.sampled_from([-2.0, 0.25, 0.9, float("nan")]), st.booleans())
@settings(max_examples=60, deadline=None)
def test_counts_add_up(
    problem: tuple[list[Found], list[Given]], threshold: float, as_coco: bool
) -> None:
    found, objects = problem
    found = [one for one in found if np.isfinite(one.score)]
    table, dataset = arrays_of(found, objects, 3, ["a", "b", "c"])
    matches = (coco if as_coco else voc).match(table, dataset)
    point = operating_point(table, dataset, matches, threshold)
    assert len(point.true) + len(point.missed) == point.objects == matches.counted.sum()
    kept = table.scores >= threshold
    assert len(point.true) == (kept & (matches.outcomes == TRUE)).sum()
    assert len(point.false) == (kept & (matches.outcomes == FALSE)).sum()
    assert sum(len(point.of_kind(kind)) for kind in FALSE_KINDS) == len(point.false)
    assert set(point.alone.tolist()) <= set(point.missed.tolist())
    for counts, rows in (
        (point.class_found, point.true),
        (point.class_missed, point.missed),
        (point.class_false, point.false),
    ):
        assert counts.sum() == len(rows) and len(counts) == 3


def test_kinds_of_error_by_hand() -> None:
    """One object of each of two classes; boxes are inclusive pixels."""
    objects = [Given(0, 0, (0, 0, 99, 99), False), Given(0, 1, (200, 0, 299, 99), False)]
    found = [
        Found(0, 0, 0.9, (0, 0, 99, 99)),  # true
        Found(0, 0, 0.8, (0, 0, 99, 99)),  # a second time
        Found(0, 0, 0.7, (0, 60, 99, 159)),  # overlaps by 40 / 160: poorly placed
        Found(0, 0, 0.6, (200, 0, 299, 99)),  # the other class
        Found(0, 0, 0.5, (200, 60, 299, 159)),  # the other class, poorly placed
        Found(0, 1, 0.4, (500, 500, 599, 599)),  # nothing there
        Found(0, 1, 0.1, (200, 0, 299, 99)),  # true, below the threshold
    ]
    table, dataset = arrays_of(found, objects, 1, ["a", "b"])
    point = operating_point(table, dataset, voc.match(table, dataset), 0.2)
    assert point.true.tolist() == [0] and point.missed.tolist() == [1]
    assert point.kinds.tolist() == ["Dupe", "Loc", "Cls", "Both", "Bkg"]
    assert point.alone.tolist() == []  # the detection of the other class is close to it
    assert point.class_false.tolist() == [4, 1]
    nothing = operating_point(table, dataset, voc.match(table, dataset), float("nan"))
    assert len(nothing.false) == 0 and nothing.missed.tolist() == [0, 1]
