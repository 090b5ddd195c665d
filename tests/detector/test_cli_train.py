"""`detect train` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from detector.cli import main


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
