"""The settings of the machine, which the commands that train take as options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from detector.training_loop.machine import Machine
from tests.detector.command import detect

WORDS = ("--precision", "fp32", "--checkpoint-minutes", "0.5", "--crops-per-pass", "8")


@pytest.fixture
def machines(monkeypatch: pytest.MonkeyPatch) -> list[Machine]:
    """The machines of the trainings that the commands would run."""
    found: list[Machine] = []

    def train(*_: Any, machine: Machine, **__: Any) -> None:
        found.append(machine)

    monkeypatch.setattr("detector.training.run.train", train)
    monkeypatch.setattr("detector.classification.pretrain.pretrain", train)
    return found


def test_options_that_are_left_out_keep_their_defaults(
    machines: list[Machine], small_dataset: Path, tmp_path: Path
) -> None:
    assert detect("train", "--data", small_dataset).code == 0
    assert detect("pretrain", "--data", tmp_path).code == 0
    assert machines == [Machine(), Machine()]


def test_train_takes_all_options(machines: list[Machine], small_dataset: Path) -> None:
    words = (*WORDS, "--images-per-pass", "1", "--memory-gb", "0")
    assert detect("train", "--data", small_dataset, *words).code == 0
    assert machines == [Machine("fp32", 0.5, 0.0, 1, 8)]


def test_pretrain_takes_those_that_concern_it(machines: list[Machine], tmp_path: Path) -> None:
    assert detect("pretrain", "--data", tmp_path, *WORDS).code == 0
    assert machines == [Machine("fp32", 0.5, crops_per_pass=8)]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--memory-gb", "-1"], "-1 is not a number of at least 0"),
        (["--memory-gb", "inf"], "inf is not a number of at least 0"),
        (["--checkpoint-minutes", "nan"], "nan is not a number of at least 0"),
        (["--images-per-pass", "0"], "0 is not an integer of at least 1"),
        (["--precision", "fp16"], "--precision: no choice 'fp16'; did you mean 'bf16'?"),
    ],
)
def test_wrong_values_exit_with_2(words: list[str], message: str, small_dataset: Path) -> None:
    run = detect("train", "--data", small_dataset, *words)
    assert run.code == 2 and message in run.errors and len(run.errors.splitlines()) == 1
