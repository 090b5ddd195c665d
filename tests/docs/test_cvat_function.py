"""The CVAT function in docs/examples, with CVAT's own checks; skipped without cvat-sdk."""

from __future__ import annotations

import importlib.util
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from detector import Detector
from tests.made_up import NAMES, rectangles

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "cvat_function.py"
IDS = {name: 100 + label for label, name in enumerate(NAMES)}  # of the labels of a CVAT task


@pytest.fixture(scope="module")
def function(small_weights: Path) -> Any:
    """The function as cvat-cli --function-file loads it."""
    pytest.importorskip("cvat_sdk.auto_annotation")
    spec = importlib.util.spec_from_file_location("cvat_function", EXAMPLE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.create(weights=str(small_weights))


def mapped(function: Any, shapes: list[Any]) -> None:
    """Check the shapes and give them the ids of the task's labels, as CVAT does before upload."""
    from cvat_sdk.auto_annotation import driver
    from cvat_sdk.models import Label

    labels = [
        Label(name=name, id=IDS[name], type="rectangle", sublabels=[], attributes=[])
        for name in NAMES
    ]
    mapper = driver._AnnotationMapper(
        logging.getLogger(),
        function.spec.labels,
        labels,
        allow_unmatched_labels=False,
        conv_mask_to_poly=False,
    )
    mapper.validate_and_remap(shapes, 7)


def test_the_labels_are_the_classes(function: Any) -> None:
    assert [label.name for label in function.spec.labels] == list(NAMES)
    assert {label.type for label in function.spec.labels} == {"rectangle"}


def test_rectangles_are_the_detections(function: Any, small_weights: Path) -> None:
    image = rectangles(11)[0]
    shapes = list(function.detect(SimpleNamespace(conf_threshold=0.01), Image.fromarray(image)))
    expected = Detector.load(small_weights)(image, threshold=0.01)
    assert len(shapes) == len(expected) > 0
    np.testing.assert_allclose([shape.points for shape in shapes], expected.boxes_xyxy)
    mapped(function, shapes)
    assert [shape.label_id for shape in shapes] == [IDS[one.name] for one in expected]
    assert {shape.frame for shape in shapes} == {7}


def test_a_threshold_of_the_task_is_kept(function: Any) -> None:
    image = Image.fromarray(rectangles(11)[0])
    default, none = (
        function.detect(SimpleNamespace(conf_threshold=lowest), image) for lowest in (None, 1)
    )
    assert len(list(none)) == 0 <= len(list(default))
