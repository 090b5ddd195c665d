"""Written files in the programs that they are for; a program that is not installed is skipped."""

from __future__ import annotations

import copy
import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.formats.writing.csv import csv_text
from eval.formats.writing.label_studio import label_studio_config, label_studio_tasks
from eval.formats.writing.labelled_image import LabelledImage

NAMES = ('cat & "dog"', "犬")


@st.composite
def images(draw: st.DrawFn) -> LabelledImage:
    """A picture with boxes inside and outside of it; detections or ground truth."""
    count = draw(st.integers(0, 3))
    edge, side = st.floats(-50, 150), st.floats(0, 200)
    corners = [(draw(edge), draw(edge)) for _ in range(count)]
    boxes = [(x, y, x + draw(side), y + draw(side)) for x, y in corners]
    labels = draw(st.lists(st.integers(0, 1), min_size=count, max_size=count))
    scores = st.lists(st.floats(0, 1), min_size=count, max_size=count)
    return LabelledImage("a/b c.jpg", 70, 90, boxes, labels, draw(st.none() | scores))


@settings(max_examples=50, deadline=None)
@given(image=images())
def test_label_studio_accepts_the_tasks(image: LabelledImage) -> None:
    interfaces = pytest.importorskip("label_studio_sdk.label_interface")
    interface = interfaces.LabelInterface(label_studio_config(NAMES))
    interface.validate()
    (task,) = label_studio_tasks([image], NAMES)
    assert interface.validate_prediction(result_of(task), return_errors=True) == []
    if result_of(task)["result"]:  # the check can fail
        wrong = copy.deepcopy(task)
        result_of(wrong)["result"][0]["value"]["rectanglelabels"] = ["zebra"]
        assert interface.validate_prediction(result_of(wrong), return_errors=True)


def result_of(task: dict[str, Any]) -> dict[str, Any]:
    (result,) = task["predictions"] if "predictions" in task else task["annotations"]
    return result


@settings(max_examples=50, deadline=None)
@given(image=images())
def test_pandas_reads_the_table(image: LabelledImage) -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.read_csv(io.StringIO(csv_text([image], NAMES)))
    assert table["class"].tolist() == [NAMES[label] for label in image.labels]
    assert table["file_name"].tolist() == ["a/b c.jpg"] * len(image)
    boxes = table[["x1", "y1", "x2", "y2"]].to_numpy(float)
    assert abs(boxes - image.boxes_xyxy).max(initial=0) < 1e-6
    if image.scores is not None:
        assert table["score"].tolist() == pytest.approx(image.scores.tolist(), rel=1e-15)
