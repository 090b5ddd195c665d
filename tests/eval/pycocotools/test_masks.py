"""Masks against pycocotools: polygons as runs, overlaps, and what it cannot read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as official

from eval import EvaluationError
from eval.pycocotools import COCO, COCOeval
from tests.eval.pycocotools.problems import MANY

SIZES = ((10, 20), (1, 1), (7, 3), (48, 64), (200, 1))
NUMBERS = st.one_of(
    st.integers(-5, 70),
    st.floats(-10, 80),
    st.sampled_from([0.5, 1.5, -0.1, 0.3, 9.9, 10, 64, 0]),
    st.floats(-2000, 2000),
)


def evaluation(objects: list[Any], found: list[Any], size: tuple[int, int]) -> COCOeval:
    """The masks in one image and of one class."""
    cell = {"image_id": 1, "category_id": 1}
    truth = COCO(
        {
            "images": [{"id": 1, "height": size[0], "width": size[1]}],
            "categories": [{"id": 1, "name": "dog"}],
            "annotations": [
                {"id": n, "area": 1, "iscrowd": n % 2, "segmentation": shape, **cell}
                for n, shape in enumerate(objects, start=1)
            ],
        }
    )
    detections = [
        {"segmentation": shape, "bbox": [0, 0, 1, 1], "score": 1 / n, **cell}
        for n, shape in enumerate(found, start=1)
    ]
    return COCOeval(truth, truth.loadRes(detections), "segm")


@MANY
@given(
    st.sampled_from(SIZES),
    st.lists(st.lists(NUMBERS, min_size=6, max_size=25), min_size=1, max_size=5),
    st.booleans(),
)
def test_polygons_become_the_same_runs(
    size: tuple[int, int], polygons: list[list[float]], closed: bool
) -> None:
    if closed:  # a corner that is there twice has no slope
        polygons = [[*one[:4], *one[2:], *one[:2]] for one in polygons]
    one = evaluation([[polygon] for polygon in polygons], [[[0, 0, 9, 0, 9, 9]]], size)
    one.evaluate()
    found = [annotation["segmentation"] for annotation in one.cocoGt.dataset["annotations"]]
    assert found == [official.frPyObjects([polygon], *size)[0] for polygon in polygons]


@st.composite
def run_lists(draw: Any) -> dict[str, Any]:
    """A mask of 12 x 9 pixels as runs, some of them empty."""
    cuts = sorted(draw(st.lists(st.integers(0, 108), max_size=12)))
    return {"size": [12, 9], "counts": np.diff([0, *cuts, 108]).tolist()}


@MANY
@given(st.lists(run_lists(), min_size=1, max_size=4), st.lists(run_lists(), min_size=1, max_size=4))
def test_overlaps_are_identical(objects: list[Any], detections: list[Any]) -> None:
    one = evaluation(objects, detections, (12, 9))
    one.evaluate()
    compressed = (official.frPyObjects(shapes, 12, 9) for shapes in (detections, objects))
    expected = official.iou(*compressed, [n % 2 for n in range(1, len(objects) + 1)])
    np.testing.assert_array_equal(one.ious[1, 1], expected)
    np.testing.assert_array_equal(one.computeIoU(1, 1), expected)


@MANY
@given(st.lists(run_lists(), min_size=1, max_size=6))
def test_areas_and_boxes_of_results_are_identical(shapes: list[Any]) -> None:
    truth = COCO({"images": [{"id": 1}], "annotations": [], "categories": [{"id": 1}]})
    masks = official.frPyObjects(shapes, 12, 9)
    records = [{"image_id": 1, "category_id": 1, "segmentation": one} for one in masks]
    found = truth.loadRes(records).dataset["annotations"]
    for record, mask in zip(found, masks, strict=True):
        assert record["area"] == official.area(mask)
        assert type(record["area"]) is type(official.area(mask))
        np.testing.assert_array_equal(record["bbox"], official.toBbox(mask))


def test_masks_of_another_size_do_not_overlap() -> None:
    wide, tall = ({"size": size, "counts": [0, 50]} for size in ([5, 10], [10, 5]))
    one = evaluation([wide], [official.frPyObjects(tall, 10, 5)], (5, 10))
    one.evaluate()
    expected = official.iou(*([official.frPyObjects(m, 1, 1)] for m in (tall, wide)), [1])
    assert one.ious[1, 1].tolist() == expected.tolist() == [[-1.0]]


def test_runs_that_end_early_are_completed() -> None:
    # pycocotools compares such masks for ever: 10 pixels, 20 of them in both, the rest missing.
    short = official.frPyObjects({"size": [10, 10], "counts": [10, 20]}, 10, 10)
    whole = {"size": [10, 10], "counts": [20, 20, 60]}
    one = evaluation([{"size": [10, 10], "counts": [100]}, whole], [short], (10, 10))
    one.evaluate()
    assert one.ious[1, 1].tolist() == [[0, 10 / 30]]


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ({"size": [10, 10], "counts": "1\n"}, "annotation 1 of image 1: .* no compressed RLE"),
        ({"size": [10, 10], "counts": "oo"}, "annotation 1 of image 1: .* no compressed RLE"),
        ({"size": [10], "counts": "11"}, "annotation 1 of image 1: .* no compressed RLE"),
        ({"size": [3, 3], "counts": "0n2"}, r"mask has 94 pixels, but `size` is \[3, 3\]"),
    ],
)
def test_damaged_masks_are_named(shape: Any, message: str) -> None:
    one = evaluation([{"size": [3, 3], "counts": [0, 9]}], [shape], (10, 10))
    with pytest.raises(EvaluationError, match=message):
        one.evaluate()


def test_polygons_of_other_values_are_named() -> None:
    one = evaluation([[[0, 0, None, 0, 9, 9]]], [{"size": [1, 1], "counts": "01"}], (10, 10))
    with pytest.raises(EvaluationError, match="polygon"):
        one.evaluate()
