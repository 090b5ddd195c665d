"""TIDE's kinds of error and gains against cases worked by hand and the authors' tool."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from eval import read_dataset
from eval.datasets import Dataset, ImageRecord, Truths, group_by_image
from eval.detections import DetectionTable
from eval.protocols import coco
from eval.reading import read_detections
from eval.why.tide import KINDS, Tide, tide
from tests.eval.cases import dataset_of, found, published, truth

NAMES = ["cat", "dog"]
TRUTHS = [
    truth(1, 1, (0, 0, 10, 10)),
    truth(1, 2, (100, 0, 110, 10)),
    truth(1, 1, (200, 0, 210, 10)),
]
# 4 px aside is an IoU of 60 / 140.
DETECTIONS = [
    found(1, 1, (0, 0, 10, 10), 0.9),  # correct
    found(1, 1, (0, 0, 10, 10), 0.8),  # a second detection of the same cat
    found(1, 1, (100, 0, 110, 10), 0.7),  # the dog, detected as a cat
    found(1, 1, (500, 0, 510, 10), 0.6),  # background
    found(1, 2, (4, 0, 14, 10), 0.5),  # a cat, detected as a dog and poorly placed
    found(1, 2, (104, 0, 114, 10), 0.4),  # the dog, poorly placed
]


def analysed(dataset: Dataset, detections: list[dict], **options: int | None) -> Tide:
    table = read_detections(detections, dataset)
    return tide(table, dataset, coco.match(table, dataset), **options)


def test_every_kind_by_hand(tmp_path: Path) -> None:
    result = analysed(dataset_of(tmp_path, TRUTHS, images=1, names=NAMES), DETECTIONS)
    assert [KINDS[k] if k >= 0 else "" for k in result.kinds] == [
        *("", "Dupe", "Cls", "Bkg", "Both", "Loc"),
    ]
    assert result.counts == {"Cls": 1, "Loc": 1, "Both": 1, "Dupe": 1, "Bkg": 1, "Miss": 1}
    assert result.missed.tolist() == [False, False, True]
    # cat: precision 1 up to recall 1/2, the points 0, 0.01, ..., 0.5; dog: 0
    assert result.average_precision == pytest.approx(51 / 101 / 2, abs=1e-12)
    # Cls makes 0.7 the dog's first detection. The dog's Loc is then no repair: Cls came first.
    # Miss leaves one cat, which is found.
    gains = {"Cls": 1 / 2, "Loc": 0, "Both": 0, "Dupe": 0, "Bkg": 0, "Miss": 25 / 101}
    assert result.gains == pytest.approx(gains, abs=1e-12)
    assert result.false_positives == pytest.approx(0, abs=1e-12)
    assert result.false_negatives == pytest.approx(25 / 101, abs=1e-12)
    json.dumps(result.to_dict())


def test_better_place_repairs_and_false_positives_cost(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, [TRUTHS[0], TRUTHS[2]], images=2, names=["cat"])
    rows = [
        found(2, 1, (0, 0, 10, 10), 0.95),  # nothing on this image
        found(1, 1, (0, 0, 10, 10), 0.9),
        found(1, 1, (204, 0, 214, 10), 0.8),
    ]
    result = analysed(dataset, rows)
    # precision 1/2 at recall 1/2: 51 points
    assert result.average_precision == pytest.approx(51 / 202, abs=1e-12)
    # Loc: false, true, true; precision 2/3 everywhere. Bkg, or no false positives: 51/101.
    # All objects found that there are: precision 1/2 everywhere.
    assert result.gains["Loc"] == pytest.approx(2 / 3 - 51 / 202, abs=1e-12)
    assert result.gains["Bkg"] == pytest.approx(51 / 202, abs=1e-12)
    assert result.false_positives == pytest.approx(51 / 202, abs=1e-12)
    assert result.false_negatives == pytest.approx(1 / 2 - 51 / 202, abs=1e-12)
    assert result.counts["Miss"] == 0 and not result.missed.any()


def test_crowds_classes_without_objects_and_the_limit(tmp_path: Path) -> None:
    crowd = truth(1, 1, (300, 0, 400, 100), iscrowd=1)
    dataset = dataset_of(tmp_path, [TRUTHS[0], crowd], images=1, names=NAMES)
    inside, right = found(1, 1, (300, 0, 310, 10), 0.9), found(1, 1, (0, 0, 10, 10), 0.8)
    dog, half_out = found(1, 2, (300, 0, 310, 10), 0.7), found(1, 1, (295, 0, 305, 10), 0.85)
    assert analysed(dataset, [inside, right]).average_precision == pytest.approx(1, abs=1e-12)
    # The crowd is of cats, and half inside is not more than half.
    assert analysed(dataset, [half_out, right]).average_precision == pytest.approx(0.5, abs=1e-12)
    mixed = analysed(dataset, [inside, right, dog])
    assert mixed.average_precision == pytest.approx(1, abs=1e-12) and mixed.gains["Bkg"] == 0
    mixed = analysed(dataset, [inside, right, dog], empty_classes=True)
    assert mixed.average_precision == pytest.approx(0.5, abs=1e-12)
    # Without its only detection the class of the dog does not count any more.
    assert mixed.gains["Bkg"] == pytest.approx(0.5, abs=1e-12)
    cut = analysed(dataset, [inside, right], most=1)
    assert cut.average_precision == 0 and cut.kinds.tolist() == [KINDS.index("Bkg"), -2]
    # An overlap of just 0.1 is background for another class and a Loc for its own.
    limits = [found(1, 2, (0, 0, 10, 1), 0.9), found(1, 1, (0, 0, 10, 1), 0.8)]
    assert [KINDS[k] for k in analysed(dataset, limits).kinds] == ["Bkg", "Loc"]
    # An overlap of just 0.5 with a found object is a Loc, as the limits of Loc are inclusive.
    just = analysed(dataset, [right, found(1, 1, (0, 0, 10, 5), 0.3)])
    assert just.counts["Loc"] == 1 and just.counts["Dupe"] == 0


def test_nothing_at_all(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, [], images=1, names=NAMES)
    assert analysed(dataset, []).average_precision == 0
    missed = analysed(dataset_of(tmp_path, TRUTHS, images=1, names=NAMES), [])
    assert missed.counts["Miss"] == 3 and missed.false_negatives == 0


def test_the_tools_own_numbers_on_published_detections() -> None:
    folder = published("coco_val2014_100_fakebbox")
    expected = json.loads((folder / "expected_tide.json").read_text())
    dataset = read_dataset(folder / "gt.json")
    table = read_detections(folder / "dt.json", dataset)
    matches = coco.match(table, dataset)
    result = tide(table, dataset, matches, empty_classes=True)
    assert 100 * result.average_precision == pytest.approx(expected["AP50_percent"], abs=1e-9)
    gains = {kind: 100 * gain for kind, gain in result.gains.items()}
    assert gains == pytest.approx(expected["main"], abs=1e-9)
    special = expected["special"]
    assert 100 * result.false_positives == pytest.approx(special["FalsePos"], abs=1e-9)
    assert 100 * result.false_negatives == pytest.approx(special["FalseNeg"], abs=1e-9)
    # Six detected classes have no object: without them TIDE's AP is the published AP50.
    ours = tide(table, dataset, matches)
    assert ours.average_precision == pytest.approx(0.697, abs=5e-4)
    assert ours.counts == result.counts and (ours.kinds == result.kinds).all()


def crowded() -> tuple[DetectionTable, Dataset]:
    """Three images of 40 objects, two of them crowds, 400 detections some scores equal."""
    numbers = []
    state = 12345
    for _ in range(3440):
        state = (1103515245 * state + 12345) % 2**31
        numbers.append(state >> 16)
    draws = np.array(numbers)
    objects = draws[:240].reshape(40, 6)
    boxes = np.concatenate([objects[:, :2] % 60, 8 + objects[:, 2:4] % 25], axis=1).astype(float)
    images, labels = np.sort(objects[:, 4] % 3), objects[:, 5] % 3
    crowd = np.isin(np.arange(40), [7, 23])
    dataset = group_by_image(
        [ImageRecord(i, f"{i}.jpg", 100, 100) for i in range(3)],
        ["cat", "dog", "bird"],
        [1, 2, 3],
        Truths(boxes, labels, boxes[:, 2] * boxes[:, 3], np.zeros(40, dtype=bool), crowd),
        images,
    )
    rows = draws[240:3440].reshape(400, 8)
    source = rows[:, 0] % 28  # no detection is near the last twelve
    shifted = boxes[source] + rows[:, 1:5] % 9 - 4
    shifted[:, 2:] = np.maximum(shifted[:, 2:], 1)
    kept = rows[:, 5] % 10 < 7
    table = DetectionTable(
        np.where(kept, images[source], rows[:, 6] % 3).astype(np.int32),
        np.where(rows[:, 5] % 4 > 0, labels[source], rows[:, 6] % 3).astype(np.int32),
        shifted,
        (1 + rows[:, 7] % 250) / 256,
    )
    return table, dataset


# Figures of tidecv 1.0.1 (mode BOX) for crowded(), per cent.
TIDECV = {
    "AP": 27.409869761130693,
    "Cls": 0.4219211102641367,
    "Loc": 22.32174680643056,
    "Both": 3.6725687461597154,
    "Dupe": 3.2177397569855124,
    "Bkg": 2.227278223551462,
    "Miss": 3.3481996488256307,
    "FalsePos": 37.93666489233465,
    "FalseNeg": 14.50201697354266,
}
TIDECV_COUNTS = {"Cls": 18, "Loc": 79, "Both": 22, "Dupe": 67, "Bkg": 31, "Miss": 5}


def test_the_tools_own_numbers_with_crowds_ties_and_cut_images() -> None:
    table, dataset = crowded()
    assert np.bincount(table.images).max() > 100
    result = tide(table, dataset, coco.match(table, dataset))
    figures = {"AP": result.average_precision, **result.gains}
    figures |= {"FalsePos": result.false_positives, "FalseNeg": result.false_negatives}
    assert {k: 100 * v for k, v in figures.items()} == pytest.approx(TIDECV, abs=1e-9)
    assert result.counts == TIDECV_COUNTS
