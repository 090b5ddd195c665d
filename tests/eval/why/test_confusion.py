"""The confusion matrix against counts worked by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import given, settings

from eval.protocols import coco, voc
from eval.reading import read_detections
from eval.why.confusion import Confusion, confusion
from tests.eval.cases import arrays_of, dataset_of, found, problems, truth
from tests.eval.official import Found, Given

NAMES = ["cat", "dog", "cow"]
TRUTHS = [
    truth(1, 1, (0, 0, 10, 10)),
    truth(1, 2, (100, 0, 110, 10)),
    truth(1, 2, (200, 0, 210, 10)),
    truth(2, 3, (0, 0, 10, 10)),
    truth(2, 1, (300, 0, 400, 100), iscrowd=1),
]
DETECTIONS = [
    found(1, 1, (0, 0, 10, 10), 0.9),  # cat
    found(1, 3, (100, 0, 110, 10), 0.8),  # dog detected as a cow, with the higher score
    found(1, 2, (100, 0, 110, 10), 0.7),  # the right one, which is left over
    found(1, 3, (200, 0, 210, 10), 0.6),  # dog detected as a cow
    found(1, 1, (0, 4, 10, 14), 0.6),  # overlaps the cat by 0.43: background
    found(2, 2, (300, 0, 310, 10), 0.9),  # inside the crowd of cats: ignored
    found(2, 3, (0, 0, 10, 5), 0.55),  # cow, overlap just 0.5
    found(2, 1, (50, 0, 60, 10), 0.1),  # below the threshold
]


def at(tmp_path: Path, threshold: float | None, **options: int) -> Confusion:
    dataset = dataset_of(tmp_path, TRUTHS, images=2, names=NAMES)
    table = read_detections(DETECTIONS, dataset)
    matches = coco.match(table, dataset)
    return confusion(table, dataset, matches, threshold=threshold, **options)


def test_by_hand(tmp_path: Path) -> None:
    result = at(tmp_path, 0.5)
    assert result.counts.tolist() == [
        [1, 0, 0, 0],  # cat
        [0, 0, 2, 0],  # dog
        [0, 0, 1, 0],  # cow
        [1, 1, 0, 0],  # background
    ]
    assert [tuple(pair) for pair in result.top] == [("dog", "cow", 2)]
    assert result.rows.tolist() == [0, 1, 2, 3, 4, 6]  # without the ignored one, and 0.1
    assert result.taken.tolist() == [0, 1, -1, 2, -1, 3]
    assert result.missed.tolist() == []
    higher = at(tmp_path, 0.65)
    assert higher.taken.tolist() == [0, 1, -1] and higher.missed.tolist() == [2, 3]
    assert higher.counts.tolist() == [[1, 0, 0, 0], [0, 0, 1, 1], [0, 0, 0, 1], [0, 1, 0, 0]]
    assert at(tmp_path, 0.5, most=0).top == ()
    plain = json.loads(json.dumps(result.to_dict()))
    assert "rows" not in plain
    assert plain["top"] == [{"true": "dog", "predicted": "cow", "times": 2}]


def test_the_default_threshold_has_the_best_f1(tmp_path: Path) -> None:
    result = at(tmp_path, None)
    # By COCO's matching 0.9 is a cat, 0.7 a dog and 0.55 a cow; the dog in the crowd is false.
    # F1 from 0.9 down: 2 / (2 + 4), 2 / (3 + 4), 4 / (4 + 4), 4 / (6 + 4), 6 / (7 + 4), 6 / (8 + 4)
    assert result.threshold == 0.55
    np.testing.assert_array_equal(result.counts, at(tmp_path, 0.55).counts)


def test_equal_overlaps_go_to_the_own_class_and_excluded_pairs_nowhere(tmp_path: Path) -> None:
    box = (0.0, 0.0, 10.0, 10.0)
    truths = [truth(1, 1, box), truth(1, 2, box)]
    dataset = dataset_of(tmp_path, truths, images=1, names=NAMES)
    rows = [found(1, 2, box, 0.9), found(1, 1, box, 0.8), found(1, 3, (50, 0, 60, 10), 0.7)]
    table = read_detections(rows, dataset)
    matches = voc.match(table, dataset)
    counts = confusion(table, dataset, matches, threshold=0).counts
    assert counts.diagonal().tolist() == [1, 1, 0, 0] and counts[3, 2] == 1
    passed = replace(dataset, excluded=np.array([[0, 2]]))
    assert confusion(table, passed, voc.match(table, passed), threshold=0).counts[3, 2] == 0
    nothing = read_detections([], dataset)
    empty = confusion(nothing, dataset, voc.match(nothing, dataset))
    assert np.isnan(empty.threshold) and empty.counts[:, 3].tolist() == [1, 1, 0, 0]


@settings(max_examples=50, deadline=None)
@given(problems())
def test_rows_are_all_objects(problem: tuple[list[Found], list[Given]]) -> None:
    table, dataset = arrays_of(*problem, images=3, names=NAMES)
    matches = voc.match(table, dataset)
    result = confusion(table, dataset, matches, threshold=0.25)
    labels = dataset.all_truths.labels[matches.counted]
    assert result.counts[:3].sum(axis=1).tolist() == np.bincount(labels, minlength=3).tolist()
    shown = np.bincount(table.labels[table.scores >= 0.25], minlength=3)
    assert (result.counts[:, :3].sum(axis=0) <= shown).all()
