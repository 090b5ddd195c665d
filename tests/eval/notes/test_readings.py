"""Notes on boxes and image ids that fit far better in another reading; none on good or bad data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from eval.datasets import Dataset, ImageRecord, Truths, group_by_image
from eval.detections import DetectionTable
from eval.notes.box_readings import about_readings as about_best_boxes
from eval.notes.overlaps import best_detections, fit
from eval.notes.shifted_images import about_images as about_best_images

WIDTH, HEIGHT = 500, 400


def about_readings(table: DetectionTable, dataset: Dataset) -> tuple[str, ...]:
    return about_best_boxes(best_detections(table, dataset), dataset)


def about_images(table: DetectionTable, dataset: Dataset) -> tuple[str, ...]:
    return about_best_images(best_detections(table, dataset), dataset)


def made(images: int, seed: int = 0) -> Dataset:
    """One to four objects in each image, of a fiftieth of its sides or more."""
    random = np.random.default_rng(seed)
    counts = random.integers(1, 5, images)
    boxes = anywhere(random, int(counts.sum()))
    return group_by_image(
        [ImageRecord(i + 1, f"{i}.jpg", HEIGHT, WIDTH) for i in range(images)],
        ["cat"],
        [1],
        Truths(
            boxes=boxes,
            labels=np.zeros(len(boxes), np.int64),
            areas=boxes[:, 2] * boxes[:, 3],
            difficult=np.zeros(len(boxes), bool),
            crowd=np.zeros(len(boxes), bool),
        ),
        np.repeat(np.arange(images), counts),
    )


def anywhere(random: np.random.Generator, count: int) -> np.ndarray:
    sides = random.uniform(0.02, 0.6, (count, 2)) * (WIDTH, HEIGHT)
    starts = random.uniform(0, 1, (count, 2)) * ((WIDTH, HEIGHT) - sides)
    return np.concatenate([starts, sides], axis=1)


def detected(
    dataset: Dataset, noise: float = 0.0, recall: float = 1.0, junk: float = 0, best: float = 0.5
) -> DetectionTable:
    """Detections that miss their object by `noise` sides, and `junk` an image, scored to `best`."""
    random = np.random.default_rng(len(dataset))
    truths = dataset.all_truths
    kept = random.random(len(truths)) < recall
    boxes = truths.boxes[kept] + random.normal(0, 1, (kept.sum(), 4)) * noise * np.tile(
        truths.boxes[kept][:, 2:], 2
    )
    false = random.integers(0, len(dataset), int(junk * len(dataset)))
    boxes = np.concatenate([boxes, anywhere(random, len(false))])
    boxes[:, 2:] = np.maximum(boxes[:, 2:], 1)
    scores = [random.uniform(0.3, 1, kept.sum()), random.uniform(0, best, len(false))]
    return DetectionTable(
        images=np.concatenate([dataset.truth_images[kept], false]).astype(np.int32),
        labels=np.zeros(len(boxes), np.int32),
        boxes=boxes,
        scores=np.concatenate(scores),
    )


QUALITIES: list[dict[str, float]] = [
    {},
    {"noise": 0.1},
    {"noise": 0.3, "junk": 20},
    {"recall": 0.1, "noise": 0.1},
    {"recall": 0.1, "noise": 0.2, "junk": 5, "best": 1},
    {"recall": 0, "junk": 3},
    {"recall": 0, "junk": 100},
]


@pytest.mark.parametrize("quality", QUALITIES, ids=str)
@pytest.mark.parametrize("images", [1, 2, 3, 5, 8, 30, 300])
def test_right_data_have_no_note(images: int, quality: dict[str, float]) -> None:
    for seed in range(10 if images < 30 else 1):
        dataset = made(images, seed)
        table = detected(dataset, **quality)
        assert about_readings(table, dataset) == about_images(table, dataset) == ()


def corners(boxes: np.ndarray) -> np.ndarray:
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def centres(boxes: np.ndarray) -> np.ndarray:
    return np.concatenate([boxes[:, :2] + boxes[:, 2:] / 2, boxes[:, 2:]], axis=1)


def relative(boxes: np.ndarray) -> np.ndarray:
    return boxes / [WIDTH, HEIGHT, WIDTH, HEIGHT]


READINGS: list[tuple[Any, str]] = [
    (corners, "[x1, y1, x2, y2]:"),
    (centres, "[centre x, centre y, width, height]:"),
    (lambda boxes: boxes[:, [1, 0, 3, 2]], "[y, x, height, width]:"),
    (lambda boxes: corners(boxes)[:, [1, 0, 3, 2]], "[y1, x1, y2, x2]:"),
    (relative, "in fractions of the image:"),
    (lambda boxes: 100 * relative(boxes), "in per cent of the image:"),
    (lambda boxes: 1000 * relative(corners(boxes)), "[x1, y1, x2, y2] in thousandths of the"),
]
USUAL: dict[str, float] = {"noise": 0.1, "recall": 0.7, "junk": 10}


@pytest.mark.parametrize(("change", "words"), READINGS, ids=[words for _, words in READINGS])
def test_another_reading_of_usual_detections_is_named(change: Any, words: str) -> None:
    dataset = made(40)
    table = detected(dataset, **USUAL)
    (note,) = about_readings(replace(table, boxes=change(table.boxes)), dataset)
    assert f"bbox seems to be {words}" in note and note.endswith("[x, y, width, height] in pixels")
    truths = replace(dataset.all_truths, boxes=change(dataset.all_truths.boxes))
    (note,) = about_readings(table, replace(dataset, all_truths=truths))
    assert f"bbox of the ground truth seems to be {words}" in note


def test_sides_in_place_of_corners() -> None:
    dataset = made(40)
    table = replace(detected(dataset, **USUAL), layout="xyxy")
    (note,) = about_readings(table, dataset)
    assert "bbox seems to be [x, y, width, height]:" in note
    assert note.endswith("expected [x1, y1, x2, y2] in pixels")


@pytest.mark.parametrize(("step", "words"), [(-1, "one too small"), (1, "one too large")])
def test_ids_of_images_that_are_shifted(step: int, words: str) -> None:
    dataset = made(40)
    table = detected(dataset, **USUAL)
    kept = (table.images + step >= 0) & (table.images + step < len(dataset))
    shifted = DetectionTable(
        table.images[kept] + step, table.labels[kept], table.boxes[kept], table.scores[kept]
    )
    (note,) = about_images(shifted, dataset)
    assert f"ids of images seem to be {words}" in note
    texts = [image._replace(id=image.file_name) for image in dataset.images]
    (note,) = about_images(shifted, replace(dataset, images=tuple(texts)))
    assert "detections seem to be those of the" in note


def test_the_same_objects_in_each_image_say_nothing_about_ids() -> None:
    dataset = made(1)
    same = group_by_image(
        [ImageRecord(i, f"{i}.jpg", HEIGHT, WIDTH) for i in range(20)],
        ["cat"],
        [1],
        dataset.all_truths[np.zeros(20, int)],
        np.arange(20),
    )
    table = detected(same)
    shifted = replace(table, images=np.maximum(table.images - 1, 0))
    assert about_images(shifted, same) == ()


def test_overlaps_of_each_box_with_the_best_object_of_its_image() -> None:
    objects = np.array([[0, 0, 10, 10], [0, 0, 10, 20], [5, 5, 15, 15.0]])
    boxes = np.array([[0, 0, 10, 10], [0, 5, 10, 20], [0, 0, 10, 10], [9, 9, 9, 9], [0, 0, 1, 1.0]])
    found = fit(boxes, np.array([0, 0, 2, 2, -1]), objects, np.array([0, 2, 2, 3]))
    assert found.overlaps == pytest.approx([1, 0.75, 25 / 175, 0, 0])
    assert found.objects[:3].tolist() == [0, 1, 2]
    assert found.hits == 2


def test_the_best_detections_of_an_image_are_as_many_as_its_objects() -> None:
    dataset = made(3)
    counts = np.diff(dataset.starts)
    images = np.repeat(np.arange(3), 10).astype(np.int32)
    scores = np.tile(np.arange(10) / 10, 3)
    table = DetectionTable(images, np.zeros(30, np.int32), np.ones((30, 4)), scores)
    best = best_detections(table, dataset)
    assert np.bincount(best.images).tolist() == counts.tolist()
    assert best.scores.min() == pytest.approx(1 - counts.max() / 10)
