"""`detect evaluate`: thresholds, limits, areas, figures at a score, and figures for programs."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detector.commands.shared.values import area_ranges, iou_thresholds
from eval import Options, read_dataset, read_thresholds
from eval import evaluate as measure
from tests.detector.commands.test_evaluate import evaluate, figures, results


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def words(small_dataset: Path, tmp_path: Path) -> tuple[Any, ...]:
    """Of results that are shifted to the right."""
    near = results(small_dataset, tmp_path / "near.json", shift=8)
    return ("--data", small_dataset, "--detections", near)


@pytest.mark.parametrize("text", ["0.5:0.95:0.05", ".5:.05:.95", "0.5:0.95"])
def test_coco_s_thresholds_to_the_last_bit(text: str) -> None:
    assert iou_thresholds(text) == tuple(np.linspace(0.5, 0.95, 10).tolist())


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0.3", (0.3,)), ("0.75,0.5", (0.5, 0.75)), ("0.2:0.4:0.1", (0.2, 0.3, 0.4)), ("1", (1,))],
)
def test_other_thresholds(text: str, expected: tuple[float, ...]) -> None:
    assert iou_thresholds(text) == pytest.approx(expected)


def test_area_ranges() -> None:
    assert area_ranges("tiny=0:256,big=9216:") == {"tiny": (0, 256), "big": (9216, 1e10)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--iou 1.5", "--iou: 1.5 is not between 0 and 1"),
        ("--iou 0.5:0.95:0.06", "--iou: 0.5:0.95:0.06: no whole number of steps"),
        ("--iou 0.5:0.95:0", "no whole number of steps"),
        ("--iou 0.1:0.9:0.001", "more than 64 thresholds"),
        ("--iou 0.5,0.7", "--iou 0.5, 0.7: the protocol 'voc' has one IoU threshold"),
        ("--max-dets 10", "--max-dets: the protocol 'voc' has none; leave it out, or choose"),
        ("--max-dets 1,x --protocol coco", "--max-dets: x is not an integer of at least 1"),
        ("--area-ranges small --protocol coco", "'small' is not NAME=FROM:TO, in square pixels"),
        ("--area-ranges s=9:1 --protocol coco", "'s=9:1' ends before it begins"),
        ("--area-ranges s=0:1,s=1:2 --protocol coco", "'s' comes twice"),
        ("--class-agnostic --official", "--class-agnostic: the official program of 'voc'"),
        ("--json - --csv -", "--json and --csv: both are '-'"),
        ("--thresholds gone.yaml", "--thresholds: gone.yaml: "),
        ("--threshold 0.5 --detections near.json", "--threshold: applies to the detections of one"),
    ],
)
def test_wrong_options_are_one_line(
    options: str, message: str, words: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(*words, *options.split()) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_the_options_reach_the_protocol(
    words: Any, small_dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = "--iou 0.3,0.6 --max-dets 1,1000 --area-ranges tiny=0:400 --class-agnostic"
    assert evaluate(*words, "--protocol", "coco", *chosen.split()) == 0
    options = Options((0.3, 0.6), (1, 1000), {"tiny": (0, 400)}, class_agnostic=True)
    expected = measure(words[-1], read_dataset(small_dataset), "coco", options=options)
    assert capsys.readouterr().out == expected.table() + "\n"
    assert "AR1000" in expected.stats and "AP tiny" in expected.stats
    assert evaluate(*words, "--iou", 0.9) == 0
    assert figures(capsys.readouterr().out)["mAP"] == "0.000"


def test_figures_at_a_score(words: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(*words, "--threshold", 0.85) == 0
    expected = measure(words[-1], read_dataset(words[1])).at(0.85).table()
    assert capsys.readouterr().out.endswith(f"\n\n{expected}\n")
    assert "Scores from 0.85 on, IoU 0.5" in expected


def test_json_and_csv_on_standard_output(
    words: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = ("--protocol", "coco", "--threshold", 0.85)
    assert evaluate(*words, *rules, "--json", "-", "--csv", tmp_path / "classes.csv") == 0
    printed = capsys.readouterr().out
    content, report = json.loads(printed), measure(words[-1], read_dataset(words[1]), "coco")
    known = {name: None if np.isnan(value) else value for name, value in report.stats.items()}
    assert content["stats"] == known and None in known.values()
    assert content["class_stats"]["red"]["AP50"] == report.class_stats["red"]["AP50"]
    assert content["rules"]["max_detections"] == [1, 10, 100]
    at = report.at(0.85)
    assert content["at_scores"]["overall"]["missed"] == at.overall.missed
    assert content["at_scores"]["classes"]["red"]["f1"] == at.classes["red"].f1
    assert content["title"] == report.title and "NaN" not in printed
    rows = list(csv.DictReader((tmp_path / "classes.csv").open()))
    assert [row["class"] for row in rows] == list(report.per_class)
    assert float(rows[0]["AP"]) == report.per_class[rows[0]["class"]]
    assert int(rows[0]["missed"]) == at.classes[rows[0]["class"]].missed
    assert evaluate(*words, *rules, "--csv", "-") == 0
    assert list(csv.DictReader(io.StringIO(capsys.readouterr().out))) == rows


def test_notes_stay_visible_beside_csv(
    small_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = json.loads(results(small_dataset, tmp_path / "near.json").read_text())
    (tmp_path / "twice.json").write_text(json.dumps(rows + rows))
    assert evaluate("--data", small_dataset, "--detections", "twice.json", "--csv", "-") == 0
    printed = capsys.readouterr()
    expected = measure("twice.json", read_dataset(small_dataset)).notes
    assert expected and all(note in printed.err for note in expected)
    assert printed.out.startswith("class,category_id,AP\n")


def test_thresholds_are_saved_and_evaluated(
    words: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "thresholds.yaml"
    assert evaluate(*words, "--save-thresholds", path) == 0
    report = measure(words[-1], read_dataset(words[1]))
    assert read_thresholds(path) == report.best_thresholds()
    capsys.readouterr()
    assert evaluate(*words, "--thresholds", path) == 0
    expected = report.at(by_class=report.best_thresholds()).table()
    assert capsys.readouterr().out.endswith(f"\n\n{expected}\n")
    assert evaluate(*words, "--thresholds", path, "--classes", "red") == 0
    assert evaluate(*words, "--thresholds", path, "--class-agnostic") == 2
    path.write_text("blue: 0.5")
    capsys.readouterr()
    assert evaluate(*words, "--thresholds", path) == 2
    assert (
        "thresholds.yaml: class 'blue': no such class; use one of: red" in capsys.readouterr().err
    )


@pytest.mark.parametrize("protocol", ["voc", "coco"])
def test_all_classes_as_one_in_the_report(protocol: str, words: Any, tmp_path: Path) -> None:
    rules = ("--protocol", protocol, "--class-agnostic")
    assert evaluate(*words, *rules, "--report", "page", "--save", "saved.json") == 0
    content = json.loads((tmp_path / "page/report.json").read_text())
    assert list(content["report"]["per_class"]) == ["any class"]
    assert content["ground_truth"]["classes"] == 1
    saved = json.loads((tmp_path / "saved.json").read_text())
    assert len({row["category_id"] for row in saved}) == 2
    assert evaluate(*words, "--detections", words[-1], *rules) == 0
