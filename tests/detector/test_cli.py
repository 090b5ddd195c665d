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
        (["--threshold", "０.４", "a.jpg"], "--threshold: ０.４ is not between 0 and 1"),
        (["--max-detections", "４", "a.jpg"], "--max-detections: ４ is not an integer"),
        (["--device", "cuda:４", "a.jpg"], "--device: cuda:４ is no device; use cpu, cuda"),
        (["--device", "nonsense", "a.jpg"], "--device: nonsense is no device; use cpu, cuda"),
        (["evaluate"], "required: --data; see `detect evaluate --help`"),
        (["a.jpg", "--nonsense"], "--nonsense: no option of `detect image`; `detect image --help`"),
        (["a.jpg", "--thresold", "0.3"], "--thresold: no option of `detect image`; did you mean '"),
        (
            ["a.jpg", "--Threshold=0.3"],
            "--Threshold=0.3: no option of `detect image`; did you",
        ),
        (["a.jpg", "--max", "3"], "--max: no option of `detect image`; did you mean '--max-detec"),
        (["a.jpg", "-output", "x"], "-output: no option of `detect image`; did you mean '--outpu"),
        (["a.jpg", "-x"], "-x: no option of `detect image`; "),
        (
            ["evaluate", "--dta", "x"],
            "--dta: no option of `detect evaluate`; did you mean '--dat",
        ),
        (["a.jpg", "--conf", "0.3"], "--conf: no option of `detect image`; did you mean '--thresh"),
        (["a.jpg", "--format", "csv"], "--format: no option of `detect image`; did you mean '--sa"),
        (["convert", "x", "--format", "csv"], "did you mean '--to'?"),
        (["evaluate", "--annotations", "x"], "did you mean '--data'?"),
        (["a.jpg", "--save-crops=yes"], "--save-crops: takes no value"),
        (
            ["--classes", "person", "dog", "street.png"],
            "--classes: commas separate its values: --classes person,dog",
        ),
        (
            ["street.png", "--save-as", "csv", "coco"],
            "--save-as: commas separate its values: --save-as csv,coco",
        ),
        (["--data", "x.json"], "it is one of `detect evaluate`: name the command first"),
        (
            ["evaluate", "--data", ".", "--protocol", "coko"],
            "no choice 'coko'; did you mean 'co",
        ),
        (["trian"], "trian: neither a command nor a file; did you mean 'train'?"),
        (["trian", "--data", "x.json"], "did you mean 'train'?"),
        (["Train"], "did you mean 'train'?"),
        (["stret"], "stret: neither a command nor a file; did you mean street.png?"),
        (["nothing-like-it"], "nothing-like-it: neither a command nor a file; "),
        ([""], "an argument is empty"),
        (["street.png", " "], "an argument is empty"),
        (["street.png", "--weights="], "--weights: '' is no path"),
        (["street.png", "--recipe", "mine.yaml"], "unknown key 'short_sid'; did you mean 'short_"),
        (["street.png", "--recipe", "voc2"], "did you mean 'voc20'?"),
        (["street.png", "--weights", "none.safetensors"], "none.safetensors: no such file"),
        (["street.png", "--weights", "runs/none"], "runs/none: no such file"),
        (["street.png", "--set", "nonsense=1"], "--set: unknown key 'nonsense'"),
        (["street.png", "--json", "."], "--json: .: a folder"),
        (["street.png", "--json", "street.png/x.json"], "street.png is a file, not a folder; name"),
        (["street.png", "--json", "link.json"], "--json: link.json: "),
        (["street.png", "-o", "street.png"], "--output: street.png: "),
        (["evaluate", "--data", "none.json"], "--data: none.json: no such file"),
        (["evaluate", "--data", ".", "--detections", "none"], "--detections: none: no such file"),
        (["evaluate", "--data", ".", "--detections", "none*"], "--detections: none*: no such file"),
        (["evaluate", "--data", ".", "--report", "street.png"], "--report: street.png: "),
        (["check", "none.json"], "none.json: no such file"),
        (["check", ".", "--data", "none.json"], "--data: none.json: no such file"),
        (["propose", "street.png", "-o", "street.png"], "--output: street.png: "),
    ],
)
def test_a_wrong_command_line_is_refused_before_any_work(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "street.png")
    (tmp_path / "mine.yaml").write_text("network: {short_sid: 64}\n")
    (tmp_path / "link.json").symlink_to("street.png/new/x.json")
    before = sorted(os.listdir(tmp_path))
    run = detect(*words)
    assert run.code == 2 and message in run.errors and run.errors.startswith("detect: ")
    assert len(run.errors.splitlines()) == 1 and sorted(os.listdir(tmp_path)) == before


