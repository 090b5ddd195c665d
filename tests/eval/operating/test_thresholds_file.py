"""The file of score thresholds, as written and as people edit it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import yaml

from eval import EvaluationError, read_thresholds
from eval.operating.thresholds_file import thresholds_text
from tests.eval.operating.test_points import known_report


def test_what_is_written_is_read(tmp_path: Path) -> None:
    report, path = known_report(tmp_path), tmp_path / "thresholds.yaml"
    path.write_text(report.thresholds_yaml(), encoding="utf-8")
    chosen = report.best_thresholds()
    assert math.isnan(chosen.pop("bird")) and read_thresholds(path) == chosen
    content = yaml.safe_load(path.read_text())
    assert content["thresholds"]["bird"] is None
    assert content["protocol"] == "voc" and content["iou"] == 0.5
    assert content["data"] == "truth.json" and "validation" in path.read_text()


def test_names_that_yaml_takes_for_something_else(tmp_path: Path) -> None:
    path = tmp_path / "thresholds.yaml"
    thresholds = {"no": 0.5, "1": 0.25, "null": 1e-5, "名前: x": 0.125}
    path.write_text(thresholds_text(thresholds, {}), encoding="utf-8")
    assert read_thresholds(path) == thresholds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("thresholds: {cat: 0.5, dog: null}", {"cat": 0.5}),
        ("cat: 0.5\n2: 1", {"cat": 0.5, "2": 1.0}),
        (json.dumps({"thresholds": {"cat": 1e-05}}), {"cat": 1e-05}),
    ],
)
def test_files_of_people(text: str, expected: dict[str, float], tmp_path: Path) -> None:
    path = tmp_path / "thresholds.yaml"
    path.write_text(text)
    assert read_thresholds(path) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("thresholds: {cat: high}", "'cat' is 'high'; expected a number"),
        ("thresholds: {cat: .nan}", "expected a number"),
        ("thresholds: {cat: true}", "expected a number"),
        ("thresholds: {no: 0.5}", "False is no class name; put it in quotes"),
        ("thresholds: {cat: 0.5, dog: 0.1, cat: 0.7}", "'cat' stands there twice"),
        ('1: 0.5\n"1": 0.7', "'1' stands there twice"),
        ("thresholds: &a {cat: *a}", "expected a number"),
        ("thresholds: {? [cat] : 0.5}", "not YAML"),
        ("thresholds: [0.5]", "no object 'thresholds'"),
        ("0.5", "no object 'thresholds'"),
        ("", "no object 'thresholds'"),
        ("cat: {", "not YAML"),
    ],
)
def test_faults_are_one_line(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "thresholds.yaml"
    path.write_text(text)
    with pytest.raises(EvaluationError, match=r"thresholds\.yaml: ") as caught:
        read_thresholds(path)
    assert message in str(caught.value) and "\n" not in str(caught.value)
