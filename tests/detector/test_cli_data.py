"""`detect evaluate` and `detect train`: whole data sets from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from detector.cli import main
from eval import evaluate as judge
from eval import read_dataset
from tests.made_up import CATEGORY_IDS


@pytest.fixture
def perfect(small_dataset: Path, tmp_path: Path) -> Path:
    """Results that are the ground truth itself."""
    rows = json.loads(small_dataset.read_text())["annotations"]
    path = tmp_path / "perfect.json"
    path.write_text(json.dumps([{**row, "score": 0.5} for row in rows]))
    return path


def evaluate(*words: object) -> int:
    return main(["evaluate", *map(str, words)])


def test_results_are_judged_without_running_the_detector(
    small_dataset: Path, perfect: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for protocol, figure in (("voc", "mAP"), ("coco", "AP")):
        words = ("--data", small_dataset, "--detections", perfect, "--protocol", protocol)
        assert evaluate(*words) == 0
        lines = dict(
            line.split() for line in capsys.readouterr().out.splitlines() if len(line.split()) == 2
        )
        assert lines[figure] == lines["red"] == lines["green"] == "1.0000"


def test_a_limit_beside_finished_results_is_refused(
    small_dataset: Path, perfect: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate("--data", small_dataset, "--detections", perfect, "--limit", 2) == 1
    assert "leave it out with --detections" in capsys.readouterr().err


def test_the_detector_is_run_and_its_detections_kept(
    small_dataset: Path, small_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "new" / "found.json"
    words = ("--data", small_dataset, "--weights", small_weights, "--limit", 2)
    assert evaluate(*words, "--save", kept) == 0
    printed = capsys.readouterr().out
    assert "2 pictures" in printed and "mAP" in printed
    rows = json.loads(kept.read_text())
    assert {row["image_id"] for row in rows} == {1, 2}
    assert {row["category_id"] for row in rows} <= set(CATEGORY_IDS)
    # judged from the file, the figures are the same
    assert judge(kept, read_dataset(small_dataset).subset([0, 1])).table() in printed


def test_a_data_set_of_other_classes_is_refused(
    small_dataset: Path, small_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.json"
    other.write_text(small_dataset.read_text().replace('"green"', '"blue"'))
    words = ("--data", other, "--images", small_dataset.parent, "--weights", small_weights)
    assert evaluate(*words) == 1
    assert "lacks the detector's classes green" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--epochs", "-1"], "training.epochs is -1.0; use 0.0 to"),
        (["--epochs", "nan"], "training.epochs is nan; use 0.0 to"),
        (["--seed", "-1"], "training.seed is -1; use 0 to"),
        (["--recipe", "voc2"], "did you mean 'voc20'?"),
        (["--data", "none.json"], "none.json: no such file"),
    ],
)
def test_options_of_train_are_checked_before_it_starts(
    words: list[str], said: str, small_dataset: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert main(["train", "--data", str(small_dataset), *words]) == 1
    errors = capsys.readouterr().err
    assert said in errors and len(errors.splitlines()) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("emptied", ["annotations", "images"])
def test_a_data_set_with_nothing_to_learn_from_is_refused(
    emptied: str, small_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(small_dataset.read_text())
    data = tmp_path / "bare.json"
    data.write_text(json.dumps({**document, emptied: [], "annotations": []}))
    assert main(["train", "--data", str(data), "-o", str(tmp_path / "run")]) == 1
    assert "bare.json: holds no boxes to learn from" in capsys.readouterr().err
