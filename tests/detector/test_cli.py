"""The arguments of `detect`, the place of its results, and faults in one line each."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from detector.cli import main
from detector.commands.parser import parse
from tests.detector.command import detect, save


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["--version"]])
def test_help_answers(words: list[str]) -> None:
    command = [sys.executable, "-m", "detector.cli", *words]
    found = subprocess.run(command, capture_output=True, text=True)
    assert found.returncode == 0 and found.stderr == ""
    assert "detect" in found.stdout


@pytest.mark.parametrize("colour", [{"NO_COLOR": "1"}, {"FORCE_COLOR": "1"}])
def test_the_help_prints_square_brackets_as_they_are(
    colour: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    for name, value in {"TERM": "xterm-256color", **colour}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        main(["image", "--help"])
    shown = capsys.readouterr().out
    assert ("\x1b[" in shown) == ("FORCE_COLOR" in colour)
    assert '{"street.jpg": [[x1, y1, x2, y2], ...]}' in re.sub(r"\x1b\[[0-9;]*m", "", shown)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--threshold", "1.5", "a.jpg"], "1.5 is not between 0 and 1"),
        (["--threshold", "high", "a.jpg"], "high is not between 0 and 1"),
        (["--max-detections", "0", "a.jpg"], "0 is not an integer of at least 1"),
        (["--max-detections", "few", "a.jpg"], "few is not an integer of at least 1"),
        (["evaluate"], "--data"),
        (["a.jpg", "--nonsense"], "nonsense"),
        (["trian"], "trian: neither a command nor a file; did you mean 'train'?"),
        (["trian", "--data", "x.json"], "did you mean 'train'?"),
    ],
)
def test_wrong_options_exit_with_2(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2 and message in capsys.readouterr().err.replace("\n", " ")


def test_a_folder_may_have_almost_the_name_of_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "trian").mkdir()
    assert parse(["trian"]).command == "image"


def test_json_to_standard_output_is_nothing_but_json(
    small_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "street.png")
    run = detect("--json", "-", "--weights", small_weights, "street.png")
    assert run.code == 0 and json.loads(run.out)["images"][0]["file_name"] == "street.png"
    assert os.listdir(tmp_path) == ["street.png"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--recipe", "mine.yaml"], "unknown key 'short_sid'; did you mean 'short_side'?"),
        (["--recipe", "voc2"], "did you mean 'voc20'?"),
        (["--weights", "none.safetensors"], "none.safetensors: no such file"),
        (["--weights", "runs/none"], "runs/none: no such file"),
        (["--device", "nonsense"], "use cpu, cuda"),
        (["--proposals", "quick"], "neither a mode (single, fast, "),
        (["--proposals", "none.jsonl"], "none.jsonl: neither a mode (single, fast, "),
        (["--json", "."], "--json .: a folder"),
        (["--json", "street.png/x.json"], "street.png is a file, not a folder; name another"),
        (["--json", "link.json"], "--json link.json: "),
        (["-o", "full"], "detect: full/detections.json: a folder; name a file in it"),
        (["nothing/"], "nothing"),
    ],
)
def test_a_wrong_argument_is_one_line(
    words: list[str], message: str, small_weights: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "street.png")
    (tmp_path / "mine.yaml").write_text("network: {short_sid: 64}\n")
    (tmp_path / "nothing").mkdir()
    (tmp_path / "full" / "detections.json").mkdir(parents=True)
    (tmp_path / "link.json").symlink_to("street.png/new/x.json")
    weights = [] if {"--weights", "--recipe"} & set(words) else ["--weights", str(small_weights)]
    pictures = [] if "nothing/" in words else ["street.png"]
    run = detect(*weights, *words, *pictures)
    assert run.code == 1 and message in run.errors and run.errors.startswith("detect: ")
    assert len(run.errors.splitlines()) == 1
    assert not (tmp_path / "detections").exists()


def test_without_arguments_the_help_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([])
    assert stop.value.code == 0
    assert "detect street.jpg" in capsys.readouterr().out
