"""The note on detections whose classes are numbered or ordered in another way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval import evaluate, read_dataset
from eval.detections import DetectionTable
from eval.notes.swapped_classes import about_classes

NAMES = ("bird", "cat", "cow", "dog", "horse")


def problem(
    labels: list[int], found: list[int], first_id: int = 0, names: tuple[str, ...] = NAMES
) -> tuple[Any, Any]:
    """One object and one exact detection an image, and a weak detection of the class of each."""
    truth = {
        "images": [{"id": i} for i in range(len(labels))],
        "categories": [{"id": first_id + i, "name": name} for i, name in enumerate(names)],
        "annotations": [
            {"image_id": i, "category_id": first_id + label, "bbox": [10, 10, 50, 40]}
            for i, label in enumerate(labels)
        ],
    }
    results = [
        {"image_id": i, "category_id": first_id + label, "bbox": [10, 10, 50, 40], "score": score}
        for i, (own, other) in enumerate(zip(labels, found, strict=True))
        for label, score in ((other, 0.9 - i / 100), (own, 0.1 - i / 1000))
    ]
    return truth, results


def notes(
    labels: list[int], found: list[int], first_id: int = 0, names: tuple[str, ...] = NAMES
) -> list[str]:
    truth, results = problem(labels, found, first_id, names)
    report = evaluate(results, read_dataset(truth), "coco")
    return [note for note in report.notes if "exchange of classes" in note]


@pytest.mark.parametrize("first_id", [0, 1, 90])
def test_ids_one_too_large_or_small(first_id: int) -> None:
    labels = [0, 1, 2, 1, 0, 3]
    (note,) = notes(labels, [label + 1 for label in labels], first_id)
    assert "6 of 6 objects" in note and "(ids seem to be one too large)" in note
    assert f"'cat' ({first_id + 1}) stands for 'bird' ({first_id})" in note
    labels = [1, 2, 2, 4]
    (note,) = notes(labels, [label - 1 for label in labels], first_id)
    assert "(ids seem to be one too small)" in note


def test_another_order_is_named_with_its_mapping() -> None:
    labels = [0, 1, 2, 3, 0, 1]
    order = {0: 1, 1: 3, 2: 0, 3: 2}
    (note,) = notes(labels, [order[label] for label in labels])
    assert "'cat' (1) stands for 'bird' (0), 'dog' (3) stands for 'cat' (1)" in note
    assert "too large" not in note


def test_half_of_the_classes_may_be_right() -> None:
    (note,) = notes([0, 0, 1, 2, 3], [0, 0, 2, 3, 1])
    assert "3 of 5 objects" in note and "'bird'" not in note


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        ([0, 1, 2, 3], [0, 1, 2, 3]),  # right
        ([0, 1, 2, 3], [0, 1, 3, 2]),  # only half are of another class
        ([0, 0, 0, 1, 1, 1], [1, 2, 3, 2, 3, 4]),  # no exchange explains it
        ([0, 1, 2, 3], [4, 4, 4, 4]),  # everything is called a horse
        ([0], [1]),  # one object says nothing
    ],
)
def test_confused_classes_are_no_exchange(labels: list[int], found: list[int]) -> None:
    assert notes(labels, found) == []


MANY = tuple(f"class {i}" for i in range(80))


@pytest.mark.parametrize(
    ("labels", "found", "names"),
    [
        ([3, 40], [17, 9], MANY),
        ([3, 40, 55, 61, 70], [17, 9, 2, 33, 48], MANY),
        ([3, 3, 40, 55, 61, 70, 8], [17, 20, 9, 2, 33, 48, 77], MANY),
        ([0, 3], [2, 1], NAMES),
    ],
)
def test_few_objects_of_many_classes_fit_an_exchange_by_chance(
    labels: list[int], found: list[int], names: tuple[str, ...]
) -> None:
    assert notes(labels, found, names=names) == []


@pytest.mark.parametrize(
    ("labels", "found", "names"),
    [
        ([0, 1], [1, 0], NAMES[:2]),  # the only exchange of two classes
        ([0, 1, 0], [1, 0, 1], NAMES[:2]),
        ([0, 0], [1, 1], NAMES[:3]),
        ([0, 1, 2], [2, 1, 0], NAMES[:3]),
        ([0, 1, 2], [2, 0, 1], NAMES[:3]),
        ([7, 11, 9], [0, 2, 1], MANY),  # numbered from 0 among those that occur
        ([7, 11, 9], [8, 12, 10], MANY),
        ([7, 7, 11, 11], [30, 30, 20, 20], MANY),
    ],
)
def test_few_objects_are_enough_for_a_simple_exchange(
    labels: list[int], found: list[int], names: tuple[str, ...]
) -> None:
    assert len(notes(labels, found, names=names)) == 1


def test_of_equal_scores_the_right_class_counts() -> None:
    truth, results = problem([0, 1, 2], [1, 2, 3])
    for record in results:
        record["score"] = 0.5
    assert not [n for n in evaluate(results, read_dataset(truth), "coco").notes if "exchange" in n]


def test_corners_and_samples_of_many_images() -> None:
    count = 2500
    truth, _ = problem([i % 4 for i in range(count)], [0] * count)
    table = DetectionTable(
        images=np.arange(count, dtype=np.int32),
        labels=np.array([i % 4 + 1 for i in range(count)], dtype=np.int32),
        boxes=np.tile([11.0, 11.0, 60.0, 50.0], (count, 1)),
        scores=np.linspace(0.9, 0.1, count),
        layout="inclusive1",
    )
    (note,) = about_classes(table, read_dataset(truth))
    assert "834 of 834 objects" in note


def test_no_detections_and_no_objects(tmp_path: Path) -> None:
    truth, results = problem([0, 1], [1, 2])
    dataset = read_dataset(truth)
    assert notes([], []) == []
    assert about_classes(evaluate([], dataset, "coco").detections, dataset) == ()  # type: ignore
    assert len(results) == 4
