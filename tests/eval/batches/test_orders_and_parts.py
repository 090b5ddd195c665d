"""Batches in any order, split over merged evaluators, equal one evaluation of files exactly."""

from __future__ import annotations

import json
import pickle
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval import MeanAveragePrecision, Report, evaluate, read_dataset

NAMES = ["cat", "dog", "bird"]
# Few values, so that boxes coincide and scores tie, also between images. float32 holds all of them.
SIDES = st.sampled_from([0.25, 1.0, 20.0, 33.5, 100.0])
PLACES = st.sampled_from([0.0, 0.75, 4.0, 10.5])
SCORES = st.sampled_from([0.125, 0.5, 0.75, 1.0])


class Picture(NamedTuple):
    """The objects and detections of one image as COCO records without ids of images."""

    truths: list[dict[str, Any]]
    found: list[dict[str, Any]]

    def prediction(self) -> dict[str, np.ndarray]:
        return {
            "boxes": corners(self.found),
            "scores": np.array([one["score"] for one in self.found], np.float32),
            "labels": np.array([one["category_id"] for one in self.found], np.int32),
        }

    def target(self, **identity: Any) -> dict[str, Any]:
        return {
            "boxes": corners(self.truths),
            "labels": np.array([one["category_id"] for one in self.truths], np.int64),
            "iscrowd": np.array([one["iscrowd"] for one in self.truths], np.int64),
            "difficult": np.array([one["difficult"] for one in self.truths], bool),
            "area": np.array([one["area"] for one in self.truths]),
            **identity,
        }


def corners(records: list[dict[str, Any]]) -> np.ndarray:
    boxes = np.array([one["bbox"] for one in records], np.float32).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return boxes


@st.composite
def pictures(draw: st.DrawFn) -> Picture:
    box = st.tuples(PLACES, PLACES, SIDES, SIDES).map(list)
    category = st.integers(1, len(NAMES))
    flag = st.sampled_from([0, 0, 0, 1])
    truth = st.fixed_dictionaries(
        {"bbox": box, "category_id": category, "iscrowd": flag, "difficult": flag}
        | {"area": st.sampled_from([5.0, 1024.0, 9216.5])}
    )
    found = st.fixed_dictionaries({"bbox": box, "category_id": category, "score": SCORES})
    return Picture(draw(st.lists(truth, max_size=4)), draw(st.lists(found, max_size=6)))


def from_files(by_id: dict[int | str, Picture], protocol: str) -> Report:
    """One evaluation of files that name the images in this order."""
    document = {
        "images": [{"id": i, "file_name": f"{i}.jpg", "width": 0, "height": 0} for i in by_id],
        "categories": [{"id": k, "name": name} for k, name in enumerate(NAMES, start=1)],
        "annotations": [
            {**one, "image_id": i} for i, picture in by_id.items() for one in picture.truths
        ],
    }
    results = [{**one, "image_id": i} for i, picture in by_id.items() for one in picture.found]
    with tempfile.TemporaryDirectory() as folder:
        truth_file, results_file = Path(folder, "truth.json"), Path(folder, "results.json")
        truth_file.write_text(json.dumps(document))
        results_file.write_text(json.dumps(results))
        return evaluate(results_file, read_dataset(truth_file), protocol)


def assert_same(ours: Report, expected: Report) -> None:
    assert bits(ours.stats) == bits(expected.stats)
    assert bits(ours.per_class) == bits(expected.per_class)
    assert ours.notes == tuple(n.replace("truth.json", "the targets") for n in expected.notes)
    assert ours.matches is not None and expected.matches is not None
    assert (ours.matches.outcomes == expected.matches.outcomes).all()
    assert (ours.matches.truths == expected.matches.truths).all()
    if expected.coco is not None and ours.coco is not None:
        assert (ours.coco.precision == expected.coco.precision).all()
        assert (ours.coco.recall == expected.coco.recall).all()
        assert (ours.coco.scores == expected.coco.scores).all()


def bits(figures: dict[str, float]) -> dict[str, bytes]:
    return {name: np.float64(value).tobytes() for name, value in figures.items()}


def metric(protocol: str) -> MeanAveragePrecision:
    return MeanAveragePrecision(NAMES, first_label=1, protocol=protocol)


def update(part: MeanAveragePrecision, batch: list[tuple[int | str, Picture]]) -> None:
    part.update(
        [picture.prediction() for _, picture in batch],
        [picture.target(image_id=identity) for identity, picture in batch],
    )


IDS = st.one_of(st.integers(-3, 2**40), st.text(max_size=3))


@pytest.mark.parametrize("protocol", ["coco", "voc", "voc2007", "ilsvrc"])
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_order_and_parts_change_nothing(protocol: str, data: st.DataObject) -> None:
    by_id = data.draw(st.dictionaries(IDS, pictures(), min_size=1, max_size=8))
    rising = sorted(by_id, key=lambda identity: (isinstance(identity, str), identity))
    expected = from_files({identity: by_id[identity] for identity in rising}, protocol)
    parts = [metric(protocol) for _ in range(data.draw(st.integers(1, 4)))]
    waiting = data.draw(st.permutations(list(by_id.items())))
    while waiting:
        size = data.draw(st.integers(1, len(waiting)))
        update(data.draw(st.sampled_from(parts)), waiting[:size])
        waiting = waiting[size:]
    total = metric(protocol)
    for part in data.draw(st.permutations(parts)):
        total.merge(pickle.loads(pickle.dumps(part)))
    assert_same(total.compute(), expected)


@pytest.mark.parametrize("protocol", ["coco", "voc"])
@settings(max_examples=30, deadline=None)
@given(st.lists(pictures(), min_size=1, max_size=8), st.integers(0, 8), st.integers(1, 4))
def test_images_without_ids_keep_the_order_of_updates_and_merges(
    protocol: str, images: list[Picture], cut: int, size: int
) -> None:
    parts = []
    for some in (images[:cut], images[cut:]):
        part = metric(protocol)
        for start in range(0, len(some), size):
            batch = some[start : start + size]
            part.update([one.prediction() for one in batch], [one.target() for one in batch])
        parts.append(part)
    parts[0].merge(parts[1])
    assert_same(parts[0].compute(), from_files(dict(enumerate(images)), protocol))
