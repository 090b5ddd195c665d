"""Figures as people read them."""

from __future__ import annotations

import math

import pytest

from eval import wording


@pytest.mark.parametrize(
    ("value", "fraction", "difference"),
    [
        (0.74163, "0.742", "+0.742"),
        (-0.0132, "-0.013", "-0.013"),
        (1.0, "1.000", "+1.000"),
        (0.0004, "0.000", "0.000"),
        (-0.0004, "0.000", "0.000"),
        (-0.0, "0.000", "0.000"),
        (math.nan, "–", "–"),
        (math.inf, "–", "–"),
        (None, "–", "–"),
    ],
)
def test_three_digits(value: float | None, fraction: str, difference: str) -> None:
    assert wording.fraction(value) == fraction
    assert wording.difference(value) == difference


def test_intervals_scores_shares_and_amounts() -> None:
    assert wording.interval(0.7358, 0.7861) == "0.736–0.786"
    assert wording.interval(math.nan, math.nan) == "–" == wording.interval(None, 0.5)
    assert wording.with_interval(0.742, 0.7358, 0.7861) == "0.742 (0.736–0.786)"
    assert wording.with_interval(0.742, math.nan, math.nan) == "0.742"
    assert wording.score(0.745000001) == "0.75" and wording.score(12.3) == "12.30"
    assert wording.percent(0.124) == "12 %" and wording.percent(math.nan) == "–"
    assert wording.amount(1, "image") == "1 image"
    assert wording.amount(2681, "image") == "2,681 images"
