"""The last lines that `detect evaluate` prints about a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from detector.evaluation.outputs import Scored, interval_lines
from eval import evaluate, read_dataset


@pytest.mark.parametrize(("protocol", "name"), [("voc", "mAP"), ("coco", "AP")])
def test_the_main_figure_with_its_interval(protocol: str, name: str, small_dataset: Path) -> None:
    dataset = read_dataset(small_dataset)
    found = [{**row, "score": 0.9} for row in json.loads(small_dataset.read_text())["annotations"]]
    report = evaluate(found, dataset, protocol)
    assert report.detections is not None
    scored = Scored(report, report.detections)
    # All is right in six pictures: 6 / (6 + 1.96^2).
    expected = f"{name} 1.000 (95 % interval 0.610–1.000)"
    assert interval_lines(scored, dataset) == [expected]


def test_too_few_pictures_for_an_interval(small_dataset: Path) -> None:
    part = read_dataset(small_dataset).subset([0, 1, 2])
    report = evaluate([], part)
    assert report.detections is not None
    assert interval_lines(Scored(report, report.detections), part) == []
