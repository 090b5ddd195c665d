"""An ensemble against its members: a row is what `detect evaluate` finds with those networks."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from detector import Detector
from tests.detector.command import detect
from tests.detector.test_combine import biased

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
NO_REFINE = "postprocess.refine_boxes=0"
UNMOVED = "postprocess.regress=false"
GEOMETRIC = "network.average=geometric"


@pytest.fixture
def members(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("members")


@pytest.fixture
def pair(small_weights: Path, tmp_path: Path) -> dict[str, Path]:
    """Files of two networks that disagree, and of both together."""
    one = Detector.load(small_weights, device="cpu")
    other = biased(one, 2.0)
    with torch.no_grad():
        other.model.classifier.weight[2] += 0.02
    found = {"one": one, "other": other, "both": Detector.combine([one, other])}
    for name, detector in found.items():
        detector.save(tmp_path / f"{name}.safetensors")
    return {name: tmp_path / f"{name}.safetensors" for name in found}


def lines(folder: Path) -> list[list[dict[str, Any]]]:
    text = (folder / "detections.jsonl").read_text(encoding="utf-8")
    return [json.loads(line)["detections"] for line in text.splitlines()]


def start(members: ModuleType, monkeypatch: pytest.MonkeyPatch, *words: object) -> None:
    monkeypatch.setattr("sys.argv", ["members.py", *map(str, words)])
    members.main()


def test_rows_are_those_of_the_command(
    members: ModuleType,
    pair: dict[str, Path],
    small_dataset: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output, limit = tmp_path / "rows", ("--limit", 3)
    rows = ("--row", UNMOVED, "--row", "", "--row", GEOMETRIC)
    about = ("--data", small_dataset, "--output", output, *rows)
    start(members, monkeypatch, pair["both"], *about, *limit)
    printed = capsys.readouterr().out
    names = ("member-1-shared", "member-2-shared", "together")
    plain = [f"{name}-{UNMOVED}" for name in names]
    assert [name for name in (*plain, *names) if f"| {name} |" in printed] == [*plain, *names]
    assert printed.count("mean of the 2 members") == 3

    def evaluated(name: str, *words: object) -> list[list[dict[str, Any]]]:
        folder = tmp_path / "-".join(["evaluated", name, *map(str, words)])
        run = detect(
            "evaluate", "--data", small_dataset, "--weights", pair[name], "--output", folder,
            "--device", "cpu", "--set", NO_REFINE, *limit, *words,
        )  # fmt: skip
        assert run.code == 0, run.errors
        return lines(folder)

    assert lines(output / names[0]) == evaluated("one")
    assert lines(output / names[1]) == evaluated("other")
    assert lines(output / names[2]) == evaluated("both")
    assert lines(output / plain[1]) == evaluated("other", "--set", UNMOVED)
    assert lines(output / plain[2]) == evaluated("both", "--set", UNMOVED)
    product = output / f"together-{GEOMETRIC}"
    assert lines(product) == evaluated("both", "--set", GEOMETRIC) != lines(output / "together")
    assert lines(output / names[0]) != lines(output / names[1])

    # Killed in the third picture, it does only what is missing
    cut = output / names[2] / "detections.jsonl"
    whole = cut.read_bytes()
    cut.write_bytes(whole[: whole.rindex(b'{"image_id"')])
    monkeypatch.setattr(members, "read_scaled", counted := Counted(members.read_scaled))
    start(members, monkeypatch, pair["both"], *about, *limit)
    assert counted.calls == 1 and lines(output / names[2]) == evaluated("both")


def test_all_rows_share_one_prediction_of_each_network(
    members: ModuleType,
    pair: dict[str, Path],
    small_dataset: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(members, "predict_each", counted := Counted(members.predict_each))
    about = ("--data", small_dataset, "--output", tmp_path / "rows", "--limit", 2)
    start(members, monkeypatch, pair["both"], *about, "--row", "", "--row", UNMOVED)
    assert counted.calls == 2  # photographs; all networks together


class Counted:
    """A function that counts its calls."""

    def __init__(self, function: Any) -> None:
        self.function, self.calls = function, 0

    def __call__(self, *words: Any) -> Any:
        self.calls += 1
        return self.function(*words)


def test_only_what_shares_the_passes_is_a_row(
    members: ModuleType,
    pair: dict[str, Path],
    small_dataset: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    about = ("--data", small_dataset, "--output", tmp_path / "rows")
    with pytest.raises(SystemExit):
        start(members, monkeypatch, pair["both"], *about, "--row", "network.mirror=true")
    assert "only postprocess. and network.average share" in capsys.readouterr().err
    assert not (tmp_path / "rows").exists()
