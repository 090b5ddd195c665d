"""Test cases with known results: small ones made here, and published ones if they are present."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from eval import Dataset, read_dataset
from eval.datasets import ImageRecord, Truths, group_by_image
from eval.detections import DetectionTable
from tests.eval.official import Found, Given

SHIPPED = Path(__file__).parent / "data"
PUBLISHED = Path(__file__).resolve().parents[2].parent / "shared" / "reference" / "eval"

Box = tuple[float, float, float, float]


def published(name: str) -> Path:
    """The folder of a published case; the test is skipped if it is missing."""
    if not (PUBLISHED / name).is_dir():
        pytest.skip(f"published case {name} is not here")
    return PUBLISHED / name


def dataset_of(
    folder: Path, truths: list[dict[str, Any]], images: int, names: list[str]
) -> Dataset:
    """Images 1..images of 1000 x 1000, classes with ids 1, 2, ... in the order of names."""
    document = {
        "images": [
            {"id": i, "file_name": f"{i}.jpg", "height": 1000, "width": 1000}
            for i in range(1, images + 1)
        ],
        "categories": [{"id": k, "name": name} for k, name in enumerate(names, start=1)],
        "annotations": truths,
    }
    path = folder / "truth.json"
    path.write_text(json.dumps(document))
    return read_dataset(path)


def truth(image: int, category: int, box_xyxy: Box, **extra: Any) -> dict[str, Any]:
    x1, y1, x2, y2 = box_xyxy
    bbox = [x1, y1, x2 - x1, y2 - y1]
    return {"image_id": image, "category_id": category, "bbox": bbox, **extra}


def found(image: int, category: int, box_xyxy: Box, score: float) -> dict[str, Any]:
    return truth(image, category, box_xyxy, score=score)


def arrays_of(
    found: Sequence[Found],
    given: Sequence[Given],
    images: int,
    names: Sequence[str],
    excluded: Iterable[tuple[int, int]] = (),
    layout: str = "inclusive0",
) -> tuple[DetectionTable, Dataset]:
    """The table and data set of these detections and objects; boxes are inclusive pixels."""
    dataset = group_by_image(
        [ImageRecord(i, f"{i}.jpg", 1000, 1000) for i in range(images)],
        names,
        range(1, len(names) + 1),
        Truths(
            _boxes_in(layout, [one.box for one in given]),
            np.array([one.label for one in given], dtype=np.int64),
            np.zeros(len(given)),
            np.array([one.difficult for one in given], dtype=bool),
            np.zeros(len(given), dtype=bool),
            layout=layout,
        ),
        np.array([one.image for one in given], dtype=np.int64),
        excluded=np.array(sorted(excluded), dtype=np.int64).reshape(-1, 2),
    )
    table = DetectionTable(
        np.array([one.image for one in found], dtype=np.int32),
        np.array([one.label for one in found], dtype=np.int32),
        _boxes_in(layout, [one.box for one in found]),
        np.array([one.score for one in found], dtype=np.float64),
        layout,
    )
    return table, dataset


def _boxes_in(layout: str, corners: Sequence[Box]) -> np.ndarray:
    boxes = np.array(corners, dtype=np.float64).reshape(-1, 4)
    if layout == "xywh":
        boxes[:, 2:] -= boxes[:, :2] - 1
    return boxes


IMAGES, CLASSES = 3, 3


@st.composite
def problems(draw: st.DrawFn) -> tuple[list[Found], list[Given]]:
    """Three images, three classes; boxes on a coarse grid, so that overlaps and scores tie.

    Objects come image by image, as a Dataset holds them. Some boxes have no area, some scores
    are NaN, infinite or -0.
    """
    step = draw(st.sampled_from([1, 2, 5, 9]))
    starts, sides = st.integers(0, 4), st.integers(-2, 5)
    scores = st.sampled_from([0.9, 0.5, 0.25, 0.0, -0.0, -1.0, float("inf"), float("nan")])
    image, label = st.integers(0, IMAGES - 1), st.integers(0, CLASSES - 1)

    def box() -> Box:
        x, y, width, height = (draw(values) for values in (starts, starts, sides, sides))
        return x * step, y * step, (x + width) * step - 1, (y + height) * step - 1

    given = [
        Given(draw(image), draw(label), box(), draw(st.booleans()) and draw(st.booleans()))
        for _ in range(draw(st.integers(0, 8)))
    ]
    found = []
    for _ in range(draw(st.integers(0, 14))):
        if given and draw(st.booleans()):
            target = draw(st.sampled_from(given))
            shift = draw(st.integers(-1, 1)) * step
            x1, y1, x2, y2 = target.box
            moved = (x1 + shift, y1, x2 + shift, y2)
            found.append(Found(target.image, target.label, draw(scores), moved))
        else:
            found.append(Found(draw(image), draw(label), draw(scores), box()))
    return found, sorted(given, key=lambda one: one.image)
