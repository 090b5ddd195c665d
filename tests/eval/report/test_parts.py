"""The content of the report: curves, figures as text, and the choice of the worst images."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from eval.report.content import charts, words
from eval.report.content.worst import most_errors_first, one_for_each_image


def test_staircase_goes_down_where_the_envelope_does() -> None:
    recall = np.array([0.25, 0.25, 0.5, 0.75])
    precision = np.array([1, 0.5, 2 / 3, 0.6])
    # Envelope: 1 up to a recall of 0.25, 2/3 up to 0.5, 0.6 up to 0.75, then nothing.
    drawn = charts.staircase(recall, precision)
    numbers = re.findall(r"([MHV])(\d+)(?: (\d+))?", drawn)
    assert numbers == [
        ("M", "0", "0"),
        *[("H", "256", ""), ("V", "333", ""), ("H", "504", ""), ("V", "400", "")],
        *[("H", "752", ""), ("V", "1000", "")],
    ]
    grid = charts.envelope_on_grid(recall, precision)
    assert grid[[0, 25, 26, 50, 51, 75, 76, 100]] == pytest.approx(
        [1, 1, 2 / 3, 2 / 3, 0.6, 0.6, 0, 0]
    )


def test_figures_as_people_read_them() -> None:
    assert [words.difference(value) for value in (0.0132, -0.0132, math.nan)] == [
        *("+0.013", "−0.013", "–")
    ]
    assert words.sentence("The difference of B-2 is 0.100 (-0.020 to +0.220)") == (
        "The difference of B-2 is 0.100 (−0.020 to +0.220)."
    )


def test_worst_come_first_and_no_class_crowds_out_the_others() -> None:
    rows, images = np.array([4, 3, 2, 1, 0]), np.array([0, 1, 2, 3, 3])
    labels = np.array([1, 0, 0, 0, 0])
    shown: set[int] = set()
    given = []
    for row, image in one_for_each_image(rows, images, labels, shown, per_class=2):
        shown.add(image)
        given.append(row)
    # The image of row 3 is shown already, the class of row 1 is shown twice already.
    assert given == [4, 2, 0]


def test_images_with_the_most_errors_come_first() -> None:
    false, missed = np.array([2, 2, 1]), np.array([2, 3, 1])
    # Image 2 has three errors, image 1 two, image 3 one; images 0 and 4 have none.
    assert most_errors_first(false, missed, count=5).tolist() == [2, 1, 3, 0, 4]
