"""Boxes around masks, held to pycocotools."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as masks

from eval.formats.coco.mask_boxes import box_of_mask

shapes = st.tuples(st.integers(1, 9), st.integers(1, 9))


@given(shapes.flatmap(lambda shape: arrays(np.uint8, shape, elements=st.integers(0, 1))))
@settings(deadline=None, max_examples=150)
def test_the_box_of_runs_is_that_of_pycocotools(mask: np.ndarray) -> None:
    encoded = masks.encode(np.asfortranarray(mask))
    text = {"size": list(mask.shape), "counts": encoded["counts"].decode()}
    flat = mask.ravel(order="F")
    changes = [0, *(np.flatnonzero(np.diff(flat)) + 1).tolist(), mask.size]
    counts = ([0] if flat[0] else []) + np.diff(changes).tolist()
    runs = {"size": list(mask.shape), "counts": counts}
    expected = masks.toBbox(encoded).tolist() if mask.any() else None
    assert box_of_mask(text) == expected
    assert box_of_mask(runs) == expected


def test_long_runs_are_decoded() -> None:
    mask = np.zeros((700, 900), np.uint8, order="F")
    mask[100:650, 30:880] = 1
    mask[10:20, 400] = 1
    encoded = masks.encode(mask)
    text = {"size": [700, 900], "counts": encoded["counts"].decode()}
    assert box_of_mask(text) == masks.toBbox(encoded).tolist() == [30, 10, 850, 640]


def test_the_box_of_polygons() -> None:
    assert box_of_mask([[1, 2, 11, 2, 11, 8], [4, 1, 5, 9.5, 6, 3]]) == [1, 1, 10, 8.5]


@pytest.mark.parametrize(
    "mask",
    [None, [], [[]], [[1, 2, 3]], [[1, 2, 3, 4, 5, "6"]], {}, {"size": [2, 2]}, "abc", [3],
     {"size": [2, 2], "counts": [1, 2]}, {"size": [2, 2], "counts": "\x00"},
     {"size": [2, 2], "counts": "zzzzzzzzzzzzzzzzzz"}, {"size": [0, 0], "counts": []},
     {"size": [2, 2], "counts": [-1, 5]}, [[1, 2, 3, 4, 5, float("nan")]]],
)  # fmt: skip
def test_what_is_no_mask_has_no_box(mask: object) -> None:
    assert box_of_mask(mask) is None