def test_a_refusal_loads_nothing_heavy(tmp_path: Path) -> None:
    """Even for options whose files are looked for."""
    code = (
        "import sys; from detector.cli import main; "
        "code = main(['a.jpg', '--recipe', 'voc20', '--set', 'network.mirror=true', '-o', 'x', "
        "'--device', 'cpu', '--weights', 'none']); "
        "print(code, *{'torch', 'numba', 'cv2', 'numpy', 'PIL', 'matplotlib'} & sys.modules.keys())"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.stdout == "2\n" and "--weights: none: no such file" in found.stderr


def test_pictures_and_options_may_alternate() -> None:
    arguments = parse(["a.jpg", "--threshold", "0.3", "b.jpg", "-oout", "c.jpg"])
    assert arguments.pictures == ["a.jpg", "b.jpg", "c.jpg"]
    assert (arguments.threshold, arguments.output) == (0.3, Path("out"))


def test_a_picture_may_have_the_name_of_an_option() -> None:
    assert parse(["--", "--threshold"]).pictures == ["--threshold"]


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
        (["--proposals", "quick"], "neither a mode (single, fast, "),
        (["--proposals", "none.jsonl"], "none.jsonl: neither a mode (single, fast, "),
        (["-o", "full"], "detect: full/detections.json: a folder; name a file in it"),
        (["nothing/"], "nothing"),
        (["none.png"], "none.png: no such file"),
        (
            ["stret.png", "none.png"],
            "none of 2 pictures can be opened: stret.png: no such file",
        ),
    ],
)
def test_a_wrong_argument_is_one_line(
    words: list[str], message: str, small_weights: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "street.png")
    (tmp_path / "nothing").mkdir()
    (tmp_path / "full" / "detections.json").mkdir(parents=True)
    pictures = ["street.png"] if words[0].startswith("-") else []
    run = detect("--weights", small_weights, *words, *pictures)
    assert run.code == 1 and message in run.errors and run.errors.startswith("detect: ")
    assert len(run.errors.splitlines()) == 1
    assert not (tmp_path / "detections").exists()


def test_without_arguments_the_help_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([])
    assert stop.value.code == 0
    shown = capsys.readouterr().out
    assert "detect street.jpg" in shown
    assert all(word in shown for word in ("--threshold", "--weights", "evaluate", "classify"))


@pytest.mark.parametrize("count", [0, 2])
@pytest.mark.parametrize("number", [7, 99])
def test_a_gpu_that_is_not_there_is_refused(
    number: int, count: int, small_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    def none(*_: Any, **__: Any) -> None:
        raise RuntimeError("CUDA error: invalid device ordinal\nIt might be reported later")

    monkeypatch.setattr(torch, "zeros", none)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    words = ("--weights", small_weights, save(tmp_path / "street.png"))
    run = detect(*words, "--device", f"cuda:{number}")
    found = "cuda:0, cuda:1; use one of them" if count else "no GPU with CUDA on this machine"
    assert (run.code, len(run.errors.splitlines())) == (2, 1)
    assert f"detect: --device cuda:{number}: torch finds {found}" in run.errors


@pytest.mark.parametrize(
    "phase",
    [
        "detector.commands.parser.parse",
        "detector.commands.image.find_sources",
        "detector.commands.image.load_detector",
        "detector.commands.image._load_kernels",
        "detector.pipeline.Detector.__call__",
        "detector.prediction.output.Output.finish",
    ],
)
def test_ctrl_c_is_one_line_in_every_phase(
    phase: str, small_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(phase, interrupt)
    picture = save(tmp_path / "street.png")
    run = detect("--weights", small_weights, "-o", tmp_path / "out", picture)
    assert run.code == 130 and run.errors.splitlines()[-1] == "detect: interrupted"


def test_too_little_memory_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr("detector.commands.image.find_sources", fill)
    run = detect(save(tmp_path / "street.png"), "-o", tmp_path / "out")
    assert run.code == 1
    assert run.errors == (
        "detect: not enough memory; name fewer or smaller files, or use a machine with more\n"
    )


def test_a_picture_that_looks_like_an_option_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save(Path("-dash.png"))
    run = detect("-dash.png")
    assert run.code == 2 and run.errors == (
        "detect: -dash.png: no option of `detect image`; the file of that name is ./-dash.png\n"
    )
